import type { Statements } from './migration.js'

/** An index as a migration makes it. */
export interface Index {
  readonly name: string
  readonly table: string
  readonly on: string
}

/**
 * Statements that create indexes, and take those as they are that are there already: on a database in use, an
 * operator builds them beforehand with PostgreSQL's `create index concurrently`, which no migration can,
 * since it runs in a transaction.
 *
 * An index is in its table's schema: PostgreSQL names the schema with the table, SQLite with the index.
 */
export function createIndexes(indexes: readonly Index[]): Statements {
  return {
    postgres: indexes.map(({ name, table, on }) => `create index if not exists ${name} on {${table}} ${on}`),
    sqlite: indexes.map(({ name, table, on }) => `create index if not exists {${name}} on ${table} ${on}`),
  }
}

/** Statements that drop the indexes that are still there. */
export function dropIndexes(indexes: readonly Index[]): Statements {
  const statements = indexes.map(({ name }) => `drop index if exists {${name}}`)
  return { postgres: statements, sqlite: statements }
}
