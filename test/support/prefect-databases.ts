import { readFileSync } from 'node:fs'
import { type Kysely, sql } from 'kysely'
import { migrations } from 'kysely-work-queues/migrations'
import { type DatabaseKind, postgres, sqliteMemory } from './databases.js'
import { Migrator, NO_MIGRATIONS } from './migrator.js'

/** Databases with the tables that Prefect 3 makes, instead of ours. */
export const prefectDatabases: readonly DatabaseKind[] = [sqliteMemory, postgres].map((kind) => ({
  ...kind,
  name: `Prefect’s own tables on ${kind.dialect === 'postgres' ? 'PostgreSQL' : 'SQLite'}`,
  async create() {
    const database = await kind.create()
    await migrateDown(database.plain)
    const ddl = readFileSync(new URL(`prefect-ddl/${kind.dialect}.sql`, import.meta.url), 'utf8')
    for (const statement of ddl.split(/;\n/)) {
      if (statement.trim() !== '') await sql.raw(statement).execute(database.plain)
    }
    return database
  },
}))

async function migrateDown(db: Kysely<any>): Promise<void> {
  const migrator = new Migrator({ db, provider: { getMigrations: async () => migrations } })
  const { error } = await migrator.migrateTo(NO_MIGRATIONS)
  if (error !== undefined) throw error
}
