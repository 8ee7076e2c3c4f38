import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import SQLite from 'better-sqlite3'
import { type Dialect, Kysely, Migrator, PostgresDialect, SqliteDialect } from 'kysely'
import type { WorkQueueTables } from 'kysely-work-queues'
import { migrations } from 'kysely-work-queues/migrations'
import pg from 'pg'

/** A migrated database that claimers in other processes can open. */
export interface SoakedDatabase extends AsyncDisposable {
  /** PostgreSQL's URL, or SQLite's file. */
  readonly url: string
  readonly version: string
  readonly db: Kysely<WorkQueueTables>
  /** A session with a connection of its own. */
  readonly observer: Kysely<WorkQueueTables>
}

/** A SQLite file in WAL mode. */
export async function openSqlite(): Promise<SoakedDatabase> {
  const directory = mkdtempSync(join(tmpdir(), 'kysely-work-queues-'))
  const url = join(directory, 'soak.db')
  const connect = (): SQLite.Database => {
    // It waits in this process, which has to thaw the claimer that holds the lock meanwhile.
    const connection = new SQLite(url, { timeout: 50 })
    connection.pragma('journal_mode = wal')
    connection.pragma('synchronous = off')
    return connection
  }
  const connection = connect()
  const version = String(connection.prepare('select sqlite_version()').pluck().get())
  connection.close()
  return await open(
    { url, version: `SQLite ${version}` },
    () => new SqliteDialect({ database: connect() }),
    () => rmSync(directory, { recursive: true, force: true }),
  )
}

let databases = 0

/** A database of its own on a server, which `url` is of. */
export async function openPostgres(url: string): Promise<SoakedDatabase> {
  const server = new pg.Client({ connectionString: url })
  await server.connect()
  const { rows } = await server.query<{ server_version: string }>('show server_version')
  // With so many writes, a server in use would vacuum too.
  await server.query('alter system set autovacuum = on')
  await server.query('select pg_reload_conf()')
  const name = `soak_${++databases}`
  await server.query(`create database ${name}`)
  await server.end()
  const own = new URL(url)
  own.pathname = `/${name}`
  const connect = (): Dialect => {
    const pool = new pg.Pool({ connectionString: own.href, max: 4 })
    // A connection that is still closing when the server stops is no error.
    pool.on('error', () => {})
    return new PostgresDialect({ pool })
  }
  return await open({ url: own.href, version: `PostgreSQL ${rows[0]?.server_version}` }, connect, () => {})
}

async function open(
  database: Pick<SoakedDatabase, 'url' | 'version'>,
  connect: () => Dialect,
  remove: () => void,
): Promise<SoakedDatabase> {
  const db = new Kysely<WorkQueueTables>({ dialect: connect() })
  const observer = new Kysely<WorkQueueTables>({ dialect: connect() })
  const { error } = await new Migrator({ db, provider: { getMigrations: async () => migrations } }).migrateToLatest()
  if (error !== undefined) throw error
  return {
    ...database,
    db,
    observer,
    async [Symbol.asyncDispose]() {
      await db.destroy()
      await observer.destroy()
      remove()
    },
  }
}
