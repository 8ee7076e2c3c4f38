import { type RawBuilder, sql } from 'kysely'

/**
 * PostgreSQL: when a run is due, as Prefect reads it in the details of a state: in UTC, whatever the
 * session's time zone, and in its years. Null when it is at no time.
 */
export function scheduledTimeText(due: RawBuilder<unknown>): RawBuilder<unknown> {
  return sql`case when ${due} is not null then to_char(
    greatest(least(${due}, '9999-12-31 23:59:59.999+00'), '0001-01-01 00:00:00+00') at time zone 'UTC',
    'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'
  ) end`
}
