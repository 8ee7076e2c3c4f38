import type SQLite from 'better-sqlite3'
import { Kysely, SqliteDialect } from 'kysely'
import {
  claimRunsInWorkQueue,
  createFlowRuns,
  createWorkQueue,
  getRunsInWorkQueue,
  getScheduledFlowRuns,
  type WorkQueue,
  type WorkQueueTables,
} from 'kysely-work-queues'
import { withPreparedStatements } from 'kysely-work-queues/sqlite'
import { afterEach, beforeEach, describe, expect, type MockInstance, test, vi } from 'vitest'
import { migrate, openSqlite } from '../../support/databases.js'

describe('withPreparedStatements on SQLite', () => {
  let database: SQLite.Database
  let wrapped: SQLite.Database
  let db: Kysely<WorkQueueTables>
  let queue: WorkQueue
  let prepare: MockInstance<SQLite.Database['prepare']>

  beforeEach(async () => {
    database = openSqlite(':memory:')
    prepare = vi.spyOn(database, 'prepare')
    wrapped = withPreparedStatements(database)
    db = new Kysely<WorkQueueTables>({ dialect: new SqliteDialect({ database: wrapped }) })
    await migrate(db, false)
    queue = await createWorkQueue(db, { name: 'etl' })
    await createFlowRuns(
      db,
      [1, 2, 3].map((seconds) => ({ workQueueId: queue.id, nextScheduledStartTime: new Date(seconds * 1000) })),
    )
    prepare.mockClear()
  })
  afterEach(async () => {
    await db.destroy()
  })

  /** What the driver has prepared since this was asked last. */
  const prepared = (): string[] => {
    const texts = prepare.mock.calls.map(([text]) => text)
    prepare.mockClear()
    return texts
  }

  test('prepares a statement of the library once', async () => {
    const poll = async (): Promise<number> => (await getRunsInWorkQueue(db, queue.id)).runs.length
    expect(await poll()).toBe(3)
    expect(prepared()).toHaveLength(1)
    expect(await poll()).toBe(3)
    await createFlowRuns(db, [{ workQueueId: queue.id, nextScheduledStartTime: new Date(4000) }])
    prepared()
    expect(await poll()).toBe(4)
    expect(prepared()).toEqual([])
  })

  test('prepares no statement of a second claim but those that say where its transaction begins and ends', async () => {
    const claim = async (): Promise<Date | null | undefined> =>
      (await claimRunsInWorkQueue(db, queue.id, { limit: 1 })).runs[0]?.nextScheduledStartTime
    expect(await claim()).toEqual(new Date(1000))
    prepared()
    expect(await claim()).toEqual(new Date(2000))
    expect(prepared()).toEqual(['begin', expect.stringMatching(/^update .* where 0 = 1$/), 'commit'])
  })

  test('prepares all other statements as they are asked for', async () => {
    const byName = db.selectFrom('work_queue').selectAll().where('name', '=', 'etl')
    await byName.execute()
    await byName.execute()
    expect(prepared()).toHaveLength(2)
  })

  test('goes on after a migration changed a table that a statement reads, and after vacuum', async () => {
    await getRunsInWorkQueue(db, queue.id)
    await getScheduledFlowRuns(db)
    wrapped.exec('alter table flow_run add column host_note text')
    wrapped.exec('drop index ix_flow_run__due_by_queue_id')
    wrapped.exec('vacuum')
    expect((await getRunsInWorkQueue(db, queue.id)).runs).toHaveLength(3)
    expect(await getScheduledFlowRuns(db)).toHaveLength(3)
    expect((await claimRunsInWorkQueue(db, queue.id)).runs).toHaveLength(3)
  })

  test('answers the same when the host has asked for safe integers since', async () => {
    const before = await getRunsInWorkQueue(db, queue.id)
    wrapped.defaultSafeIntegers(true)
    expect(await getRunsInWorkQueue(db, queue.id)).toEqual(before)
    const other = await createWorkQueue(db, { name: 'other', priority: 7 })
    expect((await getRunsInWorkQueue(db, other.id)).workQueue.priority).toBe(7)
  })

  test('keeps the statements of each database apart', async () => {
    await using other = new Kysely<WorkQueueTables>({
      dialect: new SqliteDialect({ database: withPreparedStatements(openSqlite(':memory:')) }),
    })
    await migrate(other, false)
    const { id } = await createWorkQueue(other, { name: 'etl' })
    expect((await getRunsInWorkQueue(db, queue.id)).runs).toHaveLength(3)
    expect((await getRunsInWorkQueue(other, id)).runs).toEqual([])
  })

  test('leaves the database as it was, for whoever uses it beside', () => {
    expect(wrapped.open).toBe(true)
    expect(wrapped.pragma('foreign_keys', { simple: true })).toBe(1)
    expect(wrapped.transaction(() => wrapped.prepare('select 1 as one').all())()).toEqual([{ one: 1 }])
  })

  test('passes the driver’s error on', async () => {
    await getRunsInWorkQueue(db, queue.id)
    wrapped.exec('drop table flow_run_lease; alter table flow_run rename to elsewhere')
    await expect(getRunsInWorkQueue(db, queue.id)).rejects.toThrow('no such table: flow_run')
  })
})
