import { sql } from 'kysely'
import { check, idSchema } from '../model/checks.js'
import { closeGate, lockWorkers, lockWorkPool, lockWorkQueues } from '../locks.js'
import { type RequiredTables, type Session, write } from '../session.js'
import { readPriorities } from '../sql/queue-priorities.js'

/**
 * Deletes a work pool, with its queues and workers. Its runs keep existing, with `workQueueId` null.
 *
 * What it leaves is known by the names of its queues alone, and so belongs to no queue of another pool:
 * waiting runs are taken up again only if the default agent pool has, or gets, a queue of that name. There,
 * runs that were active still occupy. To give them to another queue or to end them, do so before.
 *
 * The same whether or not a SQLite connection enforces foreign keys. On PostgreSQL it waits for claims that
 * are under way in the pool.
 *
 * @returns `false` when there is no such pool.
 * @throws {InvalidInputError} when the id is not a UUID.
 *
 * @example
 * ```ts
 * const deleted = await deleteWorkPool(db, pool.id)
 * ```
 */
export async function deleteWorkPool<DB extends RequiredTables>(session: Session<DB>, id: string): Promise<boolean> {
  const workPoolId = check(idSchema, id, 'id')
  return await write(session, async (scope) => {
    const { db, tables } = scope
    await lockWorkers(scope, workPoolId)
    await closeGate(scope, 'work_pool', sql`owner.id = ${workPoolId}`)
    const pool = await lockWorkPool(scope, sql`id = ${workPoolId}`, 'delete')
    if (pool === undefined) return false
    const queues = await readPriorities(scope, workPoolId)
    await lockWorkQueues(
      scope,
      queues.map((queue) => queue.id),
      'delete',
    )

    await sql`
      update ${tables.flow_run} set work_queue_id = null
      where work_queue_id in (select queue.id from ${tables.work_queue} as queue where queue.work_pool_id = ${workPoolId})
    `.execute(db)
    // The pool and its default queue refer to each other, and the reference to the queue forbids deleting it.
    await db.updateTable('work_pool').set({ default_queue_id: null }).where('id', '=', workPoolId).execute()
    await db.deleteFrom('worker').where('work_pool_id', '=', workPoolId).execute()
    await db.deleteFrom('work_queue').where('work_pool_id', '=', workPoolId).execute()
    await db.deleteFrom('work_pool').where('id', '=', workPoolId).execute()
    return true
  })
}
