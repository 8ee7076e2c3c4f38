import { type RawBuilder, sql } from 'kysely'
import type { Dialect } from './dialect.js'
import { toPythonJson } from './json.js'
import { momentOf } from './moments.js'

// How values are stored, in the formats that Prefect 3 uses itself: on SQLite, times are text with a blank
// and six digits, booleans are 0 and 1, JSON is text as Python writes it. Reading is tolerant, because hosts
// override type parsers (pg `types`, better-sqlite3 safe integers) and Prefect writes microseconds.

// The first and the last moment that Prefect, and SQLite, have.
const FIRST_MOMENT = Date.parse('0001-01-01T00:00:00.000Z')
const LAST_MOMENT = Date.parse('9999-12-31T23:59:59.999Z')

/** The ends of `Date`, which stand for `infinity` and `-infinity`. */
const END_OF_DATE = 8_640_000_000_000_000

/** The first day that PostgreSQL has, in 4714 BC. */
const FIRST_DAY = Date.UTC(-4713, 10, 24)

/**
 * The time itself, or the nearest that Prefect can read: what is further out, and `infinity`, is the end of
 * year 9999 to it.
 */
export function withinYears(time: Date): Date {
  return new Date(Math.min(LAST_MOMENT, Math.max(FIRST_MOMENT, time.getTime())))
}

/**
 * A time as it is stored. On SQLite all have the same length, so that their text order is their time order.
 * On PostgreSQL it is ISO 8601, which no DateStyle reads otherwise; what no input can say, but a stored
 * value, goes back as it was: `infinity`, years with five digits, and years before the first.
 */
export function encodeTime(time: Date, dialect: Dialect): string {
  if (dialect === 'sqlite') {
    const iso = withinYears(time).toISOString()
    return `${iso.slice(0, 10)} ${iso.slice(11, 23)}000`
  }
  if (time.getTime() === END_OF_DATE) return 'infinity'
  if (time.getTime() < FIRST_DAY) return '-infinity'
  const iso = time.toISOString()
  if (/^\d/.test(iso)) return time.getUTCFullYear() === 0 ? `0001${iso.slice(4)} BC` : iso
  const [, sign, year = '', rest] = /^([+-])(\d+)(.*)$/.exec(iso) ?? []
  return sign === '+' ? `${Number(year)}${rest}` : `${String(Number(year) + 1).padStart(4, '0')}${rest} BC`
}

/**
 * How a time is selected so that {@link decodeTime} reads it: on PostgreSQL as seconds since 1970, as text.
 * Nothing that a host or a server sets touches that: not DateStyle, not the time zone (whose offsets may have
 * seconds, and end after year 9999), not the driver's type parsers. It costs no more than the column (10 runs
 * of 7 times: 0.18 ms both, as JSON too, by `to_char` 0.22).
 *
 * @param time - An expression of SQL. Never anything of a caller's.
 */
export function timeAsText(time: string, dialect: Dialect): string {
  return dialect === 'postgres' ? `cast(extract(epoch from ${time}) as text)` : time
}

const SECONDS = /^(-?)(\d+)(?:\.(\d{1,3})(\d*))?$/
const INFINITY = /^(-?)infinity$/i
const ISO =
  /^(\d{4,6})-(\d\d)-(\d\d)(?:[ T](\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,3})\d*)?)?)? ?(?:Z|([+-])(\d\d):?(\d\d)?:?(\d\d)?)?( BC)?$/i

/**
 * A time that was selected by {@link timeAsText}, or is in ISO 8601: Prefect's on SQLite (a blank, UTC, no
 * zone), and what JSON has on PostgreSQL. What is finer than a millisecond is cut off, never rounded up.
 * `infinity`, and what no `Date` reaches, is an end of `Date`.
 *
 * @throws {RangeError} when it is no time.
 */
export function decodeTime(value: unknown): Date {
  const milliseconds = typeof value === 'string' ? parseTime(value) : (momentOf(value) ?? NaN)
  if (Number.isNaN(milliseconds)) throw new RangeError(`${quote(value)} is no time`)
  return new Date(Math.min(END_OF_DATE, Math.max(-END_OF_DATE, milliseconds)))
}

// The two texts that a run has up to seven of: PostgreSQL's, and what SQLite stores. Days that some months do
// not have are looked at as all else is.
const USUAL =
  /^((?!0000)\d{4}-\d\d-(?:[01]\d|2[0-8]))(?:T| )((?:[01]\d|2[0-3]):\d\d:\d\d)(?:\.(\d{3})\d{0,3})?(?:\+00:00)?$/

function parseTime(text: string): number {
  // By the engine, which is three times as fast: 1.2 µs otherwise, a tenth of a poll of ten runs.
  const usual = USUAL.exec(text)
  if (usual !== null) return Date.parse(`${usual[1]}T${usual[2]}.${usual[3] ?? '000'}Z`)
  const iso = ISO.exec(text)
  if (iso !== null) return parseIso(iso)
  const seconds = SECONDS.exec(text)
  if (seconds !== null) {
    const [, sign, whole, milliseconds = '', finer = ''] = seconds
    const size = Number(whole) * 1000 + Number(milliseconds.padEnd(3, '0'))
    return sign === '' ? size : -size - (Number(finer) > 0 ? 1 : 0)
  }
  const infinity = INFINITY.exec(text)
  return infinity === null ? NaN : infinity[1] === '' ? Infinity : -Infinity
}

function parseIso([
  ,
  year,
  month,
  day,
  hour = '0',
  minute = '0',
  second = '0',
  fraction = '',
  ...rest
]: RegExpExecArray): number {
  const [sign, offsetHours = '0', offsetMinutes = '0', offsetSeconds = '0', isBc] = rest
  // Past the last year of a `Date`, there is nothing to check.
  if (Number(year) > 275_760) return Infinity
  const date = new Date(0)
  date.setUTCFullYear(isBc === undefined ? Number(year) : 1 - Number(year), Number(month) - 1, Number(day))
  const isThere =
    Number(year) > 0 &&
    date.getUTCMonth() === Number(month) - 1 &&
    date.getUTCDate() === Number(day) &&
    Number(hour) < 24 &&
    Number(minute) < 60 &&
    Number(second) < 60
  if (!isThere) return NaN
  const offset = toSeconds(offsetHours, offsetMinutes, offsetSeconds) * (sign === '-' ? -1 : 1)
  return date.getTime() + (toSeconds(hour, minute, second) - offset) * 1000 + Number(fraction.padEnd(3, '0'))
}

function toSeconds(hours: string, minutes: string, seconds: string): number {
  return (Number(hours) * 60 + Number(minutes)) * 60 + Number(seconds)
}

function quote(value: unknown): string {
  return typeof value === 'string' ? JSON.stringify(value.slice(0, 100)) : String(value)
}

/** A boolean as SQL: drivers for SQLite bind none, and a literal is right on both databases. */
export function encodeBoolean(value: boolean): RawBuilder<boolean> {
  return sql.lit(value)
}

/** A boolean as it is read: true, 1, 1n, `t` or `true`. */
export function decodeBoolean(value: unknown): boolean {
  return value === true || value === 't' || value === 'true' || Number(value) === 1
}

/**
 * An integer as it is read: a number, a bigint or digits.
 *
 * @throws {RangeError} when it is none, as SQLite may hold in any column.
 */
export function decodeInteger(value: unknown): number {
  const integer = Number(value)
  if (!Number.isSafeInteger(integer)) throw new RangeError(`${quote(value)} is no integer`)
  return integer
}

/**
 * JSON as it is stored. On PostgreSQL it travels as text and is cast there, which is right for drivers that
 * would encode a `jsonb` parameter a second time. On SQLite it is spelled as Python's `json.dumps` spells it.
 */
export function encodeJson(value: unknown, dialect: Dialect): RawBuilder<string> | string {
  return dialect === 'postgres'
    ? sql<string>`cast(cast(${JSON.stringify(value)} as text) as jsonb)`
    : toPythonJson(value)
}

/**
 * JSON as it is read: text, or parsed already by the driver. Our columns hold objects and arrays, never bare
 * strings.
 */
export function decodeJson<T>(value: unknown): T {
  return (typeof value === 'string' ? JSON.parse(value) : value) as T
}
