import { type RawBuilder, sql } from 'kysely'
import type { Scope } from '../session.js'

/** A work pool whose row is locked until the transaction ends. */
export interface LockedWorkPool {
  readonly id: string
  readonly defaultQueueId: string | null
}

/**
 * Locks the work pool that the condition on its columns selects, so that names and priorities in it hold still.
 *
 * Locks are taken in one order everywhere, so that our functions never deadlock with each other: pools, queues, workers, runs,
 * and each by id.
 *
 * It locks by writing the row as it is. A mere `for update` would let a waiter under repeatable read go on with its old
 * snapshot, and two of them give out one priority twice; a written row makes PostgreSQL refuse the second one (40001).
 */
export async function lockWorkPool(
  { db, tables }: Scope,
  condition: RawBuilder<unknown>,
): Promise<LockedWorkPool | undefined> {
  const { rows } = await sql<LockedWorkPool>`
    update ${tables.work_pool} set name = name where ${condition}
    returning id, default_queue_id as "defaultQueueId"
  `.execute(db)
  return rows[0]
}

/** Locks the work pool that a work queue is in; `undefined` when there is no such queue. */
export async function lockWorkPoolOfQueue(scope: Scope, workQueueId: string): Promise<LockedWorkPool | undefined> {
  return await lockWorkPool(
    scope,
    sql`id = (select queue.work_pool_id from ${scope.tables.work_queue} as queue where queue.id = ${workQueueId})`,
  )
}
