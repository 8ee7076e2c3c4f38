import { type RawBuilder, sql } from 'kysely'
import * as z from 'zod'
import { check, countSchema, type NowOption, nowShape } from '../model/checks.js'
import { decode, selection } from '../model/columns.js'
import { workerColumns } from '../model/worker.js'
import { timeOfStatement } from '../sql/clock.js'
import { hasAnyId, inOrder } from '../sql/lists.js'
import { isOnline } from '../sql/online-workers.js'
import type { Worker } from '../model/worker.js'
import { type RequiredTables, type Scope, type Session, write } from '../session.js'

/** When a worker counts as gone. */
export interface MarkWorkersOfflineOptions extends NowOption {
  /** How many of its heartbeat intervals a worker may be silent. Default: 3. */
  inactivityHeartbeatMultiple?: number | undefined
  /** The heartbeat interval of workers that did not say theirs, in seconds. Default: 30. */
  fallbackHeartbeatIntervalSeconds?: number | undefined
}

const optionsSchema = z.strictObject({
  inactivityHeartbeatMultiple: countSchema.default(3),
  fallbackHeartbeatIntervalSeconds: countSchema.default(30),
  ...nowShape,
})

/**
 * Marks workers OFFLINE that are ONLINE but were silent for more than so many of their heartbeat intervals.
 *
 * A host calls it on a timer; several servers may. A worker that sends a heartbeat at the same moment stays
 * ONLINE.
 *
 * Source: Prefect's service `foreman`.
 *
 * @returns The workers as they now are, by id.
 * @throws {InvalidInputError} when an option is not valid.
 *
 * @example
 * ```ts
 * const gone = await markWorkersOffline(db)
 * await markWorkPoolsNotReady(db)
 * ```
 */
export async function markWorkersOffline<DB extends RequiredTables>(
  session: Session<DB>,
  options: MarkWorkersOfflineOptions = {},
): Promise<Worker[]> {
  const { inactivityHeartbeatMultiple, fallbackHeartbeatIntervalSeconds, now } = check(optionsSchema, options)
  return await write(session, async (scope) => {
    const { db, dialect, tables } = scope
    const interval = sql`coalesce(worker.heartbeat_interval_seconds, ${sql.lit(fallbackHeartbeatIntervalSeconds)})`
    const isSilent = wasSilentFor(interval, inactivityHeartbeatMultiple, now, dialect)
    // Without statistics, SQLite would walk all workers by id to spare the sorting of the ONLINE ones.
    const id = dialect === 'sqlite' ? sql`+worker.id` : sql`worker.id`
    const { rows } = await sql<object>`
      select ${selection(workerColumns, dialect, 'worker')}
      from ${tables.worker} as worker
      where ${isOnline} and ${isSilent}
      order by ${id}
      ${dialect === 'postgres' ? sql`for no key update skip locked` : sql``}
    `.execute(db)
    const silent = rows.map((row) => decode(workerColumns, row))
    const ids = silent.map(({ id }) => id)
    if (ids.length === 0) return []
    const { rows: written } = await sql<object>`
      update ${tables.worker} set status = 'OFFLINE', updated = ${timeOfStatement(now, dialect)}
      where ${hasAnyId('worker.id', ids, dialect)}
      returning ${selection(workerColumns, dialect, 'worker')}
    `.execute(db)
    return inOrder(
      ids,
      written.map((row) => decode(workerColumns, row)),
    )
  })
}

/**
 * The worker's last heartbeat is further back than so many intervals. Both may be large: their product is no
 * `integer`, nor an `interval`.
 */
function wasSilentFor(
  interval: RawBuilder<unknown>,
  multiple: number,
  now: Date | undefined,
  dialect: Scope['dialect'],
): RawBuilder<unknown> {
  const time = timeOfStatement(now, dialect)
  return dialect === 'postgres'
    ? // Apart, since `infinity` cannot be subtracted before PostgreSQL 17.
      sql`extract(epoch from ${time}) - extract(epoch from worker.last_heartbeat_time) > cast(${interval} as bigint) * ${sql.lit(multiple)}`
    : sql`worker.last_heartbeat_time < strftime('%Y-%m-%d %H:%M:%f', ${time}, '-' || (${interval} * ${sql.lit(multiple)}) || ' seconds') || '000'`
}
