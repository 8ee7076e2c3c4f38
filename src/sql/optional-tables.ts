import { sql } from 'kysely'
import { MissingTableError } from '../errors.js'
import type { AllTables, WorkQueueTables } from '../model/tables.js'
import { type Scope, takeWriteLock } from '../session.js'
import { inSchema, perInstance } from './per-instance.js'

/** The tables that a database may lack, each with the migration that makes it. */
const MIGRATIONS: Readonly<Record<OptionalTable, string>> = {
  flow_run_lease: 'leases',
  work_queue_event: 'eventLog',
}

/** A table that a database may lack. */
export type OptionalTable = Exclude<keyof AllTables, keyof WorkQueueTables>

// A statement that names a missing table aborts the caller's transaction on PostgreSQL, so it is asked
// before. What was seen once is not asked for again. A table that is dropped since makes the driver's own
// error.
const seenOf = perInstance(() => new Set<string>())

/** For a host with a schema for each of its tenants: begun anew at this size. */
const MOST_SEEN = 10_000

/** Whether the call goes on to write: a transaction of the caller's on SQLite has to begin with that. */
type Purpose = 'read' | 'write'

/** Whether the table is there. */
export async function hasTable(scope: Scope, table: OptionalTable, purpose: Purpose): Promise<boolean> {
  const tables = seenOf(scope)
  const key = inSchema(scope, table)
  if (tables.has(key)) return true
  if (purpose === 'write' && scope.dialect === 'sqlite' && scope.isTransaction) await takeWriteLock(scope)
  const isThere = await askFor(scope, table)
  if (tables.size >= MOST_SEEN) tables.clear()
  if (isThere) tables.add(key)
  return isThere
}

/**
 * Refuses the call where the table is not there.
 *
 * @throws {MissingTableError} when it is not.
 */
export async function requireTable(scope: Scope, table: OptionalTable, purpose: Purpose): Promise<void> {
  if (!(await hasTable(scope, table, purpose))) throw new MissingTableError(table, MIGRATIONS[table])
}

async function askFor({ db, dialect, schema }: Scope, table: OptionalTable): Promise<boolean> {
  if (dialect === 'postgres') {
    const name = schema === undefined ? `"${table}"` : `"${schema.replaceAll('"', '""')}"."${table}"`
    const { rows } = await sql<{ isThere: string }>`
      select cast(to_regclass(${name}) is not null as text) as "isThere"`.execute(db)
    return rows[0]?.isThere === 'true'
  }
  const { rows } = await sql`
    select 1 as found from ${schema === undefined ? sql`` : sql`${sql.id(schema)}.`}sqlite_master
    where type in ('table', 'view') and name = ${table}`.execute(db)
  return rows.length > 0
}
