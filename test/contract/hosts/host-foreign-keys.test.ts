import { type Kysely, sql } from 'kysely'
import {
  claimRunsInWorkQueue,
  deleteWorker,
  deleteWorkPool,
  deleteWorkQueue,
  pruneFlowRuns,
  pruneWorkers,
  setFlowRunState,
  type WorkQueueTables,
} from 'kysely-work-queues'
import { expect, test } from 'vitest'
import { postgres, sqliteMemory } from '../../support/databases.js'
import { type Contract, describeOnDatabases } from '../../support/describe-databases.js'
import { allRows, factory, testId } from '../../support/factory.js'
import { prefectDatabases } from '../../support/prefect-databases.js'
import { createRole } from './role.js'

// What docs/your-tables.md says of a host's foreign keys to our tables.

const long = new Date('2020-01-01T00:00:00Z')

/** The tables that a row of a host may refer to. */
const REFERRED = ['work_pool', 'work_queue', 'worker', 'flow_run', 'flow_run_state'] as const

type Ids = Readonly<Record<(typeof REFERRED)[number], string>>

/** A row of each of our tables, each of which some function may delete. */
async function makeRows({ make }: Pick<Contract, 'make'>): Promise<Ids> {
  const work_pool = await make.pool()
  const work_queue = await make.queue({ work_pool_id: work_pool })
  const worker = await make.worker({ work_pool_id: work_pool, name: 'w', status: 'OFFLINE', last_heartbeat_time: long })
  const ended = { state_type: 'COMPLETED', state_timestamp: long, end_time: long }
  const flow_run = await make.run({ work_queue_id: work_queue, ...ended })
  const flow_run_state = await make.state({ flow_run_id: flow_run, type: 'COMPLETED', timestamp: long })
  return { work_pool, work_queue, worker, flow_run, flow_run_state }
}

/** Every function that deletes rows, with the tables that these are of. */
const deletes: Record<string, [call: (db: Kysely<WorkQueueTables>, ids: Ids) => Promise<unknown>, tables: string[]]> = {
  deleteWorkQueue: [(db, { work_queue }) => deleteWorkQueue(db, work_queue), ['work_queue']],
  deleteWorkPool: [(db, { work_pool }) => deleteWorkPool(db, work_pool), ['work_pool', 'work_queue', 'worker']],
  deleteWorker: [(db, { work_pool }) => deleteWorker(db, work_pool, 'w'), ['worker']],
  pruneWorkers: [(db) => pruneWorkers(db, { lastHeartbeatBefore: new Date() }), ['worker']],
  pruneFlowRuns: [(db) => pruneFlowRuns(db, { finishedBefore: new Date() }), ['flow_run', 'flow_run_state']],
}

describeOnDatabases(
  'a table of the host that refers to ours',
  (t) => {
    const isPostgres = (): boolean => t.kind.dialect === 'postgres'
    const any = (): Kysely<any> => t.database.plain

    /** A table with a row that refers to each of ours, as the page has it. */
    const refer = async (ids: Ids, onDelete: 'cascade' | 'restrict' | 'set null'): Promise<void> => {
      let table = t.database.plain.schema
        .createTable('note')
        .addColumn('id', isPostgres() ? sql`uuid` : sql`char(36)`, (column) => column.primaryKey())
      for (const name of REFERRED) {
        table = table.addColumn(`of_${name}`, isPostgres() ? sql`uuid` : sql`char(36)`, (column) =>
          column.references(`${name}.id`).onDelete(onDelete),
        )
      }
      await table.execute()
      for (const [n, name] of REFERRED.entries()) {
        await any()
          .insertInto('note')
          .values({ id: testId(n), [`of_${name}`]: ids[name] })
          .execute()
      }
    }
    /** The tables to whose rows the notes still refer. */
    const referred = async (): Promise<string[]> => {
      const notes = await any().selectFrom('note').selectAll().orderBy('id').execute()
      return notes.map((note) => REFERRED.find((name) => note[`of_${name}`] !== null) ?? 'none')
    }

    test.each(Object.entries(deletes))('by a key that cascades loses its rows by %s', async (_, [call, tables]) => {
      const ids = await makeRows(t)
      await refer(ids, 'cascade')
      expect(await referred()).toEqual(REFERRED)
      await call(t.db, ids)
      expect(await referred()).toEqual(REFERRED.filter((name) => !tables.includes(name)))
    })

    test.each(Object.entries(deletes))('by a key that is set to null keeps them, by %s', async (_, [call, tables]) => {
      const ids = await makeRows(t)
      await refer(ids, 'set null')
      await call(t.db, ids)
      expect(await referred()).toEqual(REFERRED.map((name) => (tables.includes(name) ? 'none' : name)))
    })

    test.each(Object.entries(deletes))('by a key that restricts keeps %s from all it would do', async (_, [call]) => {
      const ids = await makeRows(t)
      await refer(ids, 'restrict')
      const before = await allRows(t.database)
      // 23001 is said by newer servers where the key says `restrict`, 23503 where it says nothing.
      const code = isPostgres() ? /^2300[13]|23503$/ : /^SQLITE_CONSTRAINT_(FOREIGNKEY|TRIGGER)$/
      await expect(call(t.db, ids)).rejects.toMatchObject({ code: expect.stringMatching(code) })
      expect(await allRows(t.database)).toEqual(before)
    })

    test('takes no reference to a row that is not there', async () => {
      await refer(await makeRows(t), 'cascade')
      const note = { id: testId(99), of_flow_run: testId(98) }
      await expect(any().insertInto('note').values(note).execute()).rejects.toThrow(/foreign key/i)
    })
  },
  [sqliteMemory, postgres, ...prefectDatabases],
)

describeOnDatabases(
  'on PostgreSQL, a row of a host that refers to a run',
  (t) => {
    const makeInvoices = async (): Promise<{ queue: string; run: string }> => {
      await sql`create table invoice (id serial, flow_run_id uuid references flow_run)`.execute(t.database.plain)
      const queue = await t.make.queue()
      return { queue, run: await t.make.run({ work_queue_id: queue, next_scheduled_start_time: long }) }
    }
    const insert = (db: Kysely<WorkQueueTables>, run: string): Promise<unknown> =>
      sql`insert into invoice (flow_run_id) values (${run})`.execute(db)

    test('locks it until its transaction ends: claims pass over it, and a change of its state does not wait', async () => {
      const { queue, run } = await makeInvoices()
      const trx = await t.db.startTransaction().execute()
      await insert(trx, run)
      const { runs: none } = await claimRunsInWorkQueue(t.db, queue)
      expect(none).toEqual([])
      expect(await setFlowRunState(t.db, run, { type: 'SCHEDULED' })).toMatchObject({ id: run })
      await trx.commit().execute()
      const { runs } = await claimRunsInWorkQueue(t.db, queue, { scheduledBefore: null })
      expect(runs.map(({ id }) => id)).toEqual([run])
    })

    test('needs no grant on our tables, only its table’s key does', async () => {
      const { run } = await makeInvoices()
      await using role = await createRole(t.database.plain)
      await sql`grant insert on invoice to ${role.name}`.execute(t.database.plain)
      await sql`grant usage on sequence invoice_id_seq to ${role.name}`.execute(t.database.plain)
      await role.as((db) => insert(db, run))
      await sql`grant create on schema public to ${role.name}`.execute(t.database.plain)
      const create = (name: string) =>
        role.as((db) => sql`create table ${sql.id(name)} (flow_run_id uuid references flow_run)`.execute(db))
      await expect(create('refused')).rejects.toMatchObject({ code: '42501' })
      await sql`grant references on flow_run to ${role.name}`.execute(t.database.plain)
      await create('receipt')
    })
  },
  [postgres],
)

describeOnDatabases(
  'on a SQLite connection that enforces no foreign keys,',
  (t) => {
    test.each(Object.entries(deletes))('%s leaves the same rows as on one that does', async (_, [call]) => {
      const left = async (enforced: 'on' | 'off'): Promise<unknown> => {
        await using database = await t.kind.create()
        await sql`pragma foreign_keys = ${sql.raw(enforced)}`.execute(database.plain)
        const make = factory(database)
        const ids = await makeRows({ make })
        await make.lease({ flow_run_id: ids.flow_run, state_id: ids.flow_run_state })
        await call(database.db, ids)
        const rows = await allRows(database)
        const queues = rows['flow_run']?.map((run) => (run as { work_queue_id: unknown }).work_queue_id === null)
        return { queues, ...Object.fromEntries(Object.entries(rows).map(([table, { length }]) => [table, length])) }
      }
      expect(await left('off')).toEqual(await left('on'))
    })
  },
  [sqliteMemory],
)
