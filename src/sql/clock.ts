import { type RawBuilder, sql } from 'kysely'
import type { Dialect } from '../model/dialect.js'
import { decodeTime, encodeTime, timeAsText } from '../model/values.js'
import type { Scope } from '../session.js'

// What time it is where nobody says: on PostgreSQL that of the database, so that servers whose clocks differ
// agree; on SQLite that of the process, in which it runs. It is cut to milliseconds, as records have them: a
// time that is read is the time that is stored.

/**
 * The time of what is written: `now`, or the clock when the row is written, after any lock that the statement
 * waits for.
 *
 * Two of them in one statement may be a millisecond apart.
 */
export function timeOfWriting(now: Date | undefined, dialect: Dialect): RawBuilder<string> {
  return now === undefined && dialect === 'postgres'
    ? sql`date_trunc('milliseconds', clock_timestamp())`
    : givenTime(now, dialect)
}

/**
 * The time of a statement: `now`, or the clock when it begins. It is the same wherever the statement says it,
 * and in a condition an index serves it. Of what is written it is the time when the locks were taken by a
 * statement before.
 */
export function timeOfStatement(now: Date | undefined, dialect: Dialect): RawBuilder<string> {
  return now === undefined && dialect === 'postgres'
    ? sql`date_trunc('milliseconds', statement_timestamp())`
    : givenTime(now, dialect)
}

function givenTime(now: Date | undefined, dialect: Dialect): RawBuilder<string> {
  const time = encodeTime(now ?? new Date(), dialect)
  return dialect === 'postgres' ? sql`cast(${time} as timestamptz)` : sql`${time}`
}

/** The clock, to be selected together with something else and read by `decodeTime`. */
export function clockAsText(dialect: Dialect): RawBuilder<unknown> {
  return dialect === 'postgres'
    ? sql.raw(timeAsText('statement_timestamp()', dialect))
    : timeOfStatement(undefined, dialect)
}

/**
 * What time it is: `now`, or the clock. On PostgreSQL that takes a statement: where SQL can say it, let it.
 */
export async function readClock({ db, dialect }: Scope, now: Date | undefined): Promise<Date> {
  if (now !== undefined) return now
  if (dialect === 'sqlite') return new Date()
  const { rows } = await sql<{ now: unknown }>`select ${clockAsText(dialect)} as now`.execute(db)
  return decodeTime(rows[0]?.now)
}

/** The later of two times, where the first may be null. What is no time, as SQLite may hold, is none. */
export function laterOf<T>(stored: RawBuilder<unknown>, time: RawBuilder<T>, dialect: Dialect): RawBuilder<T> {
  return dialect === 'postgres'
    ? sql`greatest(${stored}, ${time})`
    : sql`max(${time}, coalesce(${normalized(stored)}, ''))`
}

/** SQLite: a time in the format that all have, so that they compare as text. Null when it is none. */
export function normalized(time: RawBuilder<unknown>): RawBuilder<unknown> {
  return sql`case
    when ${time} like '____-__-__ __:__:__.______' then ${time}
    else strftime('%Y-%m-%d %H:%M:%f000', ${time})
  end`
}

export const LAST_MOMENT: RawBuilder<unknown> = sql`timestamptz '9999-12-31 23:59:59.999999+00'`

/**
 * PostgreSQL: one microsecond after a time, the least by which two differ. What comes after year 9999, such
 * as `infinity`, has nothing after it that Prefect or SQLite could read: null.
 */
export function momentAfter(time: RawBuilder<unknown>): RawBuilder<unknown> {
  return sql`case when ${time} < ${LAST_MOMENT} then ${time} + interval '1 microsecond' end`
}

/** PostgreSQL: {@link momentAfter} the latest of a run's states; null when it has none. */
export function momentAfterHistory(
  { tables }: Pick<Scope, 'tables'>,
  flowRunId: RawBuilder<unknown>,
): RawBuilder<unknown> {
  return sql`(
    select ${momentAfter(sql`state.timestamp`)} from ${tables.flow_run_state} as state
    where state.flow_run_id = ${flowRunId}
    order by state.timestamp desc
    limit 1)`
}

/**
 * SQLite: the time that is wanted, or one microsecond after the latest of the others, which may be null: see
 * {@link momentAfter}.
 */
export function justAfter<T>(others: readonly RawBuilder<unknown>[], wanted: RawBuilder<T>): RawBuilder<T> {
  // Each step in its own select, since its result is used more than once.
  const last = sql`select max(${sql.join(others.map((time) => sql`coalesce(${time}, '')`))}) as time`
  const known = sql`select ${normalized(sql`last.time`)} as time from (${others.length > 1 ? last : sql`select ${others[0]} as time`}) as last`
  return sql`max(${wanted}, coalesce((
    select case
      when substr(known.time, 24) = '999'
      then strftime('%Y-%m-%d %H:%M:%f', substr(known.time, 1, 23), '+0.001 seconds') || '000'
      else substr(known.time, 1, 23) || printf('%03d', cast(substr(known.time, 24) as integer) + 1)
    end
    from (${known}) as known), ''))`
}
