import { CompiledQuery, sql } from 'kysely'
import {
  deleteWorkPool,
  markWorkersOffline,
  markWorkPoolsNotReady,
  markWorkQueuesNotReady,
  pruneWorkers,
  readWorkers,
  updateWorkPool,
} from 'kysely-work-queues'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { factory } from '../support/factory.js'
import { record, undone } from './plan-recorder.js'
import { createDatabase, type Db, type PlanDatabase, type Tables } from './plan-database.js'
import { titled } from './titled.js'

const now = new Date('2035-01-01T12:00:00.000Z')
const MANY = 3_000

interface Ids {
  /** A pool with many OFFLINE workers and one that is ONLINE and silent. */
  readonly pool: string
  /** A pool of a hundred queues, among many pools. */
  readonly large: string
}

/** What was marked long ago: workers OFFLINE, pools and queues NOT_READY. Beside it one of each that is to be marked. */
async function seed(database: PlanDatabase): Promise<Ids> {
  const make = factory(database)
  const pool = await make.pool({ status: 'READY' })
  const large = await make.pool({ status: 'READY' })
  const rows = (count: number, row: object) => Array.from({ length: count }, (_, n) => ({ name: `row ${n}`, ...row }))
  const work_pool_id = pool
  await make.rows('worker', rows(MANY, { work_pool_id, status: 'OFFLINE', last_heartbeat_time: new Date(0) }))
  await make.worker({ work_pool_id, last_heartbeat_time: new Date(0) })
  const pools = await make.rows('work_pool', rows(MANY, { type: 'process', status: 'NOT_READY', ...JSON_COLUMNS }))
  const old = { status: 'NOT_READY', last_polled: new Date(0), description: '', priority: 1 }
  await make.rows(
    'work_queue',
    pools.map((id) => ({ name: 'default', work_pool_id: id, ...old })),
  )
  await make.rows('work_queue', rows(100, { work_pool_id: large, ...old }))
  await make.queue({ work_pool_id: large, status: 'READY', last_polled: new Date(0) })
  await sql`update work_pool set default_queue_id = (
    select id from work_queue where work_pool_id = work_pool.id order by id limit 1)`.execute(database.plain)
  return { pool, large }
}

const JSON_COLUMNS = { base_job_template: {}, storage_configuration: {} }

interface Call {
  readonly title: string
  readonly call: (db: Db, ids: Ids) => Promise<unknown>
  /** How many rows of workers, pools and queues it may read. */
  readonly rows: number
}

const calls: readonly Call[] = [
  { title: 'markWorkersOffline', call: (db) => markWorkersOffline(db, { now }), rows: 10 },
  { title: 'markWorkPoolsNotReady', call: (db) => markWorkPoolsNotReady(db, { now }), rows: 20 },
  {
    title: 'markWorkQueuesNotReady',
    call: (db) => markWorkQueuesNotReady(db, { lastPolledBefore: now, now }),
    rows: 10,
  },
  { title: 'pruneWorkers', call: (db) => pruneWorkers(db, { lastHeartbeatBefore: now, limit: 5 }), rows: 20 },
  {
    title: 'pruneWorkers that finds none',
    call: (db) => pruneWorkers(db, { lastHeartbeatBefore: new Date(0) }),
    rows: 0,
  },
  {
    title: 'readWorkers that are ONLINE',
    call: (db, { pool }) => readWorkers(db, pool, { status: 'ONLINE' }),
    rows: 10,
  },
  {
    title: 'updateWorkPool that resumes',
    call: (db, { large }) => updateWorkPool(db, large, { isPaused: false }),
    rows: 20,
  },
  { title: 'deleteWorkPool of 100 queues', call: (db, { large }) => deleteWorkPool(db, large), rows: 1_500 },
]

const kinds: readonly Tables[] = ['our tables', 'Prefect’s tables']

describe.each(kinds)('upkeep on %s, beside what was marked before', (tables) => {
  describe.each(['postgres', 'sqlite'] as const)('%s', (dialect) => {
    let database: PlanDatabase
    let ids: Ids

    beforeAll(async () => {
      database = await createDatabase(dialect, tables, async (filling) => {
        ids = await seed(filling)
      })
    })
    afterAll(async () => {
      await database.destroy()
    })

    const expectFew = async ({ call, rows }: Call): Promise<void> => {
      if (dialect === 'postgres') {
        const read = await undone(database, async (trx) => {
          const before = await rowsRead(trx)
          await call(trx, ids)
          return (await rowsRead(trx)) - before
        })
        expect(read).toBeLessThanOrEqual(rows)
        return
      }
      const queries = await record(database, (db) => call(db, ids))
      // SQLite's write lock is taken by an update of nothing.
      const asked = queries.filter((query) => !query.sql.endsWith('where 0 = 1'))
      expect(asked.length).toBeGreaterThan(0)
      for (const query of asked) expect(await scans(database.plain, query), query.sql).toEqual([])
    }

    describe('statistics absent', () => {
      test.each(titled(calls))('%s', async (_, call) => await expectFew(call))
    })
    describe('statistics fresh', () => {
      beforeAll(async () => {
        await sql`analyze`.execute(database.plain)
      })
      test.each(titled(calls))('%s', async (_, call) => await expectFew(call))
    })
  })
})

/** How many rows this transaction has read so far, by scans and by indexes, for foreign keys too. */
async function rowsRead(trx: Db): Promise<number> {
  const { rows } = await sql<{ read: unknown }>`
    select sum(coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0)) as read from pg_stat_xact_user_tables
    where relname in ('worker', 'work_pool', 'work_queue')`.execute(trx)
  return Number(rows[0]?.read)
}

/** What a statement reads from one end to the other, but for partial indexes, which hold what there is to do. */
async function scans(db: Db, query: CompiledQuery): Promise<string[]> {
  const { rows } = await db.executeQuery<{ detail: string }>(
    CompiledQuery.raw(`explain query plan ${query.sql}`, [...query.parameters]),
  )
  const details = rows.map(({ detail }) => detail)
  return details.filter((detail) =>
    /^SCAN (?:pool|queue|worker|work_\w+)\b(?!.*__(?:ready|online|offline))/.test(detail),
  )
}
