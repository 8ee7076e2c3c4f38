import { sql } from 'kysely'
import { WorkPoolNotFoundError } from '../errors.js'
import { resolveWorkPool } from '../rules/resolve-work-pool.js'
import { check, type NowOption, nowOptionSchema } from '../model/checks.js'
import { type WorkQueueCreate, workQueueCreateSchema } from '../model/work-queue.js'
import type { WorkQueue } from '../model/work-queue.js'
import { type RequiredTables, type Session, write } from '../session.js'
import { createDefaultWorkPool, lockDefaultWorkPool } from '../work-pools/create-default-work-pool.js'
import { lockWorkPool } from '../locks.js'
import { insertWorkQueue } from './insert-work-queue.js'

/**
 * Creates a work queue.
 *
 * - Without `workPoolId` it goes to the pool `default-agent-pool`, which is created with its queue `default`
 *   if absent. Asked for `default` while that pool did not exist, it returns the queue just created with it,
 *   as it is.
 * - Without `priority` it gets the first free one from 1 in its pool. A given priority is taken, and the
 *   queues in its way move down by as little as needed.
 * - Created paused, its status is PAUSED, else NOT_READY.
 *
 * Calls at the same time wait for each other where they share a pool, and never give out one priority twice.
 *
 * @param options - `now`: what time it is. Default: the clock.
 * @throws {InvalidInputError} when the input is not valid, or a queue would have to move past priority
 *   2^31 - 1.
 * @throws {WorkQueueExistsError} when the name is taken in the pool. The caller's transaction stays usable.
 * @throws {WorkPoolNotFoundError} when there is no pool `workPoolId`.
 * @throws {WorkPoolExistsError} when `default-agent-pool` is there but hidden from the session, by row-level
 *   security.
 *
 * @example
 * ```ts
 * const queue = await createWorkQueue(db, { name: 'high', priority: 1, concurrencyLimit: 10 })
 * ```
 */
export async function createWorkQueue<DB extends RequiredTables>(
  session: Session<DB>,
  input: WorkQueueCreate,
  options: NowOption = {},
): Promise<WorkQueue> {
  const queue = check(workQueueCreateSchema, input)
  const { now } = check(nowOptionSchema, options)

  return await write(session, async (scope) => {
    const defaultPool = queue.workPoolId ? undefined : await lockDefaultWorkPool(scope)
    const resolution = resolveWorkPool(queue, defaultPool)
    switch (resolution.kind) {
      case 'given': {
        const pool = await lockWorkPool(scope, sql`id = ${resolution.workPoolId}`)
        if (pool === undefined) throw new WorkPoolNotFoundError(resolution.workPoolId)
        return await insertWorkQueue(scope, pool.id, queue, now)
      }
      case 'default':
        return await insertWorkQueue(scope, resolution.workPoolId, queue, now)
      case 'create-default': {
        const pool = await createDefaultWorkPool(scope, now)
        if (resolution.returnDefaultQueue && pool.createdQueue !== undefined) return pool.createdQueue
        return await insertWorkQueue(scope, pool.id, queue, now)
      }
    }
  })
}
