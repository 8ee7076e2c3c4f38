import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import SQLite from 'better-sqlite3'
import {
  CamelCasePlugin,
  type Dialect,
  Kysely,
  type KyselyPlugin,
  type LogEvent,
  ParseJSONResultsPlugin,
  PostgresDialect,
  SqliteDialect,
} from 'kysely'
import type { WorkQueueTables } from 'kysely-work-queues'
import { eventLog, migrations } from 'kysely-work-queues/migrations'
import { withPreparedStatements } from 'kysely-work-queues/postgres'
import { withPreparedStatements as withStatementsOnce } from 'kysely-work-queues/sqlite'
import pg from 'pg'
import { Migrator } from './migrator.js'
import { takePostgresDatabase } from './postgres-databases.js'

/** A migrated database of a test's own. */
export interface TestDatabase extends AsyncDisposable {
  readonly dialect: 'postgres' | 'sqlite'
  /** The host's session, with all that the host has set. */
  readonly db: Kysely<WorkQueueTables>
  /** The same database without what the host has set, for a look behind the functions. */
  readonly plain: Kysely<WorkQueueTables>
  /** The SQL statements of `db` so far. */
  readonly statements: string[]
  /** A further session with connections of its own. Not on SQLite in memory. */
  connect(): Kysely<WorkQueueTables>
  destroy(): Promise<void>
}

/** A kind of database, and of host settings, that every contract is run against. */
export interface DatabaseKind {
  readonly name: string
  readonly dialect: 'postgres' | 'sqlite'
  /** Whether {@link TestDatabase.connect} works. */
  readonly hasConnections: boolean
  /** With `eventLog`, also with the triggers and the table of the migration `eventLog`; with `EVENT_LOG=1`, every one has it. */
  create(eventLog?: boolean): Promise<TestDatabase>
}

/** What a host has set on its session. */
export interface HostSettings {
  readonly plugins?: KyselyPlugin[]
  readonly schema?: string
  /** Type parsers are overridden (pg), integers are bigints (better-sqlite3). */
  readonly oddTypes?: boolean
  /** The library's statements are prepared once for each connection. */
  readonly prepared?: boolean
  /** pg's type parsers, where they are other than `oddTypes` says. */
  readonly types?: pg.CustomTypesConfig
}

const plugged = (schema: string): HostSettings => ({
  plugins: [new CamelCasePlugin(), new ParseJSONResultsPlugin()],
  schema,
})

export const sqliteMemory: DatabaseKind = sqlite('SQLite in memory', {})
export const sqliteFile: DatabaseKind = sqlite('SQLite file in WAL mode', {}, true)
export const postgres: DatabaseKind = postgresKind('PostgreSQL', {})

const everyKind: readonly DatabaseKind[] = [
  sqliteMemory,
  sqliteFile,
  sqlite('SQLite with plugins, a schema and prepared statements', { ...plugged('main'), prepared: true }),
  sqlite('SQLite with safe integers', { oddTypes: true }),
  postgres,
  postgresKind('PostgreSQL with plugins, a schema and prepared statements', {
    ...plugged('orchestration'),
    prepared: true,
  }),
  postgresKind('PostgreSQL with overridden type parsers', { oddTypes: true }),
]

/** Every kind of database; in `npm run test:quick`, one of each dialect. */
export const databases = process.env['QUICK'] === undefined ? everyKind : [sqliteMemory, postgres]

function sqlite(name: string, settings: HostSettings, onDisk = false): DatabaseKind {
  return {
    name,
    dialect: 'sqlite',
    hasConnections: onDisk,
    async create(hasEvents = ALWAYS_EVENTS) {
      const directory = onDisk ? mkdtempSync(join(tmpdir(), 'kysely-work-queues-')) : undefined
      const file = directory === undefined ? ':memory:' : join(directory, 'test.db')
      const opened: Kysely<WorkQueueTables>[] = []
      const connect = (connection: SQLite.Database, host: HostSettings, statements?: string[]) => {
        const database = host.prepared === true ? withStatementsOnce(connection) : connection
        const db = session(new SqliteDialect({ database }), host, statements)
        opened.push(db)
        return db
      }

      const connection = openSqlite(file, settings.oddTypes)
      const statements: string[] = []
      const plain = connect(settings.oddTypes && onDisk ? openSqlite(file) : connection, {})
      await migrate(plain, hasEvents)
      return {
        dialect: 'sqlite',
        db: connect(connection, settings, statements),
        plain,
        statements,
        connect: () => connect(openSqlite(file, settings.oddTypes), settings),
        ...destroying(async () => {
          await Promise.all(opened.map((db) => db.destroy()))
          if (directory !== undefined) rmSync(directory, { recursive: true, force: true })
        }),
      }
    },
  }
}

/** Opens a SQLite file as a careful host does. */
export function openSqlite(file: string, safeIntegers = false): SQLite.Database {
  const connection = new SQLite(file, { timeout: 10_000 })
  connection.pragma('journal_mode = wal')
  connection.pragma('synchronous = off')
  connection.pragma('foreign_keys = on')
  if (safeIntegers) connection.defaultSafeIntegers(true)
  return connection
}

/** PostgreSQL with what a host has set. */
export function postgresKind(name: string, settings: HostSettings): DatabaseKind {
  return {
    name,
    dialect: 'postgres',
    hasConnections: true,
    async create(hasEvents = ALWAYS_EVENTS) {
      const database = await takePostgresDatabase(settings.schema ?? 'public', migrate, hasEvents)
      const opened: Kysely<WorkQueueTables>[] = []
      const connect = (host: HostSettings, statements?: string[]) => {
        const pool = new pg.Pool({
          connectionString: database.url,
          max: 10,
          ...(host.oddTypes ? { types: oddTypes } : {}),
          ...(host.types === undefined ? {} : { types: host.types }),
        })
        // Dropping the database ends connections that the pool still holds; that is no error of a test.
        pool.on('error', () => {})
        const db = session(
          new PostgresDialect({ pool: host.prepared === true ? withPreparedStatements(pool) : pool }),
          host,
          statements,
        )
        opened.push(db)
        return db
      }
      const statements: string[] = []
      return {
        dialect: 'postgres',
        db: connect(settings, statements),
        plain: connect(settings.schema === undefined ? {} : { schema: settings.schema }),
        statements,
        connect: () => connect(settings),
        ...destroying(async () => {
          await Promise.all(opened.map((db) => db.destroy()))
          await database.giveBack()
        }),
      }
    },
  }
}

/** A session as a host makes it, which keeps its statements if asked to. */
export function session(
  dialect: Dialect,
  { plugins = [], schema }: HostSettings,
  statements?: string[],
): Kysely<WorkQueueTables> {
  const db = new Kysely<WorkQueueTables>({
    dialect,
    plugins,
    log: (event: LogEvent) => void statements?.push(event.query.sql),
  })
  return schema === undefined ? db : db.withSchema(schema)
}

export function destroying(destroy: () => Promise<void>): Pick<TestDatabase, 'destroy' | typeof Symbol.asyncDispose> {
  return { destroy, [Symbol.asyncDispose]: destroy }
}

/** Whether every database has the event log, to see that all holds with it too. */
export const ALWAYS_EVENTS: boolean = process.env['EVENT_LOG'] === '1'

/** The same kind of database, with the event log. */
export function withEventLog(kind: DatabaseKind): DatabaseKind {
  return { ...kind, name: `${kind.name} with the event log`, create: () => kind.create(true) }
}

/** Creates our tables, and the event log if asked to. */
export async function migrate(db: Kysely<any>, hasEvents = ALWAYS_EVENTS): Promise<void> {
  const all = hasEvents ? { ...migrations, ...eventLog } : migrations
  const migrator = new Migrator({ db, provider: { getMigrations: async () => all } })
  const { error } = await migrator.migrateToLatest()
  if (error !== undefined) throw error
}

/** Parsers as a host may have set them: raw text for times and JSON, bigints for integers. */
const oddTypes: pg.CustomTypesConfig = {
  getTypeParser: (id, format) => {
    const { builtins } = pg.types
    if (([builtins.TIMESTAMPTZ, builtins.TIMESTAMP, builtins.JSON, builtins.JSONB] as number[]).includes(id)) {
      return (value: string) => value
    }
    if (([builtins.INT4, builtins.INT8] as number[]).includes(id)) return (value: string) => BigInt(value)
    if (id === builtins.BOOL) return (value: string) => value
    return pg.types.getTypeParser(id, format)
  },
}
