import { sql } from 'kysely'
import { check, idSchema } from '../model/checks.js'
import type { WorkPool } from '../model/work-pool.js'
import { open, type RequiredTables, type Session } from '../session.js'
import { selectWorkPools } from './select-work-pools.js'

/**
 * Reads a work pool by its id.
 *
 * @returns The pool, or `undefined` when there is none with this id.
 * @throws {InvalidInputError} when the id is not a UUID.
 *
 * @example
 * ```ts
 * const pool = await readWorkPool(db, queue.workPoolId)
 * ```
 */
export async function readWorkPool<DB extends RequiredTables>(
  session: Session<DB>,
  id: string,
): Promise<WorkPool | undefined> {
  const workPoolId = check(idSchema, id, 'id')
  const [pool] = await open(session, (scope) => selectWorkPools(scope, sql`pool.id = ${workPoolId}`))
  return pool
}
