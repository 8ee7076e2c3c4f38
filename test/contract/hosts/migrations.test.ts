import { type Kysely, type Migration, sql } from 'kysely'
import { createFlowRuns, createWorkQueue, getRunsInWorkQueue, type WorkQueueTables } from 'kysely-work-queues'
import { migrations, prefectIndexes } from 'kysely-work-queues/migrations'
import { expect, test } from 'vitest'
import { postgres, sqliteFile, sqliteMemory } from '../../support/databases.js'
import { type Contract, describeOnDatabases } from '../../support/describe-databases.js'
import { unindexedForeignKeys } from '../../support/foreign-keys.js'
import { Migrator, NO_MIGRATIONS } from '../../support/migrator.js'

interface Objects {
  /** Tables and indexes, each with what it is on. */
  readonly tables: string[]
  readonly indexes: string[]
  readonly types: string[]
}

/** What there is in the database, but for what the database itself and Kysely's migrator put there. */
async function objects({ kind, database }: Contract): Promise<Objects> {
  const names = async (query: string): Promise<string[]> => {
    const { rows } = await sql<{ name: string }>`${sql.raw(query)}`.execute(database.plain)
    return rows.map(({ name }) => name).filter((name) => !/kysely_migration|work_queue_migration|^sqlite_/.test(name))
  }
  if (kind.dialect === 'sqlite') {
    return {
      tables: await names("select name from sqlite_schema where type = 'table' order by name"),
      indexes: await names("select name from sqlite_schema where type = 'index' order by name"),
      types: [],
    }
  }
  return {
    tables: await names("select tablename as name from pg_tables where schemaname = 'public' order by 1"),
    indexes: await names("select indexname as name from pg_indexes where schemaname = 'public' order by 1"),
    types: await names(
      "select typname as name from pg_type where typtype = 'e' and typnamespace = 'public'::regnamespace order by 1",
    ),
  }
}

async function migrateTo(migrator: Migrator, target: 'latest' | 'none'): Promise<string[]> {
  const { error, results = [] } =
    target === 'latest' ? await migrator.migrateToLatest() : await migrator.migrateTo(NO_MIGRATIONS)
  if (error !== undefined) throw error
  return results.map(({ migrationName }) => migrationName)
}

/** The tables do what they are for. */
async function works(db: Kysely<WorkQueueTables>): Promise<void> {
  const queue = await createWorkQueue(db, { name: 'etl', concurrencyLimit: 5 })
  const runs = await createFlowRuns(db, [{ workQueueId: queue.id }, { workQueueName: 'etl' }])
  expect((await getRunsInWorkQueue(db, queue.id)).runs).toEqual(runs)
}

describeOnDatabases(
  'the migrations',
  (t) => {
    const migrator = (
      all: Record<string, Migration> = migrations,
      options: { migrationTableName?: string; migrationLockTableName?: string } = {},
    ): Migrator => new Migrator({ db: t.database.plain, provider: { getMigrations: async () => all }, ...options })

    test('have keys that are dated and prefixed', () => {
      const keys = Object.keys({ ...migrations, ...prefectIndexes })
      expect(keys.length).toBeGreaterThanOrEqual(2)
      for (const key of keys) expect(key).toMatch(/^\d{4}-\d\d-\d\d_work_queues_\w+$/)
    })

    test('make our tables, and no index on the start time alone', async () => {
      const { tables, indexes } = await objects(t)
      expect(tables).toEqual(['flow_run', 'flow_run_lease', 'flow_run_state', 'work_pool', 'work_queue', 'worker'])
      expect(indexes.filter((name) => name.includes('next_scheduled_start_time'))).toEqual([])
    })

    // Without that of the default queue's id, deleting queues of a pool cost queues times pools.
    test('give each foreign key an index', async () => {
      expect(await unindexedForeignKeys(t.database)).toEqual([])
    })

    test('go down, leaving nothing behind, with rows in the tables', async () => {
      await works(t.db)
      await t.make.worker({ work_pool_id: await t.make.pool() })
      expect(await migrateTo(migrator(), 'none')).toEqual(Object.keys(migrations).toReversed())
      expect(await objects(t)).toEqual({ tables: [], indexes: [], types: [] })
    })

    test('go up again, to the same tables', async () => {
      const before = await objects(t)
      await migrateTo(migrator(), 'none')
      expect(await migrateTo(migrator(), 'latest')).toEqual(Object.keys(migrations))
      expect(await objects(t)).toEqual(before)
      await works(t.db)
    })

    test('run merged with the host’s own', async () => {
      const before = await objects(t)
      await migrateTo(migrator(), 'none')
      const host: Record<string, Migration> = {
        '2020-01-01_host': {
          up: (db) => db.schema.createTable('invoice').addColumn('id', 'integer').execute(),
          down: (db) => db.schema.dropTable('invoice').execute(),
        },
        '2099-01-01_host': {
          up: (db) => db.schema.alterTable('flow_run').addColumn('invoice_id', 'integer').execute(),
          down: (db) => db.schema.alterTable('flow_run').dropColumn('invoice_id').execute(),
        },
      }
      const all = { ...host, ...migrations }
      expect(await migrateTo(migrator(all), 'latest')).toEqual(Object.keys(all).toSorted())
      expect(await objects(t)).toEqual({ ...before, tables: [...before.tables, 'invoice'].toSorted() })
      await works(t.db)
      await t.make.set('flow_run', (await createFlowRuns(t.db, [{}]))[0]?.id ?? '', { invoice_id: 1 })
      expect(await migrateTo(migrator(all), 'none')).toEqual(Object.keys(all).toSorted().toReversed())
      expect(await objects(t)).toEqual({ tables: [], indexes: [], types: [] })
    })

    test('run under a table name of their own, next to the host’s', async () => {
      await migrateTo(migrator(), 'none')
      const host: Record<string, Migration> = {
        '2020-01-01_host': { up: (db) => db.schema.createTable('invoice').addColumn('id', 'integer').execute() },
      }
      const names = {
        migrationTableName: 'work_queue_migration',
        migrationLockTableName: 'work_queue_migration_lock',
      }
      expect(await migrateTo(migrator(host), 'latest')).toEqual(Object.keys(host))
      expect(await migrateTo(migrator(migrations, names), 'latest')).toEqual(Object.keys(migrations))
      expect(await migrateTo(migrator(host), 'latest')).toEqual([])
      await works(t.db)
      await migrateTo(migrator(migrations, names), 'none')
      expect((await objects(t)).tables).toEqual(['invoice'])
    })
  },
  [sqliteMemory, sqliteFile, postgres],
)
