import { readFileSync } from 'node:fs'
import SQLite from 'better-sqlite3'
import { type Dialect, Kysely, type Migration, Migrator, PostgresDialect, sql, SqliteDialect } from 'kysely'
import type { WorkQueueTables } from 'kysely-work-queues'
import { migrations, prefectIndexes } from 'kysely-work-queues/migrations'
import pg from 'pg'
import { inject } from 'vitest'

export type Db = Kysely<WorkQueueTables>

/** Whose tables a database has: ours, or Prefect's own with our indexes added. */
export type Tables = 'our tables' | 'Prefect’s tables'

/** A database that a whole file of plan tests shares. */
export interface PlanDatabase {
  readonly dialect: 'postgres' | 'sqlite'
  readonly plain: Db
  /** The statements sent so far. */
  readonly statements: string[]
  /** How often a statement has called the function `visited`. SQLite only. */
  visits: number
  destroy(): Promise<void>
}

/**
 * Makes a database, has it filled, and adds the indexes that are cheaper to make afterwards: Prefect's flow runs have more than
 * twenty.
 */
export async function createDatabase(
  dialect: PlanDatabase['dialect'],
  tables: Tables,
  fill: (database: PlanDatabase) => Promise<void>,
): Promise<PlanDatabase> {
  const database = dialect === 'postgres' ? await createPostgres() : createSqlite()
  const { plain } = database
  if (tables === 'our tables') {
    await migrate(plain, migrations)
    await withoutAutovacuum(database)
    await fill(database)
    return database
  }
  const statements = readFileSync(new URL(`../support/prefect-ddl/${dialect}.sql`, import.meta.url), 'utf8')
    .split(/;\n/)
    .filter((statement) => statement.trim() !== '')
  const isIndex = (statement: string): boolean => /^\s*create (?:unique )?index/i.test(statement)
  for (const statement of statements.filter((each) => !isIndex(each))) await sql.raw(statement).execute(plain)
  await withoutAutovacuum(database)
  await fill(database)
  // An index over rows that were updated is not used while a transaction of any database is open that is older than it.
  if (dialect === 'postgres') await sql`vacuum`.execute(plain)
  for (const statement of statements.filter(isIndex)) await sql.raw(statement).execute(plain)
  await migrate(plain, prefectIndexes)
  // Making an index counts the table's rows. A database without statistics is one that nobody has looked at yet.
  if (dialect === 'postgres') await sql`update pg_class set reltuples = -1, relpages = 0`.execute(plain)
  return database
}

/** On a server that is not ours, statistics would come when they like. */
async function withoutAutovacuum({ plain, dialect }: PlanDatabase): Promise<void> {
  if (dialect === 'sqlite') return
  for (const table of ['flow_run', 'flow_run_state', 'work_queue', 'work_pool']) {
    await sql`alter table ${sql.id(table)} set (autovacuum_enabled = off)`.execute(plain)
  }
}

function createSqlite(): PlanDatabase {
  const connection = new SQLite(':memory:')
  const statements: string[] = []
  const plain = session(new SqliteDialect({ database: connection }), statements)
  const database: PlanDatabase = {
    dialect: 'sqlite',
    plain,
    statements,
    visits: 0,
    destroy: async () => await plain.destroy(),
  }
  connection.function('visited', { deterministic: false, varargs: true }, () => {
    database.visits += 1
    return 1
  })
  return database
}

function session(dialect: Dialect, statements: string[]): Db {
  return new Kysely<WorkQueueTables>({ dialect, log: ({ query }) => void statements.push(query.sql) })
}

let counter = 0

async function createPostgres(): Promise<PlanDatabase> {
  const server = new pg.Client({ connectionString: inject('databaseUrl') })
  await server.connect()
  const name = `${inject('databasePrefix')}_plans_${process.pid}_${++counter}`
  await server.query(`create database ${name}`)
  const url = new URL(inject('databaseUrl'))
  url.pathname = `/${name}`
  const pool = new pg.Pool({ connectionString: url.href, max: 2 })
  pool.on('error', () => {})
  const statements: string[] = []
  const plain = session(new PostgresDialect({ pool }), statements)
  return {
    dialect: 'postgres',
    plain,
    statements,
    visits: 0,
    async destroy() {
      await plain.destroy()
      await server.query(`drop database ${name} with (force)`)
      await server.end()
    },
  }
}

async function migrate(db: Db, records: Record<string, Migration>): Promise<void> {
  const { error } = await new Migrator({ db, provider: { getMigrations: async () => records } }).migrateToLatest()
  if (error !== undefined) throw error
}
