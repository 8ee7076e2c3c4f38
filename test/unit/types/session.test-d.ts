// Compiled under TypeScript 7 with everything else, and under 5.9 by `npm run typecheck:5.9`; it never runs. Which sessions a
// function takes depends on the compiler: `Kysely<WorkQueueTables>` as the parameter would refuse most of these.

import type { ColumnType, ControlledTransaction, Kysely, Transaction } from 'kysely'
import {
  claimScheduledFlowRuns,
  createWorkQueue,
  getRunsInWorkQueue,
  readWorkQueue,
  type RequiredTables,
  type Session,
  type WorkQueue,
  type WorkQueueTables,
} from 'kysely-work-queues'

interface Host extends WorkQueueTables {
  invoice: { id: string; amount: number }
}

declare const db: Kysely<Host>
declare const transaction: Transaction<Host>
declare const controlled: ControlledTransaction<Host, ['saved']>
declare const controlledAnywhere: ControlledTransaction<Host, any>
declare const either: Kysely<Host> | Transaction<Host>
declare const whichever: Kysely<Host> | Transaction<Host> | ControlledTransaction<Host>
declare const plain: Kysely<WorkQueueTables>

void createWorkQueue(db, { name: 'etl' })
void createWorkQueue(transaction, { name: 'etl' })
void createWorkQueue(controlled, { name: 'etl' })
void createWorkQueue(controlledAnywhere, { name: 'etl' })
void createWorkQueue(either, { name: 'etl' })
void createWorkQueue(whichever, { name: 'etl' })
void createWorkQueue(plain, { name: 'etl' })
void createWorkQueue(db.withSchema('orchestration'), { name: 'etl' })
void createWorkQueue(db.withoutPlugins(), { name: 'etl' })
void createWorkQueue(transaction.withSchema('orchestration'), { name: 'etl' })
void createWorkQueue(db.withTables<{ more: { id: string } }>(), { name: 'etl' }) // `$extendTables` from Kysely 0.29 on
void createWorkQueue(transaction.withTables<{ more: { id: string } }>(), { name: 'etl' })
void db.transaction().execute((trx) => createWorkQueue(trx, { name: 'etl' }))
void db.connection().execute((connection) => createWorkQueue(connection, { name: 'etl' }))

/** A host's own function, generic over its database. */
export async function poll<DB extends WorkQueueTables>(session: Kysely<DB>, id: string): Promise<number> {
  return (await getRunsInWorkQueue(session, id)).runs.length
}
void poll(db, '')
void poll(plain, '')

/** One that takes a transaction, and one that asks for no more than this library does. */
export async function inTransaction<DB extends WorkQueueTables>(trx: Transaction<DB>, id: string): Promise<void> {
  await createWorkQueue(trx, { name: 'etl' })
  await poll(trx, id)
}
export async function claim<DB extends RequiredTables>(session: Session<DB>): Promise<number> {
  return (await claimScheduledFlowRuns(session, { limit: 1 })).length
}
void inTransaction(transaction, '')
void claim(db)
void claim(controlled)
const session: Session<Host> = db
void createWorkQueue(session, { name: 'etl' })

// What comes back is plain, whatever the session.
const queue: Promise<WorkQueue | undefined> = readWorkQueue(either, '')
void queue

// Types as kysely-codegen writes them, with wrappers of its own.
type Generated<T> =
  T extends ColumnType<infer S, infer I, infer U> ? ColumnType<S, I | undefined, U> : ColumnType<T, T | undefined, T>
type Timestamp = ColumnType<Date, Date | string, Date | string>
interface Codegen {
  flow_run: { id: Generated<string>; created: Generated<Timestamp>; parameters: Generated<unknown> }
  flow_run_state: { id: Generated<string>; type: string }
  work_pool: { id: Generated<string>; name: string }
  work_queue: { id: Generated<string>; name: string; priority: Generated<number> }
  worker: { id: Generated<string>; status: Generated<'ONLINE' | 'OFFLINE'> }
  invoice: { id: string }
}
declare const generated: Kysely<Codegen>
declare const generatedTransaction: Transaction<Codegen>
void createWorkQueue(generated, { name: 'etl' })
void createWorkQueue(generatedTransaction, { name: 'etl' })

declare const without: Kysely<{ invoice: { id: string } }>
declare const half: Transaction<Pick<WorkQueueTables, 'work_pool' | 'work_queue'>>
// @ts-expect-error a database without the tables
void createWorkQueue(without, { name: 'etl' })
// @ts-expect-error a database without some of the tables
void createWorkQueue(half, { name: 'etl' })
// @ts-expect-error an input without a name
void createWorkQueue(db, {})
// @ts-expect-error an input with a key that is not known
void createWorkQueue(db, { name: 'etl', colour: 'red' })
