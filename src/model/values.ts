import { type RawBuilder, sql } from 'kysely'
import type { Dialect } from './dialect.js'

/** A JSON object. */
export type JsonObject = Record<string, unknown>

// How values are stored, in the formats that Prefect 3 uses itself: on SQLite, times are text with a blank and six digits, booleans
// are 0 and 1, JSON is text as Python writes it. Reading is tolerant, because hosts override type parsers (pg `types`,
// better-sqlite3 safe integers) and Prefect writes microseconds.

/** A time as it is stored. On SQLite all have the same length, so that their text order is their time order. */
export function encodeTime(time: Date, dialect: Dialect): string {
  const iso = time.toISOString()
  return dialect === 'postgres' ? iso : `${iso.slice(0, 10)} ${iso.slice(11, 23)}000`
}

/** A duration that is stored in a column of the run, and longer by so many milliseconds. On SQLite it is the time since 1970. */
export function lengthened(column: string, milliseconds: number, dialect: Dialect): RawBuilder<unknown> {
  const seconds = sql.lit(milliseconds / 1000)
  return dialect === 'postgres'
    ? sql`${sql.ref(column)} + make_interval(secs => ${seconds})`
    : // Past the year 9999, SQLite has no time.
      sql`coalesce(strftime('%Y-%m-%d %H:%M:%f000', ${sql.ref(column)}, ${seconds} || ' seconds'), ${sql.ref(column)})`
}

const ZONELESS = /^\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(?:\.\d+)?$/
const SHORT_ZONE = /[+-]\d\d$/

/** A time as it is read: whatever the driver made of it. Microseconds are cut off, never rounded up. */
export function decodeTime(value: unknown): Date {
  if (value instanceof Date) return value
  if (typeof value !== 'string') return new Date(Number(value))
  if (ZONELESS.test(value)) return new Date(`${value.replace(' ', 'T')}Z`)
  return new Date(SHORT_ZONE.test(value) ? `${value.replace(' ', 'T')}:00` : value)
}

/** A boolean as SQL: drivers for SQLite bind none, and a literal is right on both databases. */
export function encodeBoolean(value: boolean): RawBuilder<boolean> {
  return sql.lit(value)
}

/** A boolean as it is read: true, 1, 1n, `t` or `true`. */
export function decodeBoolean(value: unknown): boolean {
  return value === true || value === 't' || value === 'true' || Number(value) === 1
}

/** An integer as it is read: a number, a bigint or digits. */
export function decodeInteger(value: unknown): number {
  return Number(value)
}

/**
 * JSON as it is stored. On PostgreSQL it travels as text and is cast there, which is right for drivers that would encode a
 * `jsonb` parameter a second time. On SQLite it is spelled as Python's `json.dumps` spells it.
 */
export function encodeJson(value: unknown, dialect: Dialect): RawBuilder<string> | string {
  if (dialect === 'postgres') return sql<string>`cast(cast(${JSON.stringify(value)} as text) as jsonb)`
  return (
    JSON.stringify(value, null, 1)
      // Real line breaks are only ever JSON's own: in strings they are escaped.
      .replace(/([[{])\n\s*/g, '$1')
      .replace(/\n\s*([\]}])/g, '$1')
      .replace(/,\n\s*/g, ', ')
      .replace(/[\u0080-\uffff]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`)
  )
}

/** JSON as it is read: text, or parsed already by the driver. Our columns hold objects and arrays, never bare strings. */
export function decodeJson<T>(value: unknown): T {
  return (typeof value === 'string' ? JSON.parse(value) : value) as T
}
