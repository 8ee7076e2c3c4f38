import { readFileSync } from 'node:fs'
import { type Kysely, type Migration, sql } from 'kysely'
import { eventLog, migrations } from 'kysely-work-queues/migrations'
import { ALWAYS_EVENTS, type DatabaseKind, postgres, sqliteMemory } from './databases.js'
import { Migrator, NO_MIGRATIONS } from './migrator.js'

/** Databases with the tables that Prefect 3 makes, instead of ours. */
export const prefectDatabases: readonly DatabaseKind[] = [sqliteMemory, postgres].map((kind) => ({
  ...kind,
  name: `Prefect’s own tables on ${kind.dialect === 'postgres' ? 'PostgreSQL' : 'SQLite'}`,
  async create(hasEvents = ALWAYS_EVENTS) {
    const database = await kind.create(false)
    await migrateTo(database.plain, migrations, NO_MIGRATIONS)
    const ddl = readFileSync(new URL(`prefect-ddl/${kind.dialect}.sql`, import.meta.url), 'utf8')
    for (const statement of ddl.split(/;\n/)) {
      if (statement.trim() !== '') await sql.raw(statement).execute(database.plain)
    }
    // Without a record of it, which other migrations would have to know of.
    if (hasEvents) for (const { up } of Object.values(eventLog)) await up(database.plain)
    return database
  },
}))

async function migrateTo(
  db: Kysely<any>,
  all: Record<string, Migration>,
  target?: typeof NO_MIGRATIONS,
): Promise<void> {
  const migrator = new Migrator({ db, provider: { getMigrations: async () => all } })
  const { error } = target === undefined ? await migrator.migrateToLatest() : await migrator.migrateTo(target)
  if (error !== undefined) throw error
}
