import { eventLog as log } from './model/migrations/event-log-2026-11-26.js'
import * as indexes24 from './model/migrations/indexes-2026-11-24.js'
import * as indexes25 from './model/migrations/indexes-2026-11-25.js'
import { leases as leasesTable } from './model/migrations/leases-2026-11-26.js'
import * as prune26 from './model/migrations/prune-2026-11-26.js'
import { migration, type WorkQueueMigration } from './model/migrations/migration.js'
import { tables } from './model/migrations/tables-2026-11-24.js'

export type { WorkQueueMigration }

/**
 * The migrations that create this library's tables. They run under the host's own `Migrator`, merged with the
 * host's migrations or by themselves under another table name, on Kysely 0.28 and 0.29. In a `withSchema`
 * session they create the tables in that schema.
 *
 * @example
 * ```ts
 * const provider = { getMigrations: async () => ({ ...mine, ...migrations }) }
 * const migrator = new Migrator({ db, provider })
 * await migrator.migrateToLatest()
 * ```
 */
export const migrations: Record<string, WorkQueueMigration> = {
  '2026-11-24_work_queues_tables': tables,
  '2026-11-25_work_queues_indexes': migration(indexes25.CREATE_INDEXES, indexes25.DROP_INDEXES),
  '2026-11-26_work_queues_leases': leasesTable,
  '2026-11-26_work_queues_prune': migration(prune26.CREATE_INDEXES, prune26.DROP_INDEXES),
}

/**
 * The migration that adds the table of leases, `flow_run_lease`, to a database that Prefect 3 has made. It is
 * a part of `migrations`, under the same key.
 */
export const leases: Record<string, WorkQueueMigration> = {
  '2026-11-26_work_queues_leases': leasesTable,
}

/**
 * The migration that adds the event log, to our tables or to Prefect's own: the table `work_queue_event`, and
 * triggers that write a row of it for every change of a pool, a queue, a worker's status and a run's state.
 * It is no part of `migrations`: changes cost a little more with it, and somebody has to take the events.
 *
 * A host that adds it later runs it under a table name of its own, since Kysely takes no key that sorts
 * before one that has run.
 *
 * @example
 * ```ts
 * import { eventLog } from 'kysely-work-queues/migrations'
 *
 * const migrator = new Migrator({
 *   db,
 *   provider: { getMigrations: async () => eventLog },
 *   migrationTableName: 'event_log_migration',
 *   migrationLockTableName: 'event_log_migration_lock',
 * })
 * ```
 */
export const eventLog: Record<string, WorkQueueMigration> = { '2026-11-26_work_queues_event_log': log }

/**
 * The migrations that add this library's indexes to a database that Prefect 3 has made, and nothing else.
 * Without them the same functions give the same answers, more slowly.
 *
 * An index that is there already is taken as it is. So on a database in use, build them beforehand with
 * PostgreSQL's `create index concurrently`, under the names that the migrations give them.
 */
export const prefectIndexes: Record<string, WorkQueueMigration> = {
  '2026-11-24_work_queues_prefect_indexes': migration(indexes24.CREATE_INDEXES, indexes24.DROP_INDEXES),
  '2026-11-25_work_queues_prefect_indexes': migration(indexes25.CREATE_INDEXES, indexes25.DROP_INDEXES),
  '2026-11-26_work_queues_prefect_prune': migration(prune26.CREATE_INDEXES, prune26.DROP_INDEXES),
}
