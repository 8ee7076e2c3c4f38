import SQLite from 'better-sqlite3'
import { Kysely, PostgresDialect, SqliteDialect } from 'kysely'
import { openPool } from './pool.js'

/** Opens the database of a URL: `postgres://...`, or the path of a SQLite file, or `:memory:`. */
export function openDatabase<DB>(url: string): Kysely<DB> {
  if (/^postgres(ql)?:/.test(url)) {
    return new Kysely({ dialect: new PostgresDialect({ pool: openPool({ connectionString: url, max: 4 }) }) })
  }
  const database = new SQLite(url, { timeout: 10_000 })
  database.pragma('journal_mode = wal')
  database.pragma('foreign_keys = on')
  return new Kysely({ dialect: new SqliteDialect({ database }) })
}
