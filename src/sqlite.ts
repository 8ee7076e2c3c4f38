import { isOwnText } from './sql/cached-statement.js'
import { KeptByText } from './sql/kept-by-text.js'
import { replacing } from './sql/replacing.js'

/**
 * What the wrapper needs of a database: a `prepare` that makes a statement of a text, as that of
 * `better-sqlite3` does.
 */
export interface PreparingDatabase {
  /** Prepares a statement, which may be run any number of times. */
  readonly prepare: (text: string, ...rest: never[]) => unknown
}

/**
 * Wraps a database of `better-sqlite3`, so that this library's own statements are prepared once and then run
 * again: Kysely's driver prepares each anew, which is a third of what a claim costs there.
 *
 * All other statements are prepared as they are asked for. Answers are the same: SQLite itself prepares a
 * statement anew when the schema has changed. Whether integers are safe (`defaultSafeIntegers`) is settled
 * when a statement is prepared; both are read rightly.
 *
 * @param database - A database of `better-sqlite3`, or one with the same `prepare`. It stays the host's:
 *   close it as before.
 * @returns The same database to look at, to be given to Kysely's `SqliteDialect`.
 *
 * @example
 * ```ts
 * import { withPreparedStatements } from 'kysely-work-queues/sqlite'
 * import SQLite from 'better-sqlite3'
 *
 * const database = withPreparedStatements(new SQLite('orchestrator.db'))
 * const db = new Kysely<WorkQueueTables>({ dialect: new SqliteDialect({ database }) })
 * ```
 */
export function withPreparedStatements<D extends PreparingDatabase>(database: D): D {
  const prepare = database.prepare.bind(database) as (text: string, ...rest: unknown[]) => unknown
  const statements = new KeptByText(MOST_STATEMENTS, prepare)
  return replacing(database, 'prepare', (text: string, ...rest: unknown[]) =>
    isOwnText(text) ? statements.get(text) : prepare(text, ...rest),
  )
}

/** Begun anew at this size; the library has a few dozen. */
const MOST_STATEMENTS = 500
