import { type SqlBool, sql } from 'kysely'
import * as z from 'zod'
import { WorkQueueExistsError } from '../errors.js'
import { lockGated, type LockPurpose, lockWorkPoolOfQueue, lockWorkQueues } from '../locks.js'
import { nextWorkQueueStatus } from '../rules/work-queue-status.js'
import { callbackSchema, check, idSchema, type NowOption, nowShape } from '../model/checks.js'
import { encode } from '../model/columns.js'
import { workQueueColumns } from '../model/work-queue.js'
import { type WorkQueueUpdate, workQueueUpdateSchema } from '../model/work-queue.js'
import type { WorkQueue } from '../model/work-queue.js'
import { decodeTime, timeAsText } from '../model/values.js'
import { readClock, timeOfStatement } from '../sql/clock.js'
import { type RequiredTables, type Scope, type Session, write } from '../session.js'
import { toQueueFilter } from './insert-work-queue.js'
import { or } from '../sql/lists.js'
import { readPriorities, rebalance, writePriorities } from '../sql/queue-priorities.js'
import { findWorkQueue } from './select-work-queues.js'

/** Is told of a queue whose status was written, with the queue as it now is. */
export type EmitWorkQueueStatusChange = (queue: WorkQueue) => unknown

/** How {@link updateWorkQueue} reports. */
export interface UpdateWorkQueueOptions extends NowOption {
  /**
   * Awaited once, only when the status was written: after the commit when the update has its own transaction,
   * else at its end.
   */
  emitStatusChange?: EmitWorkQueueStatusChange | undefined
}

const optionsSchema = z.strictObject({
  ...nowShape,
  emitStatusChange: callbackSchema<EmitWorkQueueStatusChange>().optional(),
})

/**
 * Changes a work queue.
 *
 * Only the keys present change: `undefined` counts as absent, `null` clears. Pausing sets the status PAUSED
 * unless it already is; unpausing a PAUSED queue sets READY when it was last polled (the patch's value first,
 * else the row's) within 60 s, else NOT_READY; otherwise the status stays. A new priority moves the queues in
 * its way, as on create. An empty patch still sets `updated`.
 *
 * On PostgreSQL, a limit given to a queue that had none, and a new name, wait for the claims that are under
 * way in the pool, and later claims wait behind; nothing else does.
 *
 * @returns `false` when there is no such queue.
 * @throws {InvalidInputError} when the patch is not valid, or a queue would have to move past priority
 *   2^31 - 1.
 * @throws {WorkQueueExistsError} when the new name is taken in the pool. The caller's transaction stays
 *   usable.
 *
 * @example
 * ```ts
 * const emitStatusChange = ({ status }: typeof queue) => bus.send(status)
 * await updateWorkQueue(db, queue.id, { isPaused: true }, { emitStatusChange })
 * ```
 */
export async function updateWorkQueue<DB extends RequiredTables>(
  session: Session<DB>,
  id: string,
  patch: WorkQueueUpdate,
  options: UpdateWorkQueueOptions = {},
): Promise<boolean> {
  const workQueueId = check(idSchema, id, 'id')
  const update = check(workQueueUpdateSchema, patch)
  const { now, emitStatusChange } = check(optionsSchema, options)

  const updated = await write(session, (scope) => applyUpdate(scope, workQueueId, update, now))
  if (updated === undefined) return false
  if (updated.statusChanged) await emitStatusChange?.(updated.queue)
  return true
}

async function applyUpdate(
  scope: Scope,
  id: string,
  patch: WorkQueueUpdate,
  now: Date | undefined,
): Promise<{ queue: WorkQueue; statusChanged: boolean } | undefined> {
  const locked = await lockForUpdate(scope, id, patch)
  if (locked === undefined) return undefined
  const { current, moved } = locked

  // The status depends on the time only where a queue is unpaused, so no other update has to ask for it.
  const isUnpaused = current.status === 'PAUSED' && patch.isPaused === false
  const status = nextWorkQueueStatus(current, patch, isUnpaused ? await readClock(scope, now) : (now ?? new Date()))
  const changes: Partial<WorkQueue> = {}
  if (patch.name !== undefined) changes.name = patch.name
  if (patch.description !== undefined) changes.description = patch.description ?? ''
  if (patch.isPaused !== undefined) changes.isPaused = patch.isPaused
  if (patch.concurrencyLimit !== undefined) changes.concurrencyLimit = patch.concurrencyLimit
  if (patch.priority !== undefined) changes.priority = patch.priority
  if (patch.filter !== undefined) changes.filter = patch.filter && toQueueFilter(patch.filter)
  if (patch.lastPolled !== undefined) changes.lastPolled = patch.lastPolled
  if (status !== undefined) changes.status = status

  const row = { ...encode(workQueueColumns, changes, scope.dialect), updated: timeOfStatement(now, scope.dialect) }
  const written = await scope.db
    .updateTable('work_queue')
    .set(row)
    .where('id', '=', id)
    .returning(sql.raw(timeAsText('updated', scope.dialect)).as('updated'))
    .executeTakeFirst()
  if (written === undefined) return undefined
  moved.delete(id)
  await writePriorities(scope, moved, now)
  const queue = { ...current, ...changes, updated: decodeTime(written.updated) }
  return { queue, statusChanged: status !== undefined }
}

interface LockedWorkQueue {
  readonly current: WorkQueue
  /** The new priorities, of this queue and of those in its way, which are locked too. */
  readonly moved: Map<string, number>
}

/**
 * Locks all that the patch changes. A new name and a limit where there was none need the gate of the pool.
 */
async function lockForUpdate(scope: Scope, id: string, patch: WorkQueueUpdate): Promise<LockedWorkQueue | undefined> {
  const { name, concurrencyLimit } = patch
  const givesLimit = typeof concurrencyLimit === 'number'
  const lock = (purpose: LockPurpose): Promise<LockedWorkQueue | undefined> => lockRows(scope, id, patch, purpose)
  if (name === undefined && !givesLimit) return await lock('update')
  return await lockGated(scope, {
    table: 'work_queue',
    id,
    needsGate: or([
      ...(givesLimit ? [sql<SqlBool>`owner.concurrency_limit is null`] : []),
      ...(name === undefined ? [] : [sql<SqlBool>`owner.name <> ${name}`]),
    ]),
    needsGateNow: (locked) =>
      locked !== undefined &&
      ((givesLimit && locked.current.concurrencyLimit === null) ||
        (name !== undefined && name !== locked.current.name)),
    lock,
  })
}

async function lockRows(
  scope: Scope,
  id: string,
  patch: WorkQueueUpdate,
  purpose: LockPurpose,
): Promise<LockedWorkQueue | undefined> {
  // Names and priorities are the pool's to keep apart, so it is locked first. Then the queues, all that will
  // be written.
  let moved = new Map<string, number>()
  if (patch.name !== undefined || patch.priority !== undefined) {
    const pool = await lockWorkPoolOfQueue(scope, id)
    if (pool === undefined) return undefined
    if (patch.name !== undefined) await refuseTakenName(scope, pool.id, id, patch.name)
    if (patch.priority !== undefined) {
      moved = rebalance(await readPriorities(scope, pool.id), new Map([[id, patch.priority]]), 'priority')
    }
  }
  await lockWorkQueues(scope, [id, ...moved.keys()], purpose)
  const current = await findWorkQueue(scope, sql`queue.id = ${id}`)
  return current && { current, moved }
}

/**
 * An update cannot say `on conflict do nothing`, but under the pool's lock nobody else takes the name
 * meanwhile.
 */
async function refuseTakenName(scope: Scope, workPoolId: string, id: string, name: string): Promise<void> {
  const taken = await findWorkQueue(
    scope,
    sql`queue.work_pool_id = ${workPoolId} and queue.name = ${name} and queue.id <> ${id}`,
  )
  if (taken !== undefined) throw new WorkQueueExistsError(name, workPoolId)
}
