import { InvalidInputError } from './errors.js'
import { isValidDate } from './model/moments.js'
import { decodeTime as decode, encodeTime as encode } from './model/values.js'
import { dialectOfSession, type RequiredTables, type Session } from './session.js'

/**
 * Encodes a time for a host's own statement: as text that is stored in, and compared with, this library's
 * columns of times. On SQLite that is `2035-01-01 12:00:00.000000`, in UTC; on PostgreSQL ISO 8601, or
 * `infinity` for an end of `Date`. What the database has no time for is written as the nearest that it has.
 * It asks nothing of the database.
 *
 * @throws {InvalidInputError} when it is not a valid `Date`.
 *
 * @example
 * ```ts
 * const soon = encodeTime(db, addMinutes(new Date(), 5))
 * const runs = await db
 *   .selectFrom('flow_run')
 *   .select('id')
 *   .where('next_scheduled_start_time', '<=', soon)
 *   .orderBy('next_scheduled_start_time')
 *   .execute()
 * ```
 */
export function encodeTime<DB extends RequiredTables>(session: Session<DB>, time: Date): string {
  const dialect = dialectOfSession(session)
  if (!isValidDate(time)) throw new InvalidInputError([{ path: 'time', message: 'must be a valid Date' }])
  return encode(time, dialect)
}

/**
 * Decodes a time that a host's own statement has read from a column of times, whatever the driver made of it:
 * a `Date`, text, or pg's `Infinity`. What is finer than a millisecond is cut off, as in records; `infinity`
 * is an end of `Date`.
 *
 * With a DateStyle other than ISO, pg reads `null`. `cast(extract(epoch from column) as text)` is read
 * here too, whatever the server has set.
 *
 * @returns The time, and `null` for `null`.
 * @throws {InvalidInputError} when it is no time.
 *
 * @example
 * ```ts
 * const { start_time } = await db
 *   .selectFrom('flow_run')
 *   .select('start_time')
 *   .where('id', '=', id)
 *   .executeTakeFirstOrThrow()
 * console.log(decodeTime(start_time)?.toISOString())
 * ```
 */
export function decodeTime(value: Date | string | number): Date
export function decodeTime(value: Date | string | number | null): Date | null
export function decodeTime(value: Date | string | number | null): Date | null {
  if (value === null) return null
  try {
    return decode(typeof value === 'number' && !Number.isFinite(value) ? String(value) : value)
  } catch (cause) {
    if (!(cause instanceof RangeError)) throw cause
    throw new InvalidInputError([{ path: 'value', message: cause.message }])
  }
}
