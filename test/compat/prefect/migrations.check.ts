import { randomUUID } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Kysely, Migrator, NO_MIGRATIONS, sql } from 'kysely'
import {
  createFlowRuns,
  createWorkQueue,
  getRunsInWorkQueue,
  readFlowRun,
  readWorkQueue,
  readWorkQueues,
} from 'kysely-work-queues'
import { prefectIndexes } from 'kysely-work-queues/migrations'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Live, openLive } from './server.js'
import { createEmptyDatabase } from '../../support/database-url.js'

const deleteRun = async (db: Kysely<any>, id: string): Promise<unknown> =>
  await db.deleteFrom('flow_run').where('id', '=', id).execute()

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
  /** Those of ours that are not there, of which the page says how to have them again. */
  const lostOf = (after: ReadonlyMap<string, string>): string[] => ours.filter((name) => !after.has(name)).toSorted()
  const makeAgain = async (): Promise<void> => {
    for (const { up } of Object.values(prefectIndexes)) await up(live.db)
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
  ])(
    'a downgrade %s and an upgrade again keep them, or they are made again, and what we wrote',
    async (_, revision) => {
      const before = await indexes()
      const queue = await createWorkQueue(live.db, { name: `etl ${revision}` })
      await database('downgrade', '--revision', revision)
      expect(await readWorkQueue(live.db, queue.id)).toEqual(queue)
      await database('upgrade')
      // Where SQLite writes the table anew, Prefect leaves out an index that has an expression.
      const isRewritten = dialect === 'sqlite' && revision !== '-1'
      expect(lostOf(await indexes())).toEqual(
        isRewritten ? ['ix_flow_run__ended', 'ix_flow_run__ended_by_queue_id'] : [],
      )
      await makeAgain()
      expectKept(before, await indexes())
      expect((await getRunsInWorkQueue(live.db, queue.id)).workQueue).toEqual(queue)
    },
  )

  test('a change of flow_run keeps a host’s column of it, and the rows of a host that refer to runs', async () => {
    const id = dialect === 'postgres' ? sql`uuid` : sql`char(36)`
    const host = live.db as Kysely<any>
    await host.schema
      .createTable('reminder')
      .addColumn('flow_run_id', id, (column) => column.references('flow_run.id').onDelete('cascade'))
      .execute()
    await host.schema
      .alterTable('flow_run')
      .addColumn('tenant', 'varchar', (column) => column.notNull().defaultTo('none'))
      .execute()
    const flowId = randomUUID()
    await host.insertInto('flow').values({ id: flowId, name: 'flow' }).execute()
    const [run] = await createFlowRuns(live.db, [{ flowId }])
    await host.insertInto('reminder').values({ flow_run_id: run?.id }).execute()
    await host.updateTable('flow_run').set({ tenant: 'a' }).execute()
    await database('downgrade', '--revision', BEFORE_LABELS[dialect])
    await database('upgrade')
    await makeAgain()
    expect(await host.selectFrom('reminder').selectAll().execute()).toEqual([{ flow_run_id: run?.id }])
    expect(await host.selectFrom('flow_run').select('tenant').execute()).toEqual([{ tenant: 'a' }])
    expect(await readFlowRun(live.db, run?.id ?? '')).toEqual(run)
    await deleteRun(host, run?.id ?? '')
    expect(await host.selectFrom('reminder').selectAll().execute()).toEqual([])
    await host.schema.dropTable('reminder').execute()
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
