import type { SqliteDatabase } from 'kysely'
import { KeptByText } from '../sql/kept-by-text.js'
import { TestDriverMissingError } from './test-driver-missing-error.js'

const DRIVER = 'better-sqlite3'

/** How many statements are kept ready. */
const MOST_STATEMENTS = 500

/**
 * Opens SQLite in memory, with foreign keys on: by better-sqlite3 where that is installed, else by Node's own
 * `node:sqlite`.
 */
export async function openInMemory(): Promise<SqliteDatabase> {
  try {
    const { default: Driver } = await import('better-sqlite3')
    const database = new Driver(':memory:')
    database.pragma('foreign_keys = on')
    return keepingStatements(database)
  } catch (error) {
    if (!isNotInstalled(error)) throw error
    const builtin = loadNodeSqlite()
    if (builtin === undefined) throw new TestDriverMissingError(DRIVER, { cause: error })
    return keepingStatements(nodeSqlite(new builtin.DatabaseSync(':memory:')))
  }
}

function isNotInstalled(error: unknown): boolean {
  return (
    error instanceof Error &&
    'code' in error &&
    (error.code === 'ERR_MODULE_NOT_FOUND' || error.code === 'MODULE_NOT_FOUND')
  )
}

/** What of `node:sqlite` is used. */
interface NodeSqlite {
  readonly DatabaseSync: new (file: string) => NodeSqliteDatabase
}

/** A database of `node:sqlite`. */
interface NodeSqliteDatabase {
  close(): void
  exec(sql: string): void
  prepare(sql: string): {
    all(...parameters: unknown[]): unknown[]
    run(...parameters: unknown[]): { changes: number | bigint; lastInsertRowid: number | bigint }
    iterate(...parameters: unknown[]): IterableIterator<unknown>
    /** Not before Node 22.16. */
    columns?(): readonly unknown[]
  }
}

/**
 * Node's own SQLite, without a warning or an error where there is none. It is asked for in a way that no
 * bundler follows: the module is not there in Node 20, nor in Node 22.5 to 22.12 without its flag.
 */
function loadNodeSqlite(): NodeSqlite | undefined {
  const { process } = globalThis as { process?: { getBuiltinModule?(name: string): NodeSqlite | undefined } }
  return process?.getBuiltinModule?.('node:sqlite')
}

/** What Kysely's SQLite dialect asks of a database, on `node:sqlite`. */
export function nodeSqlite(database: NodeSqliteDatabase): SqliteDatabase {
  database.exec('pragma foreign_keys = on')
  return {
    close: () => database.close(),
    prepare(sql) {
      const statement = database.prepare(sql)
      return {
        reader: statement.columns === undefined ? returnsRows(sql) : statement.columns().length > 0,
        all: (parameters) => statement.all(...parameters),
        run: (parameters) => statement.run(...parameters),
        iterate: (parameters) => statement.iterate(...parameters),
      }
    },
  }
}

/** Whether a statement returns rows, by its text. */
export function returnsRows(sql: string): boolean {
  if (/\breturning\b/i.test(sql) || /^\s*(select|values|pragma|explain)\b/i.test(sql)) return true
  return /^\s*with\b/i.test(sql) && !/\b(insert\s+(or\s+\w+\s+)?into|replace\s+into|update|delete\s+from)\b/i.test(sql)
}

/**
 * Keeps statements ready, by their text: preparing one takes longer than running it. All are dropped when the
 * schema changes: `node:sqlite` of Node 22.13 would go on returning the columns of before.
 */
function keepingStatements(database: SqliteDatabase): SqliteDatabase {
  const statements = new KeptByText(MOST_STATEMENTS, (text) => database.prepare(text))
  return {
    close: () => database.close(),
    prepare(sql) {
      if (/^\s*(create|alter|drop)\b/i.test(sql)) statements.clear()
      return statements.get(sql)
    },
  }
}
