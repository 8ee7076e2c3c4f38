import { type RawBuilder, sql } from 'kysely'
import * as z from 'zod'
import { check, countSchema, timeSchema } from '../model/checks.js'
import { decode, selection } from '../model/columns.js'
import { type Worker, workerColumns } from '../model/worker.js'
import { encodeTime } from '../model/values.js'
import { open, type RequiredTables, type Scope, type Session, transact } from '../session.js'
import { hasAnyId } from '../sql/lists.js'
import { isOffline } from '../sql/online-workers.js'

/** Which workers are forgotten. */
export interface PruneWorkersOptions {
  /** OFFLINE workers that were last heard of before this time are deleted. */
  lastHeartbeatBefore: Date
  /** How many at most, those silent longest first. Default: 500. */
  limit?: number | undefined
}

const DEFAULT_LIMIT = 500

const optionsSchema = z.strictObject({
  lastHeartbeatBefore: timeSchema,
  limit: countSchema.default(DEFAULT_LIMIT),
})

/**
 * Deletes workers that are OFFLINE and were last heard of before a time: what is left of processes, pods and
 * machines that will not come back under the same name.
 *
 * A host calls it on a timer, again at once when it returns as many workers as `limit`. Several servers may.
 * A worker that sends a heartbeat at the same moment stays, or is there again as a new one.
 *
 * @returns The workers as they were, those silent longest first.
 * @throws {InvalidInputError} when an option is not valid.
 *
 * @example
 * ```ts
 * const forgotten = await pruneWorkers(db, { lastHeartbeatBefore: subDays(new Date(), 7) })
 * ```
 */
export async function pruneWorkers<DB extends RequiredTables>(
  session: Session<DB>,
  options: PruneWorkersOptions,
): Promise<Worker[]> {
  const { lastHeartbeatBefore, limit } = check(optionsSchema, options)
  return await open(session, async (scope) => {
    const silent = silentLongest(scope, lastHeartbeatBefore, limit)
    return await (scope.dialect === 'postgres' ? deleteOnPostgres : deleteOnSqlite)(scope, silent)
  })
}

function silentLongest({ dialect }: Scope, before: Date, limit: number): RawBuilder<unknown> {
  return sql`
    where ${isOffline} and worker.last_heartbeat_time < ${encodeTime(before, dialect)}
    order by worker.last_heartbeat_time asc, worker.id asc
    limit ${sql.lit(limit)}`
}

/**
 * One statement, which locks before it deletes and waits for nobody: a worker whose heartbeat is under way is
 * passed over, and one that came back since the statement began is looked at again as it is locked.
 */
async function deleteOnPostgres({ db, dialect, tables }: Scope, silent: RawBuilder<unknown>): Promise<Worker[]> {
  const { rows } = await sql<object>`
    with silent as materialized (
      select worker.id from ${tables.worker} as worker ${silent} for update skip locked
    ), gone as (
      delete from ${tables.worker} as worker
      where worker.id = any(cast((select array_agg(silent.id) from silent) as uuid[]))
      returning worker.*
    )
    select ${selection(workerColumns, dialect, 'worker')} from gone as worker
    order by worker.last_heartbeat_time, worker.id
  `.execute(db)
  return rows.map((row) => decode(workerColumns, row))
}

async function deleteOnSqlite(scope: Scope, silent: RawBuilder<unknown>): Promise<Worker[]> {
  return await transact(scope, async ({ db, dialect, tables }) => {
    const { rows } = await sql<object>`
      select ${selection(workerColumns, dialect, 'worker')} from ${tables.worker} as worker ${silent}
    `.execute(db)
    if (rows.length === 0) return []
    // Read before it is deleted: one that cannot be read is named, and kept.
    const workers = rows.map((row) => decode(workerColumns, row))
    const ids = workers.map(({ id }) => id)
    const gone = await sql<{ id: string }>`
      delete from ${tables.worker} where ${hasAnyId('worker.id', ids, dialect)} returning id
    `.execute(db)
    const deleted = new Set(gone.rows.map(({ id }) => id))
    return workers.filter(({ id }) => deleted.has(id))
  })
}
