// Our tables by a host's Kysely Migrator, on PostgreSQL, in the two ways there are: merged with the host's migrations, and by
// themselves under a migration table of their own. Run it with `npm run example examples/host-migrations.ts`.

import {
  Kysely,
  type Migration,
  type MigrationResultSet,
  Migrator,
  NO_MIGRATIONS,
  PostgresDialect,
  type Transaction,
} from 'kysely'
import { createFlowRuns, createWorkQueue, type WorkQueueTables } from 'kysely-work-queues'
import { migrations } from 'kysely-work-queues/migrations'
import { createDatabase } from './support/database.js'
import { openPool } from './support/pool.js'

/** The host's migrations: one older than ours, and one newer, which builds on our tables. */
const hostMigrations: Record<string, Migration> = {
  '2026-03-01_customers': {
    up: async (db) => {
      await db.schema
        .createTable('customer')
        .addColumn('id', 'serial', (column) => column.primaryKey())
        .execute()
    },
    down: async (db) => await db.schema.dropTable('customer').execute(),
  },
  '2026-12-01_runs_have_customers': {
    // A host may add columns to each of our tables.
    up: async (db) => {
      await db.schema
        .alterTable('flow_run')
        .addColumn('customer_id', 'integer', (column) => column.references('customer.id'))
        .execute()
    },
    down: async (db) => await db.schema.alterTable('flow_run').dropColumn('customer_id').execute(),
  },
}

{
  step('Merged with the host’s migrations, in one Migrator')
  await using database = await createDatabase()
  await using db = connect(database.url)
  const run = async (all: Record<string, Migration>): Promise<MigrationResultSet> =>
    await new Migrator({
      db,
      provider: { getMigrations: async () => all },
      // Ours are dated, and a host that adds them later already has newer ones.
      allowUnorderedMigrations: true,
    }).migrateToLatest()

  report(await run({ '2026-03-01_customers': hostMigrations['2026-03-01_customers']! }))
  report(await run({ ...hostMigrations, ...migrations }))
  report(await run({ ...hostMigrations, ...migrations }))
  await use(db)
  say(`tables: ${await tables(db)}`)
}

{
  step('By themselves, under a migration table of their own, in a schema of their own')
  await using database = await createDatabase()
  await using host = connect(database.url)
  await host.schema.createSchema('work_queues').execute()
  const db = host.withSchema('work_queues')
  const mine = new Migrator({
    db: host,
    provider: { getMigrations: async () => ({ '2026-03-01_customers': hostMigrations['2026-03-01_customers']! }) },
  })
  const ours = new Migrator({
    db,
    provider: { getMigrations: async () => migrations },
    migrationTableSchema: 'work_queues',
    migrationTableName: 'work_queue_migration',
    migrationLockTableName: 'work_queue_migration_lock',
  })
  report(await mine.migrateToLatest())
  report(await ours.migrateToLatest())
  await use(db)
  say(`tables: ${await tables(host)}`)

  step('And down again: nothing is left of it but the migration tables')
  report(await ours.migrateTo(NO_MIGRATIONS))
  say(`tables: ${await tables(host)}`)
}

function connect(url: string): Kysely<WorkQueueTables> {
  return new Kysely({ dialect: new PostgresDialect({ pool: openPool({ connectionString: url }) }) })
}

/** The migrated tables at work. */
async function use(db: Kysely<WorkQueueTables> | Transaction<WorkQueueTables>): Promise<void> {
  const queue = await createWorkQueue(db, { name: 'reports' })
  const [run] = await createFlowRuns(db, [{ name: 'weekly', workQueueId: queue.id }])
  say(`${run?.name} is ${run?.stateType} in ${queue.name}`)
}

async function tables(db: Kysely<WorkQueueTables>): Promise<string> {
  const found = await db.introspection.getTables({ withInternalKyselyTables: true })
  const names = found.map(({ schema, name }) => (schema === 'public' ? name : `${schema}.${name}`))
  return names.toSorted().join(', ')
}

function report({ error, results = [] }: MigrationResultSet): void {
  if (error !== undefined) throw error
  for (const { migrationName, direction, status } of results) say(`${direction} ${migrationName}: ${status}`)
  if (results.length === 0) say('nothing to do')
}

function step(title: string): void {
  console.log(`\n${title}`)
}

function say(text: string): void {
  console.log(`  ${text}`)
}
