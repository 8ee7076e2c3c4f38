import { Kysely, SqliteDialect } from 'kysely'
import * as z from 'zod'
import { migrations as ours } from '../migrations.js'
import { check } from '../model/checks.js'
import type { WorkQueueTables } from '../model/tables.js'
import type { RequiredTables } from '../session.js'
import { openInMemory } from './sqlite-in-memory.js'

/** A migration of a host, as Kysely's `Migrator` takes it. */
export interface TestMigration {
  /** Makes what the migration is for. */
  up(db: Kysely<any>): Promise<void>
  /** Not used here. */
  down?(db: Kysely<any>): Promise<void>
}

/** What a test session begins with. */
export interface TestSessionOptions {
  /**
   * The host's own migrations, by their keys. They run among this library's, in the order of all keys, as
   * under a `Migrator` that is given both; this library's may be among them already.
   */
  migrations?: Readonly<Record<string, TestMigration>> | undefined
}

const migrationSchema = z.custom<TestMigration>(
  (value) => typeof value === 'object' && value !== null && 'up' in value && typeof value.up === 'function',
  'must be a migration',
)

const optionsSchema = z.strictObject({ migrations: z.record(z.string(), migrationSchema).optional() })

/**
 * Creates a database of a test's own: SQLite in memory, migrated, with foreign keys on. It takes a few
 * milliseconds, and is gone when it is disposed.
 *
 * Needs better-sqlite3, or a Node that has `node:sqlite` (22.13 and later; from 22.5 on by a flag). Either is
 * loaded by the first call and by nothing else of the library; better-sqlite3 goes first.
 *
 * @returns A Kysely instance, to be disposed with `await using`, or with `destroy()`.
 * @throws {InvalidInputError} when an option is not valid.
 * @throws {TestDriverMissingError} when there is neither. What a migration throws is thrown too.
 *
 * @example
 * ```ts
 * await using session = await createTestSession()
 * const queue = await createWorkQueue(session, { name: 'etl' })
 * ```
 *
 * @example
 * With the tables of the host:
 * ```ts
 * interface Database extends WorkQueueTables {
 *   invoice: InvoiceTable
 * }
 * await using session = await createTestSession<Database>({ migrations: mine })
 * const invoices = await session.selectFrom('invoice').selectAll().execute()
 * ```
 */
export async function createTestSession<DB extends RequiredTables = WorkQueueTables>(
  options: TestSessionOptions = {},
): Promise<Kysely<DB>> {
  const { migrations = {} } = check(optionsSchema, options)
  const db = new Kysely<DB>({ dialect: new SqliteDialect({ database: await openInMemory() }) })
  try {
    const all: Readonly<Record<string, TestMigration>> = { ...ours, ...migrations }
    for (const key of Object.keys(all).toSorted()) await all[key]?.up(db)
  } catch (error) {
    await db.destroy()
    throw error
  }
  return db
}
