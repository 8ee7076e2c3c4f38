import { sql } from 'kysely'
import * as z from 'zod'
import { DefaultWorkQueueError, InvalidInputError, WorkQueueNotFoundError } from '../errors.js'
import { atomically } from '../flow-runs/change-states.js'
import { holdQueues } from '../flow-runs/lock-queues.js'
import { cancelRuns, lockRuns, moveRuns } from '../flow-runs/runs-of-queues.js'
import { closeGate, lockWorkPoolOfQueue, lockWorkQueues } from '../locks.js'
import { check, idSchema, type NowOption, nowShape } from '../model/checks.js'
import { open, type RequiredTables, type Scope, type Session, transact } from '../session.js'
import { or } from '../sql/lists.js'
import { readPriorities, rebalance, writePriorities } from '../sql/queue-priorities.js'
import { isMemberById, membership } from '../sql/runs.js'

/** What becomes of the SCHEDULED runs of a queue that is deleted. */
export type WaitingRuns = 'keep' | 'cancel' | { moveTo: string }

/** How a work queue is deleted. */
export interface DeleteWorkQueueOptions extends NowOption {
  /**
   * What becomes of its SCHEDULED runs, in the same transaction: `keep` leaves them without a queue, `cancel`
   * makes them CANCELLED, `moveTo` gives them to the queue of this id, in any pool. Default: `keep`.
   */
  waitingRuns?: WaitingRuns | undefined
}

const wordSchema = z.enum(['keep', 'cancel'], { error: 'must be keep, cancel or { moveTo: id }' })
const moveSchema = z.strictObject({ moveTo: idSchema })

// Not a union of the two, whose issues would all be at its own path.
const waitingRunsSchema = z.unknown().transform((value, context): WaitingRuns => {
  const isMove = typeof value === 'object' && value !== null
  const result = isMove ? moveSchema.safeParse(value) : wordSchema.safeParse(value)
  if (result.success) return result.data
  for (const issue of result.error.issues) {
    if (issue.code !== 'unrecognized_keys')
      context.addIssue({ code: 'custom', path: issue.path, message: issue.message })
    else for (const key of issue.keys) context.addIssue({ code: 'custom', path: [key], message: 'is not a known key' })
  }
  return z.NEVER
})

const optionsSchema = z.strictObject({ waitingRuns: waitingRunsSchema.default('keep'), ...nowShape })

/**
 * Deletes a work queue. Its runs keep existing, with `workQueueId` null; its priority is free. On PostgreSQL
 * it waits for claims that are under way in the pool.
 *
 * What it leaves is known by its name alone, and so belongs to no queue of another pool: waiting runs are
 * taken up again only if the default agent pool has, or gets, a queue of that name. There, runs that were
 * active still occupy. With `waitingRuns`, those that wait are cancelled, or moved to another queue: all that
 * belong to the queue, in the default agent pool those too that have its name alone. Active and ended runs
 * are left as they are.
 *
 * @returns `false` when there is no such queue.
 * @throws {InvalidInputError} when an argument is not valid, or `moveTo` is the queue itself.
 * @throws {DefaultWorkQueueError} when it is its pool's default queue. Nothing was changed.
 * @throws {WorkQueueNotFoundError} when there is no queue `moveTo`. Nothing was changed.
 *
 * @example
 * ```ts
 * const deleted = await deleteWorkQueue(db, queue.id)
 * await deleteWorkQueue(db, a.id, { waitingRuns: { moveTo: b.id } })
 * ```
 */
export async function deleteWorkQueue<DB extends RequiredTables>(
  session: Session<DB>,
  id: string,
  options: DeleteWorkQueueOptions = {},
): Promise<boolean> {
  const workQueueId = check(idSchema, id, 'id')
  const { waitingRuns, now } = check(optionsSchema, options)
  if (isMove(waitingRuns) && waitingRuns.moveTo === workQueueId) {
    throw new InvalidInputError([{ path: 'waitingRuns.moveTo', message: 'must be another queue' }])
  }
  // A run that cannot be read may be met when others were cancelled.
  const inOne = waitingRuns === 'cancel' ? atomically : transact
  return await open(session, (scope) => inOne(scope, (inside) => deleteQueue(inside, workQueueId, waitingRuns, now)))
}

function isMove(waitingRuns: WaitingRuns): waitingRuns is { moveTo: string } {
  return typeof waitingRuns === 'object'
}

async function deleteQueue(
  scope: Scope,
  workQueueId: string,
  waitingRuns: WaitingRuns,
  now: Date | undefined,
): Promise<boolean> {
  const { db, tables } = scope
  const isDefault = sql`select 1 from ${tables.work_pool} as pool where pool.default_queue_id = owner.id`
  await closeGate(scope, 'work_queue', sql`owner.id = ${workQueueId} and not exists (${isDefault})`)
  const pool = await lockWorkPoolOfQueue(scope, workQueueId)
  if (pool === undefined) return false
  if (pool.defaultQueueId === workQueueId) throw new DefaultWorkQueueError(workQueueId)

  // Nothing moves, unless something else than this library left equal priorities behind.
  const others = (await readPriorities(scope, pool.id)).filter((queue) => queue.id !== workQueueId)
  const moved = rebalance(others, new Map(), 'priority')
  const target = await lockQueues(scope, [workQueueId, ...moved.keys()], waitingRuns)

  const byId = isMemberById(sql`${workQueueId}`)
  const isMember = waitingRuns === 'keep' ? byId : or(membership(tables, sql`${workQueueId}`))
  await lockRuns(scope, isMember)
  if (waitingRuns === 'cancel') await cancelRuns(scope, isMember, now)
  if (target !== undefined) await moveRuns(scope, isMember, target, now)
  // The database would do this itself, but not on a SQLite connection that does not enforce foreign keys.
  await db.updateTable('flow_run').set({ work_queue_id: null }).where('work_queue_id', '=', workQueueId).execute()
  const deleted = await db.deleteFrom('work_queue').where('id', '=', workQueueId).returning('id').execute()
  await writePriorities(scope, moved, now)
  return deleted.length > 0
}

/** Locks the queues that will be written, and holds the one that gets the runs: all in the order of ids. */
async function lockQueues(
  scope: Scope,
  ids: readonly string[],
  waitingRuns: WaitingRuns,
): Promise<{ readonly id: string; readonly name: string } | undefined> {
  if (!isMove(waitingRuns)) {
    await lockWorkQueues(scope, ids, 'delete')
    return undefined
  }
  const { moveTo } = waitingRuns
  const lock = (chosen: readonly string[]): Promise<void> => lockWorkQueues(scope, chosen, 'delete')
  await lock(ids.filter((id) => id < moveTo))
  if (ids.includes(moveTo)) await lock([moveTo])
  const [target] = await holdQueues(scope, [moveTo])
  if (target === undefined) throw new WorkQueueNotFoundError(moveTo)
  await lock(ids.filter((id) => id > moveTo))
  return target
}
