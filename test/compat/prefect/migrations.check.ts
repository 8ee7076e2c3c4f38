import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Migrator, NO_MIGRATIONS, sql } from 'kysely'
import { createWorkQueue, getRunsInWorkQueue, readWorkQueue, readWorkQueues } from 'kysely-work-queues'
import { prefectIndexes } from 'kysely-work-queues/migrations'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Live, openLive } from './server.js'
import { createEmptyDatabase } from '../../support/database-url.js'

/** Prefect's migration before one that adds a column to `flow_run`. Back over it, SQLite writes the table and its indexes anew. */
const BEFORE_LABELS = { sqlite: '4ad4658cbefe', postgres: 'eaec5004771f' }

describe.each(['sqlite', 'postgres'] as const)('Prefect’s migrations with our indexes present (%s)', (dialect) => {
  let directory: string
  let live: Live

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'kysely-work-queues-prefect-'))
    const database =
      dialect === 'sqlite' ? join(directory, 'prefect.db') : await createEmptyDatabase('prefect_migrations')
    live = openLive({ dialect, database, command: process.env['PREFECT_COMMAND'] ?? '', home: directory, apiUrl: '' })
  })
  afterAll(async () => {
    await live[Symbol.asyncDispose]()
    await rm(directory, { recursive: true, force: true })
  })

  const database = async (...args: string[]): Promise<string> =>
    await live.prefect('server', 'database', args[0] ?? '', '--yes', ...args.slice(1))
  const migrateTo = async (target: 'latest' | 'none'): Promise<void> => {
    const migrator = new Migrator({
      db: live.db,
      provider: { getMigrations: async () => prefectIndexes },
      migrationTableName: 'work_queue_migration',
      migrationLockTableName: 'work_queue_migration_lock',
    })
    const { error } = target === 'latest' ? await migrator.migrateToLatest() : await migrator.migrateTo(NO_MIGRATIONS)
    if (error !== undefined) throw error
  }
  /** Every index with its definition. */
  const indexes = async (): Promise<Map<string, string>> => {
    const { rows } = await sql<{ name: string; definition: string }>`${sql.raw(
      dialect === 'postgres'
        ? `select indexname as name, indexdef as definition from pg_indexes where schemaname = 'public'`
        : `select name, sql as definition from sqlite_schema where type = 'index' and sql is not null`,
    )}`.execute(live.db)
    return new Map(rows.map(({ name, definition }) => [name, definition.replaceAll(/\s+|"/g, ' ').toLowerCase()]))
  }
  let ours: string[] = []
  const expectKept = (before: ReadonlyMap<string, string>, after: ReadonlyMap<string, string>): void => {
    const conditions = (all: ReadonlyMap<string, string>): unknown[] =>
      ours.map((name) => [name, all.get(name)?.split(' where ')[1]])
    expect(conditions(after)).toEqual(conditions(before))
  }

  test('an upgrade of Prefect keeps our indexes, each with its condition', async () => {
    await database('upgrade', '--revision', BEFORE_LABELS[dialect])
    const without = await indexes()
    await migrateTo('latest')
    const before = await indexes()
    ours = [...before.keys()].filter((name) => !without.has(name) && !name.includes('work_queue_migration'))
    expect(ours.length).toBeGreaterThanOrEqual(10)
    await database('upgrade')
    const after = await indexes()
    expectKept(before, after)
  })

  test.each([
    ['by one', '-1'],
    ['past a change of flow_run', BEFORE_LABELS[dialect]],
  ])('a downgrade %s and an upgrade again keep them, and what we wrote', async (_, revision) => {
    const before = await indexes()
    const queue = await createWorkQueue(live.db, { name: `etl ${revision}` })
    await database('downgrade', '--revision', revision)
    expect(await readWorkQueue(live.db, queue.id)).toEqual(queue)
    await database('upgrade')
    const after = await indexes()
    expectKept(before, after)
    expect((await getRunsInWorkQueue(live.db, queue.id)).workQueue).toEqual(queue)
  })

  test('our migration goes down again, and Prefect’s database is as Prefect made it', async () => {
    await migrateTo('none')
    const after = await indexes()
    expect(ours.filter((name) => after.has(name))).toEqual([])
    await migrateTo('latest')
  })

  test('a reset of Prefect’s database takes our indexes along, and they can be migrated again', async () => {
    await database('reset')
    expect(await readWorkQueues(live.db)).toEqual([])
    const after = await indexes()
    expect(ours.filter((name) => after.has(name))).toEqual([])
    // Where Kysely's own table is still there, it says that the migration has run.
    await live.db.schema.dropTable('work_queue_migration').ifExists().execute()
    await migrateTo('latest')
    const again = await indexes()
    expect(ours.filter((name) => !again.has(name))).toEqual([])
  })
})
