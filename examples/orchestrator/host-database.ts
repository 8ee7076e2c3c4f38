// The host's database: its own tables beside the library's, on PostgreSQL or in a SQLite file.

import SQLite from 'better-sqlite3'
import { Kysely, type Migration, Migrator, PostgresDialect, SqliteDialect } from 'kysely'
import type { WorkQueueTables } from 'kysely-work-queues'
import { eventLog, migrations } from 'kysely-work-queues/migrations'
import { openPool } from '../support/pool.js'

interface HostDatabase extends WorkQueueTables {
  /** Whom we told of what became of a run. */
  notification: { id: string; flow_run_id: string; text: string }
}

export type Host = Kysely<HostDatabase>

/** Opens the database of a URL: `postgres://...`, or the path of a SQLite file. */
export function openDatabase(url: string): Host {
  if (/^postgres(ql)?:/.test(url)) {
    return new Kysely({ dialect: new PostgresDialect({ pool: openPool({ connectionString: url, max: 4 }) }) })
  }
  const file = new SQLite(url, { timeout: 10_000 })
  file.pragma('journal_mode = wal')
  file.pragma('foreign_keys = on')
  return new Kysely({ dialect: new SqliteDialect({ database: file }) })
}

const mine: Record<string, Migration> = {
  '2026-12-01_notifications': {
    up: async (db) => {
      await db.schema
        .createTable('notification')
        .addColumn('id', 'text', (column) => column.primaryKey())
        .addColumn('flow_run_id', 'text', (column) => column.notNull())
        .addColumn('text', 'text', (column) => column.notNull())
        .execute()
    },
  },
}

/** Brings the tables up to date. Servers that start at once wait for each other. */
export async function migrate(db: Host): Promise<void> {
  const migrator = new Migrator({
    db,
    provider: { getMigrations: async () => ({ ...migrations, ...eventLog, ...mine }) },
    allowUnorderedMigrations: true,
  })
  const { error } = await migrator.migrateToLatest()
  if (error !== undefined) throw error
}
