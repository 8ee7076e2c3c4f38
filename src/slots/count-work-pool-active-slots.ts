import { sql } from 'kysely'
import * as z from 'zod'
import { check, idSchema } from '../model/checks.js'
import { hasAnyId } from '../sql/lists.js'
import type { ExplainedBy } from '../rules/reasons.js'
import { activeOfPool, slotsOfPool } from '../sql/active-runs.js'
import { decodeInteger } from '../model/values.js'
import { open, type RequiredTables, type Session } from '../session.js'

/** Who counts. */
export interface CountWorkPoolActiveSlotsOptions {
  /**
   * Whether as polls of the pool count, which is Prefect's way, or as claims count, to which CANCELLING runs
   * occupy too, and runs that belong to a queue by its name. Default: `poll`.
   */
  by?: ExplainedBy | undefined
}

const idsSchema = z.array(idSchema)
const optionsSchema = z.strictObject({ by: z.enum(['claim', 'poll']).default('poll') })

/**
 * Counts the runs that occupy slots of work pools, those of paused queues too: as polls of the pool count
 * them, PENDING and RUNNING runs of its queues by `workQueueId`, or as claims do. One statement.
 *
 * @returns An entry for each id of an existing pool.
 * @throws {InvalidInputError} when an id is not a UUID, or an option is not valid.
 *
 * @example
 * ```ts
 * const active = await countWorkPoolActiveSlots(db, [pool.id])
 * console.log(active.get(pool.id))
 * ```
 */
export async function countWorkPoolActiveSlots<DB extends RequiredTables>(
  session: Session<DB>,
  ids: readonly string[],
  options: CountWorkPoolActiveSlotsOptions = {},
): Promise<Map<string, number>> {
  const workPoolIds = check(idsSchema, ids, 'ids')
  const { by } = check(optionsSchema, options)
  return await open(session, async (scope) => {
    const { db, dialect, tables } = scope
    const { rows } = await sql<{ id: string; active: unknown }>`
    select pool.id, ${activeOfPool(scope, sql`pool.id`, slotsOfPool(by), undefined)} as active
    from ${tables.work_pool} as pool
    where ${hasAnyId('pool.id', workPoolIds, dialect)}
  `.execute(db)
    return new Map(rows.map(({ id, active }) => [id, decodeInteger(active)]))
  })
}
