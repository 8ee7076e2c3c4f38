import { sql } from 'kysely'
import { z } from 'zod'
import { check, idSchema } from '../model/checks.js'
import { hasAnyId } from '../sql/lists.js'
import { activeOfPool, POOL_POLL_SLOTS } from '../sql/active-runs.js'
import { decodeInteger } from '../model/values.js'
import { open, type RequiredTables, type Session } from '../session.js'

const idsSchema = z.array(idSchema)

/**
 * Counts the runs that occupy slots of work pools, as polls of the pool count them: PENDING and RUNNING runs
 * of its queues by `workQueueId`, those of paused queues too. One statement.
 *
 * @returns An entry for each id of an existing pool.
 * @throws {InvalidInputError} when an id is not a UUID.
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
): Promise<Map<string, number>> {
  const workPoolIds = check(idsSchema, ids, 'ids')
  return await open(session, async (scope) => {
    const { db, dialect, tables } = scope
    const { rows } = await sql<{ id: string; active: unknown }>`
    select pool.id, ${activeOfPool(scope, sql`pool.id`, POOL_POLL_SLOTS, undefined)} as active
    from ${tables.work_pool} as pool
    where ${hasAnyId('pool.id', workPoolIds, dialect)}
  `.execute(db)
    return new Map(rows.map(({ id, active }) => [id, decodeInteger(active)]))
  })
}
