// The host's database: its own tables beside the library's, on PostgreSQL or in a SQLite file.

import { type Kysely, type Migration, Migrator } from 'kysely'
import type { WorkQueueTables } from 'kysely-work-queues'
import { eventLog, migrations } from 'kysely-work-queues/migrations'
import { openDatabase as open } from '../support/open-database.js'

interface HostDatabase extends WorkQueueTables {
  /** Whom we told of what became of a run. */
  notification: { id: string; flow_run_id: string; text: string }
}

export type Host = Kysely<HostDatabase>

/** Opens the database of a URL: `postgres://...`, or the path of a SQLite file. */
export function openDatabase(url: string): Host {
  return open(url)
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
