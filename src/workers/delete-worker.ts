import { check, idSchema, nameSchema } from '../model/checks.js'
import { open, type RequiredTables, type Session } from '../session.js'

/**
 * Deletes a worker of a pool.
 *
 * @returns `false` when there is no such worker.
 * @throws {InvalidInputError} when an argument is not valid.
 *
 * @example
 * ```ts
 * const deleted = await deleteWorker(db, pool.id, 'worker-1')
 * ```
 */
export async function deleteWorker<DB extends RequiredTables>(
  session: Session<DB>,
  workPoolId: string,
  name: string,
): Promise<boolean> {
  const poolId = check(idSchema, workPoolId, 'workPoolId')
  const workerName = check(nameSchema, name, 'name')
  const deleted = await open(session, ({ db }) =>
    db.deleteFrom('worker').where('work_pool_id', '=', poolId).where('name', '=', workerName).returning('id').execute(),
  )
  return deleted.length > 0
}
