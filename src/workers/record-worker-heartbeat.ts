import { type RawBuilder, sql } from 'kysely'
import { z } from 'zod'
import { WorkPoolNotFoundError } from '../errors.js'
import { check, countSchema, idSchema, nameSchema } from '../model/checks.js'
import { decode, selection } from '../model/columns.js'
import { workerColumns } from '../model/worker.js'
import { newId } from '../model/ids.js'
import type { Worker } from '../model/worker.js'
import { encodeTime } from '../model/values.js'
import { open, type RequiredTables, type Scope, type Session, transact } from '../session.js'
import { lockWorkPool } from '../work-pools/lock-work-pool.js'
import { selectWorkPools } from '../work-pools/select-work-pools.js'
import { type WorkPoolStatusOptions, workPoolStatusShape } from '../work-pools/update-work-pool.js'
import { type WorkPoolStatusChange, writeWorkPool } from '../work-pools/write-work-pool.js'

/** What a worker says with its heartbeat. */
export interface RecordWorkerHeartbeatOptions extends WorkPoolStatusOptions {
  /** How often the worker means to send heartbeats, in seconds. Default: what it said before, or nothing. */
  heartbeatIntervalSeconds?: number | undefined
}

/** How often a heartbeat looks again at a pool that others mark as not ready. Each time takes another server, just then. */
const MOST_ATTEMPTS = 5

const optionsSchema = z.strictObject({ ...workPoolStatusShape, heartbeatIntervalSeconds: countSchema.optional() })

/**
 * Records that a worker of a pool is alive: creates or updates the worker, which is ONLINE, and turns a NOT_READY pool READY.
 *
 * Safe when many workers start at once.
 *
 * @throws {InvalidInputError} when an argument is not valid.
 * @throws {WorkPoolNotFoundError} when there is no such pool.
 *
 * @example
 * ```ts
 * const worker = await recordWorkerHeartbeat(db, pool.id, 'worker-1', { heartbeatIntervalSeconds: 30 })
 * ```
 */
export async function recordWorkerHeartbeat<DB extends RequiredTables>(
  session: Session<DB>,
  workPoolId: string,
  name: string,
  options: RecordWorkerHeartbeatOptions = {},
): Promise<Worker> {
  const poolId = check(idSchema, workPoolId, 'workPoolId')
  const workerName = check(nameSchema, name, 'name')
  const { heartbeatIntervalSeconds, now, emitStatusChange } = check(optionsSchema, options)

  const { worker, change } = await open(session, async (scope) => {
    const attempt = (): Promise<Recorded & { change: WorkPoolStatusChange | undefined }> =>
      transact(scope, async (transaction) => {
        const change = await turnReady(transaction, poolId, now)
        const recorded = await upsertWorker(transaction, poolId, workerName, heartbeatIntervalSeconds, now)
        if (recorded === undefined) throw new WorkPoolNotFoundError(poolId)
        return { ...recorded, change }
      })
    let recorded = await attempt()
    // Marked as not ready just after it was looked at, for want of this worker: once more. Not with the lock that is held now:
    // two workers that both make it a stronger one would wait for each other. A pool that was turned READY and is not has a host
    // (a trigger) that wants it so.
    for (
      let n = 1;
      n < MOST_ATTEMPTS && recorded.workPoolStatus === 'NOT_READY' && recorded.change === undefined;
      n++
    ) {
      recorded = await attempt()
    }
    return recorded
  })
  if (change !== undefined) await emitStatusChange?.(change)
  return worker
}

/** The pool is locked only when it looks as if it had to be written: heartbeats of a READY pool do not wait for each other. */
async function turnReady(scope: Scope, workPoolId: string, now: Date): Promise<WorkPoolStatusChange | undefined> {
  const [seen] = await selectWorkPools(scope, sql`pool.id = ${workPoolId}`)
  if (seen?.status !== 'NOT_READY') return undefined
  await lockWorkPool(scope, sql`id = ${workPoolId}`)
  const [pool] = await selectWorkPools(scope, sql`pool.id = ${workPoolId}`)
  return pool?.status === 'NOT_READY' ? await writeWorkPool(scope, pool, { status: 'READY' }, now) : undefined
}

interface Recorded {
  readonly worker: Worker
  /** The status of the pool, as the worker found it. */
  readonly workPoolStatus: string
}

/**
 * Inserts from the pool's own row, so that a pool that is gone gives no row instead of a broken foreign key. On PostgreSQL the
 * row is held in share mode: heartbeats do not wait for each other, but whoever marks pools without workers waits.
 */
async function upsertWorker(
  { db, dialect, tables }: Scope,
  workPoolId: string,
  name: string,
  heartbeatIntervalSeconds: number | undefined,
  now: Date,
): Promise<Recorded | undefined> {
  const isPostgres = dialect === 'postgres'
  const id = isPostgres ? sql`cast(${newId()} as uuid)` : sql`${newId()}`
  const time = isPostgres ? sql`cast(${encodeTime(now, dialect)} as timestamptz)` : sql`${encodeTime(now, dialect)}`
  const interval = heartbeatIntervalSeconds === undefined ? sql`null` : sql.lit(heartbeatIntervalSeconds)
  const upsert = (pool: RawBuilder<unknown>): RawBuilder<object> => sql`
    insert into ${tables.worker}
      (id, created, updated, work_pool_id, name, last_heartbeat_time, heartbeat_interval_seconds, status)
    select ${id}, ${time}, ${time}, pool.id, ${name}, ${time}, ${interval}, 'ONLINE'
    from ${pool} as pool
    where pool.id = ${workPoolId}
    on conflict (work_pool_id, name) do update set
      last_heartbeat_time = excluded.last_heartbeat_time,
      heartbeat_interval_seconds = coalesce(excluded.heartbeat_interval_seconds, worker.heartbeat_interval_seconds),
      status = excluded.status
    returning ${selection(workerColumns, dialect, 'worker')}`
  const statement = isPostgres
    ? sql<object>`
      with held as materialized (select id, status from ${tables.work_pool} where id = ${workPoolId} for share),
        recorded as (${upsert(sql`held`)})
      select recorded.*, held.status as "workPoolStatus" from recorded cross join held`
    : upsert(tables.work_pool)
  const { rows } = await statement.execute(db)
  const [row] = rows
  if (row === undefined) return undefined
  const { workPoolStatus = 'READY' } = row as { workPoolStatus?: string }
  return { worker: decode(workerColumns, row), workPoolStatus }
}
