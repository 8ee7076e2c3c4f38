import { sql } from 'kysely'
import * as z from 'zod'
import { WorkPoolNotFoundError } from '../errors.js'
import { lockGated, type LockPurpose, lockWorkPool } from '../locks.js'
import { holdOffHeartbeats } from './heartbeats-under-way.js'
import { nextWorkPoolStatus } from '../rules/work-pool-status.js'
import { callbackSchema, check, idSchema, type NowOption, nowShape } from '../model/checks.js'
import { type WorkPoolUpdate, workPoolUpdateSchema } from '../model/work-pool.js'
import type { WorkPool } from '../model/work-pool.js'
import { type RequiredTables, type Scope, type Session, write } from '../session.js'
import { readHasOnlineWorker } from '../sql/online-workers.js'
import { selectWorkPools } from './select-work-pools.js'
import { type EmitWorkPoolStatusChange, writeWorkPool } from './write-work-pool.js'

/** How a function reports that it wrote the status of a work pool. */
export interface WorkPoolStatusOptions extends NowOption {
  /**
   * Awaited once for each status written: after the commit when the function has its own transaction, else at
   * its end.
   */
  emitStatusChange?: EmitWorkPoolStatusChange | undefined
}

/** The shape of {@link WorkPoolStatusOptions}, to be spread into a schema of options. */
export const workPoolStatusShape: typeof nowShape & {
  emitStatusChange: z.ZodOptional<z.ZodType<EmitWorkPoolStatusChange>>
} = { ...nowShape, emitStatusChange: callbackSchema<EmitWorkPoolStatusChange>().optional() }

const optionsSchema = z.strictObject(workPoolStatusShape)

/**
 * Changes a work pool.
 *
 * Only the keys present change: `undefined` counts as absent, `null` clears. Pausing sets the status PAUSED,
 * resuming sets READY when the pool has a worker ONLINE, else NOT_READY; on a pool of type `prefect-agent`
 * neither sets it. Whenever the status is written, `lastTransitionedStatusAt` and `lastStatusEventId` are
 * too. An empty patch still sets `updated`.
 *
 * On PostgreSQL, a limit given to a pool that had none waits for the claims that are under way in the pool,
 * and later claims wait behind; a claim in a pool that has a limit holds the pool's row, and each change
 * waits for it.
 *
 * @returns `true`; a missing pool is an error, as in Prefect.
 * @throws {InvalidInputError} when the patch is not valid.
 * @throws {WorkPoolNotFoundError} when there is no such pool.
 *
 * @example
 * ```ts
 * await updateWorkPool(db, pool.id, { isPaused: true }, {
 *   emitStatusChange: ({ before, after }) => console.log(before.status, after.status),
 * })
 * ```
 */
export async function updateWorkPool<DB extends RequiredTables>(
  session: Session<DB>,
  id: string,
  patch: WorkPoolUpdate,
  options: WorkPoolStatusOptions = {},
): Promise<boolean> {
  const workPoolId = check(idSchema, id, 'id')
  const update = check(workPoolUpdateSchema, patch)
  const { now, emitStatusChange } = check(optionsSchema, options)

  const change = await write(session, async (scope) => {
    const pool = await lockForUpdate(scope, workPoolId, update)
    if (pool === undefined) throw new WorkPoolNotFoundError(workPoolId)
    const hasOnlineWorker = update.isPaused === false && (await isServed(scope, workPoolId))
    const status = nextWorkPoolStatus(pool, update, { hasOnlineWorker }) ?? update.status
    return await writeWorkPool(scope, pool, toChanges({ ...update, status }), now)
  })
  if (change !== undefined) await emitStatusChange?.(change)
  return true
}

function toChanges({ description, baseJobTemplate, isPaused, status, ...rest }: WorkPoolUpdate): Partial<WorkPool> {
  const { concurrencyLimit, storageConfiguration } = rest
  return {
    ...(description !== undefined && { description }),
    ...(baseJobTemplate !== undefined && { baseJobTemplate }),
    ...(isPaused !== undefined && { isPaused }),
    ...(status !== undefined && { status }),
    ...(concurrencyLimit !== undefined && { concurrencyLimit }),
    ...(storageConfiguration !== undefined && { storageConfiguration }),
  }
}

/** Locks the pool. A limit where there was none needs the gate. */
async function lockForUpdate(scope: Scope, id: string, patch: WorkPoolUpdate): Promise<WorkPool | undefined> {
  const lock = async (purpose: LockPurpose): Promise<WorkPool | undefined> => {
    await lockWorkPool(scope, sql`id = ${id}`, purpose)
    return (await selectWorkPools(scope, sql`pool.id = ${id}`))[0]
  }
  if (typeof patch.concurrencyLimit !== 'number') return await lock('update')
  return await lockGated(scope, {
    table: 'work_pool',
    id,
    needsGate: sql`owner.concurrency_limit is null`,
    needsGateNow: (pool) => pool?.concurrencyLimit === null,
    lock,
  })
}

/**
 * Whether the locked pool has a worker ONLINE. One whose heartbeat is under way is. Where that is unknown, a
 * heartbeat that goes unseen is followed by another, which turns the pool READY.
 */
async function isServed(scope: Scope, workPoolId: string): Promise<boolean> {
  const heartbeats = (await holdOffHeartbeats(scope, [workPoolId])).get(workPoolId)
  return heartbeats === 'under way' || (await readHasOnlineWorker(scope, workPoolId))
}
