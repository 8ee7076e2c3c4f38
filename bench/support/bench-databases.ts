import { readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import SQLite from 'better-sqlite3'
import { Kysely, type Migration, Migrator, PostgresDialect, SqliteDialect } from 'kysely'
import { eventLog, migrations, prefectIndexes } from 'kysely-work-queues/migrations'
import type { WorkQueueTables } from 'kysely-work-queues'
import pg from 'pg'
import { startPostgres as startServer } from '../../test/support/start-postgres.js'

/** A database to measure on: the library's session, and the driver alone beside it. */
export interface BenchDatabase extends AsyncDisposable {
  readonly name: 'SQLite' | 'PostgreSQL'
  readonly db: Kysely<WorkQueueTables>
  readonly version: string
  /** The bare driver. */
  readonly driver: { kind: 'sqlite'; database: SQLite.Database } | { kind: 'postgres'; pool: pg.Pool; url: string }
  /** Runs SQL that returns nothing. */
  run(sql: string): Promise<void>
}

/** Whose tables: ours, or Prefect's own as its migrations leave them, without our indexes. */
export type Tables = 'ours' | 'prefect'

/** Where the databases of one kind are made. */
export interface Server extends AsyncDisposable {
  readonly name: BenchDatabase['name']
  open(tables?: Tables): Promise<BenchDatabase>
}

/** SQLite in files. */
export function startSqlite(): Server {
  return { name: 'SQLite', open: openSqlite, [Symbol.asyncDispose]: async () => {} }
}

/** SQLite in a file, in WAL mode. */
async function openSqlite(tables: Tables = 'ours'): Promise<BenchDatabase> {
  const directory = await mkdtemp(join(tmpdir(), 'kysely-work-queues-bench-'))
  const database = new SQLite(join(directory, 'bench.db'), { timeout: 10_000 })
  database.pragma('journal_mode = wal')
  database.pragma('synchronous = normal')
  database.pragma('foreign_keys = on')
  const db = new Kysely<WorkQueueTables>({ dialect: new SqliteDialect({ database }) })
  const bench: BenchDatabase = {
    name: 'SQLite',
    db,
    version: String(database.prepare('select sqlite_version()').pluck().get()),
    driver: { kind: 'sqlite', database },
    run: async (sql) => void database.exec(sql),
    async [Symbol.asyncDispose]() {
      await db.destroy()
      await rm(directory, { recursive: true, force: true })
    },
  }
  await createTables(bench, tables)
  return bench
}

/** A PostgreSQL server of its own, on the machine's disk with `fsync` on. */
export async function startPostgres(): Promise<Server> {
  const server = await startServer({
    initdbFlags: ['--encoding=UTF8', '--locale=C'],
    settings: ['shared_buffers=1GB', 'max_wal_size=8GB', 'maintenance_work_mem=512MB', 'autovacuum=off'],
  })
  let databases = 0
  return {
    name: 'PostgreSQL',
    async open(tables = 'ours') {
      const name = `bench_${++databases}`
      const client = new pg.Client({ connectionString: server.url })
      await client.connect()
      await client.query(`create database ${name}`)
      await client.end()
      const url = new URL(server.url)
      url.pathname = `/${name}`
      return await connect(url.href, tables)
    },
    [Symbol.asyncDispose]: async () => await server.stop(),
  }
}

async function connect(url: string, tables: Tables): Promise<BenchDatabase> {
  const pool = new pg.Pool({ connectionString: url, max: 10 })
  // A connection that is still closing when the server stops is no error.
  pool.on('error', () => {})
  pool.on('connect', (client) => client.on('error', () => {}))
  const db = new Kysely<WorkQueueTables>({ dialect: new PostgresDialect({ pool }) })
  const version = await pool.query<{ server_version: string }>('show server_version')
  const bench: BenchDatabase = {
    name: 'PostgreSQL',
    db,
    version: version.rows[0]?.server_version ?? 'unknown',
    driver: { kind: 'postgres', pool, url },
    run: async (sql) => void (await pool.query(sql)),
    async [Symbol.asyncDispose]() {
      await db.destroy()
    },
  }
  await createTables(bench, tables)
  return bench
}

async function createTables(database: BenchDatabase, tables: Tables): Promise<void> {
  if (tables === 'ours') return await migrate(database.db, migrations)
  const file = `../../test/support/prefect-ddl/${database.name === 'PostgreSQL' ? 'postgres' : 'sqlite'}.sql`
  await database.run(readFileSync(new URL(file, import.meta.url), 'utf8'))
}

/** Adds our indexes to a database with Prefect's tables. */
export async function addPrefectIndexes({ db }: BenchDatabase): Promise<void> {
  await migrate(db, prefectIndexes)
}

/** Adds the event log. */
export async function addEventLog({ db }: BenchDatabase): Promise<void> {
  for (const { up } of Object.values(eventLog)) await up(db)
}

async function migrate(db: Kysely<WorkQueueTables>, records: Record<string, Migration>): Promise<void> {
  const { error } = await new Migrator({ db, provider: { getMigrations: async () => records } }).migrateToLatest()
  if (error !== undefined) throw error
}
