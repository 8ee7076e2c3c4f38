import { sql } from 'kysely'
import { z } from 'zod'
import { WORK_POOL_SLOT_STATES } from '../rules/states.js'
import { check, idSchema } from '../model/checks.js'
import { hasAnyId } from '../sql/lists.js'
import { isMemberById, occupiesSlot } from '../sql/runs.js'
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
  return await open(session, async ({ db, dialect, tables }) => {
    const { rows } = await sql<{ id: string; active: unknown }>`
    select pool.id, (
      select coalesce(sum((
        select count(*) from ${tables.flow_run} as run
        where ${isMemberById(sql`queue.id`)} and ${occupiesSlot(WORK_POOL_SLOT_STATES)}
      )), 0)
      from ${tables.work_queue} as queue where queue.work_pool_id = pool.id
    ) as active
    from ${tables.work_pool} as pool
    where ${hasAnyId('pool.id', workPoolIds, dialect)}
  `.execute(db)
    return new Map(rows.map(({ id, active }) => [id, decodeInteger(active)]))
  })
}
