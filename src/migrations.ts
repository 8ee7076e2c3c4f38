import { CREATE_INDEXES, DROP_INDEXES } from './model/migrations/indexes-2026-11-24.js'
import { migration, type WorkQueueMigration } from './model/migrations/migration.js'
import { tables } from './model/migrations/tables-2026-11-24.js'

export type { WorkQueueMigration }

/**
 * The migrations that create this library's tables. They run under the host's own `Migrator`, merged with the host's migrations
 * or by themselves under another table name, on Kysely 0.28 and 0.29. In a `withSchema` session they create the tables in that
 * schema.
 *
 * @example
 * ```ts
 * const migrator = new Migrator({ db, provider: { getMigrations: async () => ({ ...mine, ...migrations }) } })
 * await migrator.migrateToLatest()
 * ```
 */
export const migrations: Record<string, WorkQueueMigration> = {
  '2026-11-24_work_queues_tables': tables,
}

/**
 * The migrations that add this library's indexes to a database that Prefect 3 has made, and nothing else. Without them the same
 * functions give the same answers, more slowly.
 */
export const prefectIndexes: Record<string, WorkQueueMigration> = {
  '2026-11-24_work_queues_prefect_indexes': migration(CREATE_INDEXES, DROP_INDEXES),
}
