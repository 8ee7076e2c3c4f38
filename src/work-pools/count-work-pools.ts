import { sql } from 'kysely'
import * as z from 'zod'
import { check } from '../model/checks.js'
import { type WorkPoolFilter, workPoolFilterSchema } from '../model/work-pool.js'
import { matchesWorkPoolFilter } from '../sql/filters.js'
import { decodeInteger } from '../model/values.js'
import { open, type RequiredTables, type Session } from '../session.js'

/** Which work pools to count. */
export interface CountWorkPoolsOptions {
  /** Default: every pool. */
  filter?: WorkPoolFilter | undefined
}

const optionsSchema = z.strictObject({ filter: workPoolFilterSchema.optional() })

/**
 * Counts work pools.
 *
 * @throws {InvalidInputError} when the filter is not valid.
 *
 * @example
 * ```ts
 * const count = await countWorkPools(db, { filter: { name: { any: ['a', 'b'] } } })
 * ```
 */
export async function countWorkPools<DB extends RequiredTables>(
  session: Session<DB>,
  options: CountWorkPoolsOptions = {},
): Promise<number> {
  const { filter } = check(optionsSchema, options)
  return await open(session, async ({ db, dialect, tables }) => {
    const { rows } = await sql<{ count: unknown }>`
    select count(*) as count from ${tables.work_pool} as pool where ${matchesWorkPoolFilter(filter ?? {}, dialect)}
  `.execute(db)
    return decodeInteger(rows[0]?.count)
  })
}
