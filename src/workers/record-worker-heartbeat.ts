import { type RawBuilder, type SqlBool, sql } from 'kysely'
import * as z from 'zod'
import { WorkPoolNotFoundError } from '../errors.js'
import { lockWorkPool, passGate } from '../locks.js'
import { announceHeartbeat } from '../work-pools/heartbeats-under-way.js'
import { check, countSchema, idSchema, nameSchema } from '../model/checks.js'
import { decode, selection } from '../model/columns.js'
import { workerColumns } from '../model/worker.js'
import type { Condition } from '../sql/lists.js'
import { newId } from '../model/ids.js'
import type { Worker } from '../model/worker.js'
import { decodeBoolean } from '../model/values.js'
import { laterOf, timeOfStatement, timeOfWriting } from '../sql/clock.js'
import { open, type RequiredTables, type Scope, type Session, transact } from '../session.js'
import { selectWorkPools } from '../work-pools/select-work-pools.js'
import { type WorkPoolStatusOptions, workPoolStatusShape } from '../work-pools/update-work-pool.js'
import { type WorkPoolStatusChange, writeWorkPool } from '../work-pools/write-work-pool.js'

type Fragment = RawBuilder<unknown>

/** What a worker says with its heartbeat. */
export interface RecordWorkerHeartbeatOptions extends WorkPoolStatusOptions {
  /** How often the worker means to send heartbeats, in seconds. Default: what it said before, or nothing. */
  heartbeatIntervalSeconds?: number | undefined
}

const optionsSchema = z.strictObject({ ...workPoolStatusShape, heartbeatIntervalSeconds: countSchema.optional() })

/**
 * Records that a worker of a pool is alive: creates or updates the worker, which is ONLINE, and turns a
 * NOT_READY pool READY.
 *
 * Safe when many workers start at once. On PostgreSQL it holds the worker's own row from its first statement
 * on, so that {@link markWorkersOffline} passes over it, and the pool's row only when it turns it READY: it
 * waits for no claim, unless the pool is NOT_READY and has a limit. In a transaction it comes before a claim.
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
    // In a transaction of the host's a claim may follow, so that the gate comes before the pool's row. By
    // itself, a heartbeat needs none.
    const beat = { workPoolId: poolId, name: workerName, heartbeatIntervalSeconds, now, mayClaim: scope.isTransaction }
    return await transact(scope, async (transaction) => {
      const recorded = (await recordOfKnown(transaction, beat)) ?? (await recordOfNew(transaction, beat))
      if (recorded === undefined) throw new WorkPoolNotFoundError(poolId)
      return recorded
    })
  })
  if (change !== undefined) await emitStatusChange?.(change)
  return worker
}

interface Beat {
  readonly workPoolId: string
  readonly name: string
  readonly heartbeatIntervalSeconds: number | undefined
  readonly now: Date | undefined
  /** Whether a claim may follow in the same transaction. */
  readonly mayClaim: boolean
}

interface Recorded {
  readonly worker: Worker
  readonly change: WorkPoolStatusChange | undefined
}

/**
 * A worker that exists holds its own row before all else, and keeps its pool from being deleted by that, so
 * that it needs no lock of the pool's unless it has to turn it READY.
 */
async function recordOfKnown(scope: Scope, beat: Beat): Promise<Recorded | undefined> {
  if (scope.dialect === 'sqlite') return undefined
  const { db, dialect, tables } = scope
  const { rows } = await sql<{ isAnnounced: unknown }>`
    update ${tables.worker} as worker set ${signOfLife(scope, beat)}
    where ${isWorker(beat)}
    returning ${selection(workerColumns, dialect, 'worker')}, ${announceHeartbeat(beat.workPoolId)} as "isAnnounced"
  `.execute(db)
  const [row] = rows
  if (row === undefined) return undefined
  return { worker: decode(workerColumns, row), change: await turnReady(scope, beat, decodeBoolean(row.isAnnounced)) }
}

/**
 * A new worker's pool comes first: the insert locks it too, and two workers that made that lock a stronger
 * one would wait for each other when a third session waits to delete the pool.
 */
async function recordOfNew(scope: Scope, beat: Beat): Promise<Recorded | undefined> {
  if (scope.dialect === 'sqlite') {
    const change = await turnReady(scope, beat, true)
    const worker = await insertWorker(scope, beat, sql`update set ${signOfLife(scope, beat)}`)
    return worker && { worker, change }
  }
  if (beat.mayClaim) await passGate(scope, beat.workPoolId)
  const change = await turnReady(scope, beat, await announce(scope, beat.workPoolId))
  const worker = (await insertWorker(scope, beat, sql`nothing`)) ?? (await findWorker(scope, beat))
  return worker && { worker, change }
}

/**
 * Inserts from the pool's own row, so that a pool that is gone gives no row instead of a broken foreign key.
 */
async function insertWorker(scope: Scope, beat: Beat, onConflict: Fragment): Promise<Worker | undefined> {
  const { db, dialect, tables } = scope
  const isPostgres = dialect === 'postgres'
  const id = isPostgres ? sql`cast(${newId()} as uuid)` : sql`${newId()}`
  const { time, interval } = valuesOf(scope, beat)
  const { rows } = await sql<object>`
    insert into ${tables.worker}
      (id, created, updated, work_pool_id, name, last_heartbeat_time, heartbeat_interval_seconds, status)
    select ${id}, ${time}, ${time}, pool.id, ${beat.name}, ${time}, ${interval}, 'ONLINE'
    from (
      select id from ${tables.work_pool} where id = ${beat.workPoolId} ${isPostgres ? sql`for key share` : sql``}
    ) as pool
    where true
    on conflict (work_pool_id, name) do ${onConflict}
    returning ${selection(workerColumns, dialect, 'worker')}
  `.execute(db)
  return rows[0] && decode(workerColumns, rows[0])
}

/**
 * PostgreSQL: the worker that another session has inserted meanwhile. Its row is written unless it is locked,
 * by another heartbeat of the same worker, which says as much, or by a delete of the pool: that one holds it
 * while it waits for the pool, which is locked here.
 */
async function findWorker(scope: Scope, beat: Beat): Promise<Worker | undefined> {
  const { db, dialect, tables } = scope
  const columns = selection(workerColumns, dialect, 'worker')
  const written = await sql<object>`
    update ${tables.worker} as worker set ${signOfLife(scope, beat)}
    where worker.id in (
      select worker.id from ${tables.worker} as worker where ${isWorker(beat)} for no key update skip locked)
    returning ${columns}
  `.execute(db)
  const [row] =
    written.rows.length > 0
      ? written.rows
      : (await sql<object>`select ${columns} from ${tables.worker} as worker where ${isWorker(beat)}`.execute(db)).rows
  return row && decode(workerColumns, row)
}

function isWorker({ workPoolId, name }: Beat): Condition {
  return sql`worker.work_pool_id = ${workPoolId} and worker.name = ${name}`
}

async function announce({ db }: Scope, workPoolId: string): Promise<boolean> {
  const { rows } = await sql<{ isAnnounced: unknown }>`
    select ${announceHeartbeat(workPoolId)} as "isAnnounced"
  `.execute(db)
  return decodeBoolean(rows[0]?.isAnnounced)
}

function valuesOf({ dialect }: Scope, { now, heartbeatIntervalSeconds }: Beat): Record<'time' | 'interval', Fragment> {
  return {
    time: timeOfStatement(now, dialect),
    interval: heartbeatIntervalSeconds === undefined ? sql`null` : sql.lit(heartbeatIntervalSeconds),
  }
}

function signOfLife(scope: Scope, beat: Beat): Fragment {
  const { interval } = valuesOf(scope, beat)
  const time = timeOfWriting(beat.now, scope.dialect)
  return sql`
    last_heartbeat_time = ${laterOf(sql`worker.last_heartbeat_time`, time, scope.dialect)},
    heartbeat_interval_seconds = coalesce(${interval}, worker.heartbeat_interval_seconds),
    status = 'ONLINE'`
}

/**
 * Once the heartbeat is announced, nobody marks the pool NOT_READY; before, the pool's lock has to be waited
 * for to see it.
 */
async function turnReady(
  scope: Scope,
  { workPoolId, now, mayClaim }: Beat,
  isAnnounced: boolean,
): Promise<WorkPoolStatusChange | undefined> {
  const isPool = sql<SqlBool>`pool.id = ${workPoolId}`
  const [seen] = await selectWorkPools(scope, isPool)
  if (isAnnounced && seen?.status !== 'NOT_READY') return undefined
  if (mayClaim) await passGate(scope, workPoolId)
  await lockWorkPool(scope, sql`id = ${workPoolId}`)
  const [pool] = await selectWorkPools(scope, isPool)
  return pool?.status === 'NOT_READY' ? await writeWorkPool(scope, pool, { status: 'READY' }, now) : undefined
}
