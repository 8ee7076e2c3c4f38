import { sql } from 'kysely'
import { check, idSchema } from '../model/checks.js'
import { closeGate, lockWorkers, lockWorkPool, lockWorkQueues } from '../locks.js'
import { lockRuns } from '../flow-runs/runs-of-queues.js'
import { type RequiredTables, type Scope, type Session, write } from '../session.js'
import type { Condition } from '../sql/lists.js'
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
    if (!(await lockPool(scope, workPoolId))) return false
    const queues = await readPriorities(scope, workPoolId)
    await lockWorkQueues(
      scope,
      queues.map((queue) => queue.id),
      'delete',
    )

    const isOfPool: Condition = sql`run.work_queue_id in (
      select queue.id from ${tables.work_queue} as queue where queue.work_pool_id = ${workPoolId})`
    await lockRuns(scope, isOfPool)
    await sql`update ${tables.flow_run} as run set work_queue_id = null where ${isOfPool}`.execute(db)
    // The pool and its default queue refer to each other, and the reference to the queue forbids deleting it.
    await db.updateTable('work_pool').set({ default_queue_id: null }).where('id', '=', workPoolId).execute()
    await db.deleteFrom('worker').where('work_pool_id', '=', workPoolId).execute()
    await db.deleteFrom('work_queue').where('work_pool_id', '=', workPoolId).execute()
    await db.deleteFrom('work_pool').where('id', '=', workPoolId).execute()
    return true
  })
}

/** A pool that gets new workers more often, while its delete waits at the gate, may meet a deadlock. */
const MOST_ATTEMPTS = 4

/**
 * Locks the workers of a pool, its gate and its row; false when there is no such pool.
 *
 * A worker that comes while the gate is waited for is locked by nobody: a transaction that has it may go on
 * to the gate, and a second delete has locked it before it waits there. So the gate is given back then, and
 * all is begun anew. Once the row is locked, none comes any more.
 */
async function lockPool(scope: Scope, workPoolId: string): Promise<boolean> {
  const { db, dialect } = scope
  const lockRow = async (): Promise<boolean> =>
    (await lockWorkPool(scope, sql`id = ${workPoolId}`, 'delete')) !== undefined
  if (dialect === 'sqlite') return await lockRow()
  let isThere = false
  for (let attempt = 1; attempt <= MOST_ATTEMPTS; attempt++) {
    await sql`savepoint before_the_gate`.execute(db)
    const workers = await lockWorkers(scope, workPoolId)
    await closeGate(scope, 'work_pool', sql`owner.id = ${workPoolId}`)
    isThere = await lockRow()
    if (!isThere || (await countWorkers(scope, workPoolId)) === workers) break
    if (attempt < MOST_ATTEMPTS) await sql`rollback to savepoint before_the_gate`.execute(db)
  }
  await sql`release savepoint before_the_gate`.execute(db)
  return isThere
}

async function countWorkers({ db, tables }: Scope, workPoolId: string): Promise<number> {
  const { rows } = await sql<{ count: string }>`
    select cast(count(*) as text) as count from ${tables.worker} where work_pool_id = ${workPoolId}
  `.execute(db)
  return Number(rows[0]?.count)
}
