import { type RawBuilder, type SqlBool, sql } from 'kysely'
import type { Dialect } from '../model/dialect.js'

/** A condition of a statement. */
export type Condition = RawBuilder<SqlBool>

// A list travels as one parameter, so that a statement's text and its number of parameters do not depend on
// its length (65,535 is the most that PostgreSQL takes), and an empty list is nothing special: it matches
// nothing.

/** A list of ids inside a statement. */
export interface IdList {
  /** What stands for a value made by {@link encodeIdList}. */
  readonly value: RawBuilder<unknown>
  readonly size: ListSize
}

/** As how many a list of ids is planned. */
export type ListSize = 'one' | 'few' | 'many'

/** As how many PostgreSQL is to plan a list of ids. */
export function sizeOf(ids: readonly string[]): ListSize {
  return ids.length === 1 ? 'one' : isShortList(ids) ? 'few' : 'many'
}

/** Whether a list of ids is short enough for PostgreSQL to plan with it. */
export function isShortList(ids: readonly string[]): boolean {
  return ids.length <= 20
}

/** The column has one of these ids. */
export function hasAnyId(column: string, ids: readonly string[], dialect: Dialect): Condition {
  return isInIdList(column, { value: sql`${encodeIdList(ids, dialect)}`, size: sizeOf(ids) }, dialect)
}

/**
 * The column has one of the ids in a list.
 *
 * PostgreSQL knows how many ids a mere cast has, and plans by that; but where it scans, it reads the list
 * again for every row: 27 s for `recordWorkQueuePolls` of 2,000 queues of 3,000. A long list is read in a
 * separate query, which runs once (0.2 s) and which PostgreSQL plans as ten ids; a short list planned as ten
 * makes a poll of pools look so expensive that PostgreSQL JIT-compiles it (100 ms).
 *
 * In a named statement a cast is planned as ten too. So one id, the usual list, is compared by itself: what
 * is estimated is the same for any values, and the statement is planned once.
 */
export function isInIdList(column: string, { value, size }: IdList, dialect: Dialect): Condition {
  if (dialect === 'sqlite') return sql`${sql.ref(column)} in (select value from json_each(${value}))`
  const list = sql`cast(cast(${value} as text) as uuid[])`
  if (size === 'one') return sql`${sql.ref(column)} = (${list})[1]`
  return size === 'few'
    ? sql`${sql.ref(column)} = any(${list})`
    : sql`${sql.ref(column)} = any(cast((select ${list}) as uuid[]))`
}

/**
 * The same, asked of rows that something else finds: how long the list is makes no difference to a row.
 *
 * {@link isInIdList} is a look-up, and where PostgreSQL makes a filter of it, each row goes through the list:
 * 9 s for the slot holders of 4,000 queues. `is true` keeps the list a query by itself, which PostgreSQL runs
 * once, into a hash table; and it keeps SQLite from looking the column up for each id.
 */
export function isAmongIds(column: string, value: RawBuilder<unknown>, dialect: Dialect): Condition {
  return asked(sql`${sql.ref(column)} in (${idRows(value, dialect)})`)
}

/** A condition that only filters: no index is used for it, and no plan is made around it. */
export function asked(condition: Condition): Condition {
  return sql`(${condition}) is true`
}

/** A list of ids as one parameter. The ids are UUIDs, so they need no quoting in an array literal. */
export function encodeIdList(ids: readonly string[], dialect: Dialect): string {
  return dialect === 'postgres' ? `{${ids.join(',')}}` : JSON.stringify(ids)
}

/** A list of ids as the query of its rows. */
function idRows(value: RawBuilder<unknown>, dialect: Dialect): RawBuilder<unknown> {
  return dialect === 'postgres'
    ? sql`select unnest(cast(cast(${value} as text) as uuid[]))`
    : sql`select value from json_each(${value})`
}

/** A list of texts as a table `list` with the column `value`. */
function textList(texts: readonly string[], dialect: Dialect): RawBuilder<unknown> {
  const json = JSON.stringify(texts)
  return dialect === 'postgres'
    ? sql`jsonb_array_elements_text(cast(cast(${json} as text) as jsonb)) as list(value)`
    : sql`json_each(${json}) as list`
}

/** A column that may have one of many values. */
export interface ListCriterion {
  readonly column: string
  readonly type: 'id' | 'text'
  readonly values: readonly string[]
  /**
   * Whether rows are looked up by the column: `perhaps` where Prefect's tables have an index of it and ours
   * have none.
   */
  readonly isIndexed: boolean | 'perhaps'
}

/** The column has one of the values: rows are looked up by it. */
export function isFoundIn(criterion: ListCriterion, dialect: Dialect): Condition {
  const { column, type, values, isIndexed } = criterion
  if (isIndexed === 'perhaps' && !isShortList(values)) return isIn(criterion, dialect)
  if (type === 'id') return hasAnyId(column, values, dialect)
  if (dialect === 'sqlite') return isIn(criterion, dialect)
  return sql`${sql.ref(column)} = any(array(select value from ${textList(values, dialect)}))`
}

/** The column has one of the values: asked of rows that something else finds. */
export function isAskedIn(criterion: ListCriterion, dialect: Dialect): Condition {
  return asked(isIn(criterion, dialect))
}

function isIn({ column, type, values }: ListCriterion, dialect: Dialect): Condition {
  const rows =
    type === 'id'
      ? idRows(sql`${encodeIdList(values, dialect)}`, dialect)
      : sql`select value from ${textList(values, dialect)}`
  return sql`${sql.ref(column)} in (${rows})`
}

/** The column has one of these words, which are written into the statement, as a partial index needs it. */
export function isOneOf(column: string, words: readonly string[]): Condition {
  return words.length === 0 ? never() : sql`${sql.ref(column)} in (${sql.join(words.map((word) => sql.lit(word)))})`
}

/**
 * The column begins with one of these prefixes. ASCII letters match in either case, all else as it is, `%`
 * and `_` too.
 *
 * `like` would not do: it ignores the case of ASCII letters on SQLite and of all letters on PostgreSQL. A row
 * is looked up among the prefixes once for each of their lengths, and not compared with each (4,000 prefixes
 * and 8,000 queues: 11 s on PostgreSQL).
 */
export function startsWithAny(column: string, prefixes: readonly string[], dialect: Dialect): Condition {
  const lowered = prefixes.map((prefix) => prefix.replace(/[A-Z]/g, (letter) => letter.toLowerCase()))
  const lengths = JSON.stringify([...new Set(lowered.map((prefix) => Array.from(prefix).length))])
  const isPostgres = dialect === 'postgres'
  const ref = isPostgres ? sql`lower(${sql.ref(column)} collate "C")` : sql`lower(${sql.ref(column)})`
  const table = isPostgres
    ? sql`(select cast(value as integer) as value from jsonb_array_elements_text(cast(cast(${lengths} as text) as jsonb)) as list(value)) as length`
    : sql`json_each(${lengths}) as length`
  return sql`exists (
    select 1 from ${table}
    where ${asked(sql`substr(${ref}, 1, length.value) in (select value from ${textList(lowered, dialect)})`)}
  )`
}

/**
 * The JSON array in the column has all of these texts. On SQLite those are counted that it has, in one pass
 * over it: to look for each of them in it costs their product. What is no JSON, as SQLite may hold, has none.
 */
export function hasAllTexts(column: string, texts: readonly string[], dialect: Dialect): Condition {
  const list = JSON.stringify(texts)
  const name = sql.ref(column)
  return dialect === 'postgres'
    ? sql`${name} @> cast(cast(${list} as text) as jsonb)`
    : sql`(
        select count(distinct value) from json_each(case when json_valid(${name}) then ${name} end)
        where type = 'text' and value in (select value from json_each(${list}))
      ) = ${sql.lit(new Set(texts).size)}`
}

/** The records of these ids, in the order of the ids: `returning` has none. */
export function inOrder<R extends { readonly id: string }>(ids: readonly string[], records: readonly R[]): R[] {
  const byId = new Map(records.map((record) => [record.id, record]))
  return ids.map((id) => byId.get(id)).filter((record) => record !== undefined)
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
