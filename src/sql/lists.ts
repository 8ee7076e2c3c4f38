import { type RawBuilder, type SqlBool, sql } from 'kysely'
import type { Dialect } from '../model/dialect.js'

/** A condition of a statement. */
export type Condition = RawBuilder<SqlBool>

// A list travels as one parameter, so that a statement's text and its number of parameters do not depend on its length (65,535 is
// the most that PostgreSQL takes), and an empty list is nothing special: it matches nothing.

/** A list of ids inside a statement. */
export interface IdList {
  /** What stands for a value made by {@link encodeIdList}. */
  readonly value: RawBuilder<unknown>
  readonly isShort: boolean
}

/** Whether a list of ids is short enough for PostgreSQL to plan with it. */
export function isShortList(ids: readonly string[]): boolean {
  return ids.length <= 20
}

/** The column has one of these ids. */
export function hasAnyId(column: string, ids: readonly string[], dialect: Dialect): Condition {
  return isInIdList(column, { value: sql`${encodeIdList(ids, dialect)}`, isShort: isShortList(ids) }, dialect)
}

/**
 * The column has one of the ids in a list.
 *
 * PostgreSQL knows how many ids a mere cast has, and plans by that; but where it scans, it reads the list again for every row: 27 s
 * for `recordWorkQueuePolls` of 2,000 queues of 3,000. A long list is read in a query of its own, which runs once (0.2 s) and is
 * taken for ten ids; a short one taken for ten makes a poll of pools look so large that it is compiled (100 ms).
 */
export function isInIdList(column: string, { value, isShort }: IdList, dialect: Dialect): Condition {
  if (dialect === 'sqlite') return sql`${sql.ref(column)} in (select value from json_each(${value}))`
  const list = sql`cast(cast(${value} as text) as uuid[])`
  return isShort
    ? sql`${sql.ref(column)} = any(${list})`
    : sql`${sql.ref(column)} = any(cast((select ${list}) as uuid[]))`
}

/** A list of ids as one parameter. The ids are UUIDs, so they need no quoting in an array literal. */
export function encodeIdList(ids: readonly string[], dialect: Dialect): string {
  return dialect === 'postgres' ? `{${ids.join(',')}}` : JSON.stringify(ids)
}

/** A list of texts as a table `list` with the column `value`. */
function textList(texts: readonly string[], dialect: Dialect): RawBuilder<unknown> {
  const json = JSON.stringify(texts)
  return dialect === 'postgres'
    ? sql`jsonb_array_elements_text(cast(cast(${json} as text) as jsonb)) as list(value)`
    : sql`json_each(${json}) as list`
}

/** The column has one of these texts. */
export function hasAnyText(column: string, texts: readonly string[], dialect: Dialect): Condition {
  const list = sql`select value from ${textList(texts, dialect)}`
  return dialect === 'postgres' ? sql`${sql.ref(column)} = any(array(${list}))` : sql`${sql.ref(column)} in (${list})`
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
  const lowered = prefixes.map((prefix) => prefix.replace(/[A-Z]/g, (letter) => letter.toLowerCase()))
  const ref = dialect === 'postgres' ? sql`lower(${sql.ref(column)} collate "C")` : sql`lower(${sql.ref(column)})`
  return sql`exists (
    select 1 from ${textList(lowered, dialect)}
    where substr(${ref}, 1, length(list.value)) = list.value
  )`
}

/** The JSON array in the column has all of these texts. What is no JSON, as SQLite may hold, has none. */
export function hasAllTexts(column: string, texts: readonly string[], dialect: Dialect): Condition {
  const list = JSON.stringify(texts)
  const name = sql.ref(column)
  return dialect === 'postgres'
    ? sql`${name} @> cast(cast(${list} as text) as jsonb)`
    : sql`not exists (
        select 1 from json_each(${list}) as wanted
        where wanted.value not in (
          select value from json_each(case when json_valid(${name}) then ${name} end) where value is not null)
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
