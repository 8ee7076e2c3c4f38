import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import SQLite from 'better-sqlite3'
import { Kysely, Migrator, sql, SqliteDialect } from 'kysely'
import {
  claimRunsInWorkQueue,
  claimScheduledFlowRuns,
  getRunsInWorkQueue,
  getScheduledFlowRuns,
  runUpkeep,
  type WorkQueueTables,
} from 'kysely-work-queues'
import { migrations } from 'kysely-work-queues/migrations'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { factory } from '../support/factory.js'
import { createDatabase, type Db, type PlanDatabase } from './plan-database.js'

interface Place {
  readonly pool: string
  readonly queue: string
  /** With a tag filter. */
  readonly filtered: string
}

/** A pool and a queue, both limited, in which nothing is due at the time of the calls. */
async function idlePlace(database: Pick<PlanDatabase, 'plain' | 'dialect'>): Promise<Place> {
  const make = factory(database)
  const pool = await make.pool({ concurrency_limit: 10 })
  const queue = await make.queue({ work_pool_id: pool, concurrency_limit: 5 })
  const next_scheduled_start_time = new Date('2100-01-01')
  await make.runs(Array.from({ length: 100 }, () => ({ work_queue_id: queue, next_scheduled_start_time })))
  await make.runs(Array.from({ length: 3 }, () => ({ work_queue_id: queue, state_type: 'RUNNING' })))
  const filtered = await make.queue({ filter: { tags: ['x'], deployment_ids: null } })
  return { pool, queue, filtered }
}

const scheduledBefore = new Date('2035-01-01')

/** What a worker calls again and again while nothing is due, and how many statements each call is. */
const idleCalls: [
  title: string,
  statements: number | Record<PlanDatabase['dialect'], number>,
  call: (db: Db, place: Place) => Promise<unknown>,
][] = [
  ['getRunsInWorkQueue', 1, (db, { queue }) => getRunsInWorkQueue(db, queue, { scheduledBefore })],
  ['getScheduledFlowRuns', 1, (db, { pool }) => getScheduledFlowRuns(db, { workPoolIds: [pool], scheduledBefore })],
  ['claimRunsInWorkQueue', 1, (db, { queue }) => claimRunsInWorkQueue(db, queue, { scheduledBefore })],
  [
    'claimRunsInWorkQueue by a tag filter',
    3,
    (db, { filtered }) => claimRunsInWorkQueue(db, filtered, { scheduledBefore }),
  ],
  // The clock, and what each function looks at, in its transaction; on SQLite that begins with an update of nothing.
  [
    'runUpkeep',
    { postgres: 22, sqlite: 33 },
    (db) => runUpkeep(db, { pruneWorkersAfterSeconds: 0, pruneFlowRunsAfterSeconds: 0 }),
  ],
  ['claimScheduledFlowRuns', 1, (db, { pool }) => claimScheduledFlowRuns(db, { workPoolIds: [pool], scheduledBefore })],
]

describe('an idle poll on PostgreSQL', () => {
  let database: PlanDatabase
  let place: Place
  beforeAll(async () => {
    database = await createDatabase('postgres', 'our tables', async (filling) => {
      place = await idlePlace(filling)
    })
  })
  afterAll(async () => {
    await database.destroy()
  })

  test('would show a write', async () => {
    await database.plain.connection().execute(async (connection) => {
      const before = await walOf(connection)
      await connection.updateTable('work_pool').set({ description: 'changed' }).execute()
      expect(await walOf(connection)).not.toEqual(before)
    })
  })

  test.each(idleCalls)('%s is %j statement(s), and writes no WAL', async (_, count, call) => {
    await database.plain.connection().execute(async (connection) => {
      // The first call on a connection may tidy up after the rows were made: that is not the poll's.
      await call(connection, place)
      const before = await walOf(connection)
      database.statements.length = 0
      for (let n = 0; n < 20; n++) await call(connection, place)
      expect(database.statements).toHaveLength(20 * (typeof count === 'number' ? count : count.postgres))
      expect(await walOf(connection)).toEqual(before)
    })
  })
})

/** What this connection has written to the log so far. Other tests write to the same server. */
async function walOf(connection: Db): Promise<unknown> {
  const { rows: settings } = await sql<{ server_version_num: string }>`show server_version_num`.execute(connection)
  if (Number(settings[0]?.server_version_num) < 180_000) {
    const { rows } = await sql`select pg_current_xact_id_if_assigned() as id`.execute(connection)
    return rows
  }
  await sql`select pg_stat_force_next_flush()`.execute(connection)
  const { rows } = await sql`
    select wal_records, wal_bytes from pg_stat_get_backend_wal(pg_backend_pid())
  `.execute(connection)
  return rows
}

describe('an idle poll on a SQLite file', () => {
  const directory = mkdtempSync(join(tmpdir(), 'kysely-work-queues-'))
  const file = join(directory, 'test.db')
  const connection = new SQLite(file)
  connection.pragma('journal_mode = wal')
  const observer = new SQLite(file)
  const statements: string[] = []
  const db: Db = new Kysely<WorkQueueTables>({
    dialect: new SqliteDialect({ database: connection }),
    log: ({ query }) => void statements.push(query.sql),
  })
  let place: Place
  beforeAll(async () => {
    const { error } = await new Migrator({ db, provider: { getMigrations: async () => migrations } }).migrateToLatest()
    if (error !== undefined) throw error
    place = await idlePlace({ plain: db, dialect: 'sqlite' })
  })
  afterAll(async () => {
    await db.destroy()
    observer.close()
    rmSync(directory, { recursive: true, force: true })
  })

  /** The version changes when another connection has written. */
  const changes = (): unknown[] => [
    observer.pragma('data_version', { simple: true }),
    connection.prepare('select total_changes()').pluck().get(),
  ]

  test('would show a write', async () => {
    const before = changes()
    await db.updateTable('work_pool').set({ description: 'changed' }).execute()
    expect(changes()).not.toEqual(before)
  })

  test.each(idleCalls)('%s is %j statement(s), and writes nothing', async (_, count, call) => {
    // A claim that found nothing looks first from then on.
    await call(db, place)
    const before = changes()
    statements.length = 0
    await call(db, place)
    expect(statements).toHaveLength(typeof count === 'number' ? count : count.sqlite)
    expect(changes()).toEqual(before)
  })
})
