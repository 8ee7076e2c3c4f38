import { type RawBuilder, type SqlBool, sql } from 'kysely'
import type { Dialect } from './dialect.js'

/** A condition of a statement. */
export type Condition = RawBuilder<SqlBool>

// A list travels as one parameter, so that a statement's text and its number of parameters do not depend on its length (65,535 is
// the most that PostgreSQL takes), and an empty list is nothing special: it matches nothing.

/** The column has one of these ids. The ids are UUIDs, so they need no quoting in an array literal. */
export function hasAnyId(column: string, ids: readonly string[], dialect: Dialect): Condition {
  return dialect === 'postgres'
    ? sql`${sql.ref(column)} = any(cast(cast(${`{${ids.join(',')}}`} as text) as uuid[]))`
    : sql`${sql.ref(column)} in (select value from json_each(${JSON.stringify(ids)}))`
}

/** The column has one of these texts. */
export function hasAnyText(column: string, texts: readonly string[], dialect: Dialect): Condition {
  const list = JSON.stringify(texts)
  return dialect === 'postgres'
    ? sql`${sql.ref(column)} = any(array(select jsonb_array_elements_text(cast(cast(${list} as text) as jsonb))))`
    : sql`${sql.ref(column)} in (select value from json_each(${list}))`
}

/** The column has one of these words of ours, which are written into the statement, as a partial index needs it. */
export function isOneOf(column: string, words: readonly string[]): Condition {
  return words.length === 0 ? never() : sql`${sql.ref(column)} in (${sql.join(words.map((word) => sql.lit(word)))})`
}

/**
 * The column begins with one of these prefixes. ASCII letters match in either case, all else as it is, `%` and `_` too.
 *
 * `like` would not do: it ignores the case of ASCII letters on SQLite and of all letters on PostgreSQL.
 */
export function startsWithAny(column: string, prefixes: readonly string[], dialect: Dialect): Condition {
  const lowered = dialect === 'postgres' ? sql`lower(${sql.ref(column)} collate "C")` : sql`lower(${sql.ref(column)})`
  return or(
    prefixes.map((prefix) => {
      const wanted = prefix.replace(/[A-Z]/g, (letter) => letter.toLowerCase())
      return sql<SqlBool>`substr(${lowered}, 1, ${sql.lit([...wanted].length)}) = ${wanted}`
    }),
  )
}

/** The JSON array in the column has all of these texts. */
export function hasAllTexts(column: string, texts: readonly string[], dialect: Dialect): Condition {
  const list = JSON.stringify(texts)
  return dialect === 'postgres'
    ? sql`${sql.ref(column)} @> cast(cast(${list} as text) as jsonb)`
    : sql`not exists (
        select 1 from json_each(${list}) as wanted
        where wanted.value not in (select value from json_each(${sql.ref(column)}))
      )`
}

/** All of the conditions hold; true when there is none. */
export function and(conditions: readonly Condition[]): Condition {
  return conditions.length === 0 ? always() : sql`(${sql.join(conditions, sql` and `)})`
}

/** One of the conditions holds; false when there is none. */
export function or(conditions: readonly Condition[]): Condition {
  return conditions.length === 0 ? never() : sql`(${sql.join(conditions, sql` or `)})`
}

function always(): Condition {
  return sql`1 = 1`
}

function never(): Condition {
  return sql`1 = 0`
}
