import { WorkPoolExistsError } from '../errors.js'
import { check, type NowOption, nowOptionSchema } from '../model/checks.js'
import { type WorkPoolCreate, workPoolCreateSchema } from '../model/work-pool.js'
import type { WorkPool } from '../model/work-pool.js'
import { type RequiredTables, type Session, write } from '../session.js'
import { insertWorkPool } from './insert-work-pool.js'

/**
 * Creates a work pool, and with it the queue `default`, to which `defaultQueueId` points.
 *
 * Created paused, its status is PAUSED, else NOT_READY; a pool of type `prefect-agent` is NOT_READY in both
 * cases.
 *
 * @param options - `now`: what time it is. Default: the clock.
 * @throws {InvalidInputError} when the input is not valid.
 * @throws {WorkPoolExistsError} when the name is taken. The caller's transaction stays usable.
 *
 * @example
 * ```ts
 * const pool = await createWorkPool(db, { name: 'kubernetes', type: 'kubernetes', concurrencyLimit: 50 })
 * ```
 */
export async function createWorkPool<DB extends RequiredTables>(
  session: Session<DB>,
  input: WorkPoolCreate,
  options: NowOption = {},
): Promise<WorkPool> {
  const pool = check(workPoolCreateSchema, input)
  const { now } = check(nowOptionSchema, options)
  return await write(session, async (scope) => {
    const created = await insertWorkPool(scope, pool, now)
    if (created === undefined) throw new WorkPoolExistsError(pool.name)
    return created.pool
  })
}
