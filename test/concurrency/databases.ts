import SQLite from 'better-sqlite3'
import { Kysely, Migrator, PostgresDialect, SqliteDialect } from 'kysely'
import type { WorkQueueTables } from 'kysely-work-queues'
import { migrations } from 'kysely-work-queues/migrations'
import pg from 'pg'
import { takePostgresDatabase } from '../support/postgres-databases.js'

/** A database that processes share. */
export interface SoakDatabase extends AsyncDisposable {
  readonly url: string
  readonly db: Kysely<WorkQueueTables>
  readonly observer: Kysely<WorkQueueTables>
}

/** A PostgreSQL database of the test's server. */
export async function openPostgres(): Promise<SoakDatabase> {
  const database = await takePostgresDatabase('public', migrate)
  const connect = (): Kysely<WorkQueueTables> => {
    const pool = new pg.Pool({ connectionString: database.url, max: 2 })
    pool.on('error', () => {})
    return new Kysely({ dialect: new PostgresDialect({ pool }) })
  }
  return disposable(database.url, connect, () => database.giveBack())
}

/** A SQLite file in WAL mode. */
export async function openSqlite(file: string): Promise<SoakDatabase> {
  const connect = (): Kysely<WorkQueueTables> => {
    const database = new SQLite(file, { timeout: 20_000 })
    database.pragma('journal_mode = wal')
    database.pragma('synchronous = off')
    return new Kysely({ dialect: new SqliteDialect({ database }) })
  }
  const database = disposable(file, connect, async () => {})
  await migrate(database.db)
  return database
}

function disposable(url: string, connect: () => Kysely<WorkQueueTables>, giveBack: () => Promise<void>): SoakDatabase {
  const db = connect()
  const observer = connect()
  return {
    url,
    db,
    observer,
    async [Symbol.asyncDispose]() {
      await db.destroy()
      await observer.destroy()
      await giveBack()
    },
  }
}

async function migrate(db: Kysely<any>): Promise<void> {
  const { error } = await new Migrator({ db, provider: { getMigrations: async () => migrations } }).migrateToLatest()
  if (error !== undefined) throw error
}
