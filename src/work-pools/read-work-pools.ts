import { sql } from 'kysely'
import * as z from 'zod'
import { check, type PageOptions, pageShape } from '../model/checks.js'
import { byName, page } from '../sql/runs.js'
import { type WorkPoolFilter, workPoolFilterSchema } from '../model/work-pool.js'
import { matchesWorkPoolFilter } from '../sql/filters.js'
import type { WorkPool } from '../model/work-pool.js'
import { open, type RequiredTables, type Session } from '../session.js'
import { selectWorkPools } from './select-work-pools.js'

/** Which work pools to read. */
export interface ReadWorkPoolsOptions extends PageOptions {
  /** Default: every pool. */
  filter?: WorkPoolFilter | undefined
}

const optionsSchema = z.strictObject({ filter: workPoolFilterSchema.optional(), ...pageShape })

/**
 * Reads work pools, ordered by name (byte order, the same on both databases).
 *
 * @throws {InvalidInputError} when an option is not valid.
 *
 * @example
 * ```ts
 * const pools = await readWorkPools(db, { filter: { type: { any: ['process'] } }, limit: 20 })
 * ```
 */
export async function readWorkPools<DB extends RequiredTables>(
  session: Session<DB>,
  options: ReadWorkPoolsOptions = {},
): Promise<WorkPool[]> {
  const { filter, limit, offset } = check(optionsSchema, options)
  return await open(session, async (scope) => {
    return await selectWorkPools(
      scope,
      matchesWorkPoolFilter(filter ?? {}, scope.dialect),
      sql`order by ${byName('pool', scope.dialect)} ${page({ limit, offset })}`,
    )
  })
}
