// A host's own tables and ours in one transaction, on PostgreSQL: both are there after the commit, and neither after a rollback.
// Run it with `npm run example examples/inside-a-transaction.ts`.

import { type Generated, Kysely, Migrator, PostgresDialect, type Transaction } from 'kysely'
import {
  createFlowRuns,
  createWorkQueue,
  explainFlowRun,
  formatExplanation,
  readFlowRuns,
  readWorkQueueByName,
  WorkQueueExistsError,
  type WorkQueueTables,
} from 'kysely-work-queues'
import { migrations } from 'kysely-work-queues/migrations'
import { createDatabase } from './support/database.js'
import { openPool } from './support/pool.js'

/** The host's database: its own table, and ours. */
interface Database extends WorkQueueTables {
  invoice: { id: Generated<number>; customer: string; flow_run_id: string | null }
}

await using database = await createDatabase()
await using db = new Kysely<Database>({
  dialect: new PostgresDialect({ pool: openPool({ connectionString: database.url }) }),
})
const { error } = await new Migrator({ db, provider: { getMigrations: async () => migrations } }).migrateToLatest()
if (error !== undefined) throw error
await db.schema
  .createTable('invoice')
  .addColumn('id', 'serial', (column) => column.primaryKey())
  .addColumn('customer', 'text', (column) => column.notNull())
  .addColumn('flow_run_id', 'uuid', (column) => column.references('flow_run.id'))
  .execute()

/** The host's own operation: an invoice, the queue it is sent by, and the run that sends it. */
async function orderInvoice(trx: Transaction<Database>, customer: string): Promise<string> {
  // A queue that is there already is no reason to give up: the error leaves the transaction usable.
  try {
    await createWorkQueue(trx, { name: 'invoices', concurrencyLimit: 2 })
    say('created the queue "invoices"')
  } catch (error) {
    if (!(error instanceof WorkQueueExistsError)) throw error
    say(`the queue "${error.workQueueName}" is there already`)
  }
  const queue = await readWorkQueueByName(trx, 'invoices')
  if (queue === undefined) throw new Error('The queue was just there.')
  const [run] = await createFlowRuns(trx, [
    { name: `invoice for ${customer}`, workQueueId: queue.id, nextScheduledStartTime: new Date() },
  ])
  if (run === undefined) throw new Error('A run for each input.')
  await trx.insertInto('invoice').values({ customer, flow_run_id: run.id }).execute()
  return run.id
}

step('An invoice and its run are committed together')
const runId = await db.transaction().execute((trx) => orderInvoice(trx, 'Ada'))
await show()

step('The second order fails at its end: a rollback undoes both')
try {
  await db.transaction().execute(async (trx) => {
    await orderInvoice(trx, 'Grace')
    await show(trx)
    throw new Error('the card was declined')
  })
} catch (error) {
  say(`rolled back: ${(error as Error).message}`)
}
await show()

step('A savepoint undoes a part: the run of the third order, and not the order')
const third = await db.startTransaction().execute()
await third.insertInto('invoice').values({ customer: 'Edsger', flow_run_id: null }).execute()
const savepoint = await third.savepoint('before_the_run').execute()
await createFlowRuns(savepoint, [{ name: 'invoice for Edsger', workQueueName: 'invoices' }])
await savepoint.rollbackToSavepoint('before_the_run').execute()
await third.commit().execute()
await show()

step('Once committed, the run is there for pollers')
say(formatExplanation(await explainFlowRun(db, runId)))

async function show(session: Kysely<Database> = db): Promise<void> {
  const invoices = await session.selectFrom('invoice').select('customer').orderBy('id').execute()
  const runs = await readFlowRuns(session)
  say(`invoices: ${list(invoices.map(({ customer }) => customer))}; runs: ${list(runs.map(({ name }) => name))}`)
}

function list(names: readonly string[]): string {
  return names.join(', ') || 'none'
}

function step(title: string): void {
  console.log(`\n${title}`)
}

function say(text: string): void {
  console.log(text.replace(/^/gm, '  '))
}
