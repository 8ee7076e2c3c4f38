import { sql } from 'kysely'
import { check, nameSchema } from '../model/checks.js'
import type { WorkPool } from '../model/work-pool.js'
import { open, type RequiredTables, type Session } from '../session.js'
import { selectWorkPools } from './select-work-pools.js'

/**
 * Reads a work pool by its name.
 *
 * @returns The pool, or `undefined` when there is none of this name.
 * @throws {InvalidInputError} when the name is blank or has one of `/ % & > <`.
 *
 * @example
 * ```ts
 * const pool = await readWorkPoolByName(db, 'kubernetes')
 * ```
 */
export async function readWorkPoolByName<DB extends RequiredTables>(
  session: Session<DB>,
  name: string,
): Promise<WorkPool | undefined> {
  const workPoolName = check(nameSchema, name, 'name')
  const [pool] = await open(session, (scope) => selectWorkPools(scope, sql`pool.name = ${workPoolName}`))
  return pool
}
