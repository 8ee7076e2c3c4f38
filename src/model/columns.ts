import { type ColumnType, type Insertable, type RawBuilder, sql } from 'kysely'
import type { Dialect } from './dialect.js'
import {
  decodeBoolean,
  decodeInteger,
  decodeJson,
  decodeTime,
  encodeBoolean,
  encodeJson,
  encodeTime,
} from './values.js'

/** A time: a `Date` from PostgreSQL, text from SQLite. */
export type Timestamp = ColumnType<Date | string, string, string>

/** A boolean: 0 or 1 on SQLite. */
export type Flag = ColumnType<boolean | number, boolean | number | undefined, boolean | number>

/** JSON: parsed by the PostgreSQL driver, text on SQLite. Always written as text. */
export type Json = ColumnType<unknown, string, string>

/** How a property of a record is stored. */
export interface Column<T> {
  readonly name: string
  readonly isJson: boolean
  readonly decode: (value: unknown) => T
  readonly encode: (value: NonNullable<T>, dialect: Dialect) => unknown
}

declare const row: unique symbol

/** How a record is stored: a column for each property. `T` is the table's type, for the compiler alone. */
export type Columns<R, T = unknown> = { readonly [P in keyof R]-?: Column<R[P]> } & { readonly [row]?: T }

const plain = (value: unknown): unknown => value

export function text<T extends string>(name: string): Column<T> {
  return { name, isJson: false, decode: plain as (value: unknown) => T, encode: plain }
}

export function integer(name: string): Column<number> {
  return { name, isJson: false, decode: decodeInteger, encode: plain }
}

export function boolean(name: string): Column<boolean> {
  return { name, isJson: false, decode: decodeBoolean, encode: encodeBoolean }
}

export function time(name: string): Column<Date> {
  return { name, isJson: false, decode: decodeTime, encode: encodeTime }
}

/** JSON's own null, which a database may hold where a record has none, is read as empty. */
export function json<T>(name: string, empty: () => T): Column<T> {
  return { name, isJson: true, decode: (value) => decodeJson<T | null>(value) ?? empty(), encode: encodeJson }
}

export function nullableJson<T>(name: string): Column<T | null> {
  return {
    name,
    isJson: true,
    decode: (value) => (value === null ? null : decodeJson<T | null>(value)),
    encode: encodeJson,
  }
}

export function nullable<T>(column: Column<T>): Column<T | null> {
  return { ...column, decode: (value) => (value === null ? null : column.decode(value)) }
}

/**
 * What to select so that {@link decode} can make records of the rows.
 *
 * Always the columns by name: hosts add their own. JSON is read as text on PostgreSQL, which no type parser of the host touches.
 *
 * @param from - The table or alias that has the columns.
 * @param prefix - Put before each property, to tell two records in one row apart.
 */
export function selection<R>(columns: Columns<R>, dialect: Dialect, from: string, prefix = ''): RawBuilder<unknown> {
  const selected = entries(columns).map(([property, column]) => {
    const name = `${from}.${column.name}`
    return `${column.isJson && dialect === 'postgres' ? `cast(${name} as text)` : name} as "${prefix}${property}"`
  })
  return sql.raw(selected.join(', '))
}

/** Makes a record of a row that was read with {@link selection}. */
export function decode<R>(columns: Columns<R>, row: object, prefix = ''): R {
  const record: Record<string, unknown> = {}
  for (const { property, key, column } of reading(columns, prefix)) {
    record[property] = column.decode((row as Record<string, unknown>)[key])
  }
  return record as R
}

/** Makes column values of a record, or of some of its properties: absent ones are left out. */
export function encode<R, T>(columns: Columns<R, T>, values: Partial<R>, dialect: Dialect): Insertable<T> {
  const encoded: Record<string, unknown> = {}
  for (const [property, column] of entries(columns)) {
    const value = values[property as keyof R]
    if (value === undefined) continue
    encoded[column.name] = value === null ? null : column.encode(value, dialect)
  }
  // Each value is of the column's kind by construction, as a parameter or as an SQL expression, which `values` and `set` take too.
  return encoded as Insertable<T>
}

interface Reading<R> {
  readonly property: string
  readonly key: string
  readonly column: Column<R[keyof R]>
}

// Listed once, since every row of every poll asks for it.
const readings = new WeakMap<object, Map<string, Reading<unknown>[]>>()

function reading<R>(columns: Columns<R>, prefix: string): Reading<R>[] {
  let byPrefix = readings.get(columns)
  if (byPrefix === undefined) readings.set(columns, (byPrefix = new Map()))
  let listed = byPrefix.get(prefix) as Reading<R>[] | undefined
  if (listed === undefined) {
    listed = entries(columns).map(([property, column]) => ({ property, key: prefix + property, column }))
    byPrefix.set(prefix, listed as unknown as Reading<unknown>[])
  }
  return listed
}

function entries<R>(columns: Columns<R>): [property: string, column: Column<R[keyof R]>][] {
  return Object.entries(columns)
}
