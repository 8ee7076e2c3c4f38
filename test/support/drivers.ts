import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as kysely from 'kysely'
import { type Dialect, type Kysely, PostgresDialect, sql, SqliteDialect } from 'kysely'
import type { WorkQueueTables } from 'kysely-work-queues'
import { withPreparedStatements } from 'kysely-work-queues/postgres'
import pg from 'pg'
import { ALWAYS_EVENTS, type DatabaseKind, databases, destroying, migrate, openSqlite, session } from './databases.js'
import { nodeSqlite } from '../../src/testing/sqlite-in-memory.js'
import { takePostgresDatabase } from './postgres-databases.js'

/** A driver, loaded: makes the dialect of a session with connections of its own. */
type Connect = (database: string) => Dialect

/**
 * The drivers that `npm run test:drivers` runs the contracts with, besides better-sqlite3 and pg. Their packages are installed by
 * that command only, beside the newest Kysely.
 */
const drivers: Record<string, DatabaseKind> = {
  'node-sqlite': sqliteDriver('node:sqlite', async () => {
    const { DatabaseSync } = await load('node:sqlite')
    return (file) => {
      const database = new DatabaseSync(file, { timeout: 10_000 })
      database.exec('pragma journal_mode = wal; pragma synchronous = off')
      return new SqliteDialect({ database: nodeSqlite(database) })
    }
  }),
  libsql: sqliteDriver('libsql', async () => {
    const { LibsqlDialect } = await load('@libsql/kysely-libsql')
    return (file) => new LibsqlDialect({ url: `file:${file}` })
  }),
  'postgres-js': postgresDriver('postgres.js', async () => {
    const { PostgresJSDialect } = await load('kysely-postgres-js')
    const { default: connect } = await load('postgres')
    return (url) => new PostgresJSDialect({ postgres: connect(url, { max: 10, onnotice: () => {} }) })
  }),
  pgbouncer: postgresDriver('pg through PgBouncer', async () => (url) => {
    return new PostgresDialect({ pool: throughPgBouncer(url) })
  }),
  'pgbouncer-prepared': postgresDriver('pg through PgBouncer, with prepared statements', async () => (url) => {
    return new PostgresDialect({ pool: withPreparedStatements(throughPgBouncer(url)) })
  }),
  pglite: pgliteDriver(),
}

/** The drivers of `DRIVERS` in place of kinds of database of the same dialect; without it, the kinds as they are. */
export function withDrivers(kinds: readonly DatabaseKind[]): readonly DatabaseKind[] {
  const names = process.env['DRIVERS']
  if (names === undefined || names === '') return kinds
  return names.split(',').flatMap((name) => {
    const driver = drivers[name]
    if (driver === undefined) throw new Error(`No driver ${name}: there are ${Object.keys(drivers).join(', ')}.`)
    // A test that names its kinds counts on their connections; one for every kind does not.
    const takesPlace = kinds.some(({ dialect, hasConnections }) => {
      return (
        dialect === driver.dialect && (hasConnections === driver.hasConnections || kinds.length === databases.length)
      )
    })
    return takesPlace ? [driver] : []
  })
}

/** A pool of connections to the PgBouncer before the server of a database. */
function throughPgBouncer(database: string): pg.Pool {
  const bouncer = new URL(database)
  bouncer.port = process.env['PGBOUNCER_PORT'] ?? ''
  const pool = new pg.Pool({ connectionString: bouncer.href, max: 10 })
  pool.on('error', () => {})
  return pool
}

/** Loads a package that is not installed here, and so has no types. */
async function load(name: string): Promise<any> {
  return await import(name)
}

/** A SQLite file, read behind the functions through better-sqlite3. */
function sqliteDriver(name: string, load: () => Promise<Connect>): DatabaseKind {
  return {
    name,
    dialect: 'sqlite',
    hasConnections: true,
    async create(hasEvents = ALWAYS_EVENTS) {
      const connect = await load()
      const directory = mkdtempSync(join(tmpdir(), 'kysely-work-queues-'))
      const file = join(directory, 'test.db')
      const plain = session(new SqliteDialect({ database: openSqlite(file) }), {})
      await migrate(plain, hasEvents)
      return driverDatabase(
        'sqlite',
        plain,
        () => connect(file),
        async () => {
          rmSync(directory, { recursive: true, force: true })
        },
      )
    },
  }
}

/** A database of the test's PostgreSQL server, read behind the functions through pg. */
function postgresDriver(name: string, load: () => Promise<Connect>): DatabaseKind {
  return {
    name,
    dialect: 'postgres',
    hasConnections: true,
    async create(hasEvents = ALWAYS_EVENTS) {
      const connect = await load()
      const { url, giveBack } = await takePostgresDatabase('public', migrate, hasEvents)
      const pool = new pg.Pool({ connectionString: url, max: 4 })
      pool.on('error', () => {})
      const plain = session(new PostgresDialect({ pool }), {})
      return driverDatabase('postgres', plain, () => connect(url), giveBack)
    },
  }
}

function driverDatabase(
  dialect: 'postgres' | 'sqlite',
  plain: Kysely<WorkQueueTables>,
  connect: () => Dialect,
  end: () => Promise<void>,
): Awaited<ReturnType<DatabaseKind['create']>> {
  const opened = [plain]
  const open = (log?: string[]): Kysely<WorkQueueTables> => {
    const db = session(connect(), {}, log)
    opened.push(db)
    return db
  }
  const statements: string[] = []
  return {
    dialect,
    db: open(statements),
    plain,
    statements,
    connect: () => open(),
    ...destroying(async () => {
      await Promise.all(opened.map((db) => db.destroy()))
      await end()
    }),
  }
}

let pglite: Promise<any> | undefined

/** PostgreSQL in the process, which starts slowly: it is emptied between tests. It has one connection. */
function pgliteDriver(): DatabaseKind {
  return {
    name: 'PGlite',
    dialect: 'postgres',
    hasConnections: false,
    async create(hasEvents = ALWAYS_EVENTS) {
      pglite ??= load('@electric-sql/pglite').then(({ PGlite }) => new PGlite())
      const instance = await pglite
      await instance.waitReady
      // Kysely closes what it is given.
      const kept = new Proxy(instance, {
        get: (target, key) => {
          if (key === 'close') return async () => {}
          const value = target[key]
          return typeof value === 'function' ? value.bind(target) : value
        },
      })
      const { PGliteDialect } = kysely as any
      const connect = (): Dialect => new PGliteDialect({ pglite: kept })
      const plain = session(connect(), {})
      await sql`drop schema public cascade`.execute(plain)
      await sql`create schema public`.execute(plain)
      await migrate(plain, hasEvents)
      const statements: string[] = []
      const db = session(connect(), {}, statements)
      return {
        dialect: 'postgres',
        db,
        plain,
        statements,
        connect: () => {
          throw new Error('PGlite has one connection')
        },
        ...destroying(async () => {
          await db.destroy()
          await plain.destroy()
        }),
      }
    },
  }
}
