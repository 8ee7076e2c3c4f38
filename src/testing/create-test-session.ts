import type SQLite from 'better-sqlite3'
import { Kysely, SqliteDialect } from 'kysely'
import { migrations } from '../migrations.js'
import type { WorkQueueTables } from '../model/tables.js'
import { TestDriverMissingError } from './test-driver-missing-error.js'

const DRIVER = 'better-sqlite3'

/**
 * Creates a database of a test's own: SQLite in memory, migrated, with foreign keys on. It takes a few
 * milliseconds, and is gone when it is disposed.
 *
 * Needs the package better-sqlite3, which is loaded by the first call and by nothing else of the library.
 *
 * @returns A Kysely instance, to be disposed with `await using`, or with `destroy()`.
 * @throws {TestDriverMissingError} when better-sqlite3 is not installed.
 *
 * @example
 * ```ts
 * await using session = await createTestSession()
 * const queue = await createWorkQueue(session, { name: 'etl' })
 * ```
 */
export async function createTestSession(): Promise<Kysely<WorkQueueTables>> {
  const Driver = await loadDriver()
  const database = new Driver(':memory:')
  database.pragma('foreign_keys = on')
  const db = new Kysely<WorkQueueTables>({ dialect: new SqliteDialect({ database }) })
  for (const key of Object.keys(migrations).toSorted()) await migrations[key]?.up(db)
  return db
}

async function loadDriver(): Promise<typeof SQLite> {
  try {
    return (await import('better-sqlite3')).default
  } catch (error) {
    const isMissing =
      error instanceof Error &&
      'code' in error &&
      (error.code === 'ERR_MODULE_NOT_FOUND' || error.code === 'MODULE_NOT_FOUND')
    throw isMissing ? new TestDriverMissingError(DRIVER, { cause: error }) : error
  }
}
