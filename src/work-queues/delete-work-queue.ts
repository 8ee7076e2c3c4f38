import { sql } from 'kysely'
import { DefaultWorkQueueError } from '../errors.js'
import { closeGate, lockWorkPoolOfQueue, lockWorkQueues } from '../locks.js'
import { check, idSchema, type NowOption, nowOptionSchema } from '../model/checks.js'
import { type RequiredTables, type Session, write } from '../session.js'
import { readPriorities, rebalance, writePriorities } from '../sql/queue-priorities.js'

/**
 * Deletes a work queue. Its runs keep existing, with `workQueueId` null; its priority is free. On PostgreSQL
 * it waits for claims that are under way in the pool.
 *
 * What it leaves is known by its name alone, and so belongs to no queue of another pool: waiting runs are
 * taken up again only if the default agent pool has, or gets, a queue of that name. There, runs that were
 * active still occupy.
 *
 * @param options - `now`: what time it is. Default: the clock.
 * @returns `false` when there is no such queue.
 * @throws {InvalidInputError} when the id is not a UUID.
 * @throws {DefaultWorkQueueError} when it is its pool's default queue. Nothing was changed.
 *
 * @example
 * ```ts
 * const deleted = await deleteWorkQueue(db, queue.id)
 * ```
 */
export async function deleteWorkQueue<DB extends RequiredTables>(
  session: Session<DB>,
  id: string,
  options: NowOption = {},
): Promise<boolean> {
  const workQueueId = check(idSchema, id, 'id')
  const { now } = check(nowOptionSchema, options)

  return await write(session, async (scope) => {
    const { db, tables } = scope
    const isDefault = sql`select 1 from ${tables.work_pool} as pool where pool.default_queue_id = owner.id`
    await closeGate(scope, 'work_queue', sql`owner.id = ${workQueueId} and not exists (${isDefault})`)
    const pool = await lockWorkPoolOfQueue(scope, workQueueId)
    if (pool === undefined) return false
    if (pool.defaultQueueId === workQueueId) throw new DefaultWorkQueueError(workQueueId)

    // Nothing moves, unless something else than this library left equal priorities behind.
    const others = (await readPriorities(scope, pool.id)).filter((queue) => queue.id !== workQueueId)
    const moved = rebalance(others, new Map(), 'priority')
    await lockWorkQueues(scope, [workQueueId, ...moved.keys()], 'delete')

    // The database would do this itself, but not on a SQLite connection that does not enforce foreign keys.
    await db.updateTable('flow_run').set({ work_queue_id: null }).where('work_queue_id', '=', workQueueId).execute()
    const deleted = await db.deleteFrom('work_queue').where('id', '=', workQueueId).returning('id').execute()
    await writePriorities(scope, moved, now)
    return deleted.length > 0
  })
}
