import { sql } from 'kysely'
import * as z from 'zod'
import { check, countSchema, idSchema } from '../model/checks.js'
import { selection } from '../model/columns.js'
import { flowRunColumns } from '../model/flow-run.js'
import type { ExplainedBy } from '../rules/reasons.js'
import { and, asked, hasAnyId } from '../sql/lists.js'
import { activeInPool, slotsOfPool } from '../sql/active-runs.js'
import { open, type RequiredTables, type Session } from '../session.js'
import { leaseParts, type SlotHolder, slotAcquiredAt, toSlotHolder } from './slot-holders.js'

/** Which slot holders of a pool to read. */
export interface ReadWorkPoolSlotHoldersOptions {
  /** Only runs of these queues. Default: of every queue of the pool. */
  workQueueIds?: readonly string[] | undefined
  /**
   * With `workQueueIds`: how many of each queue at most. Without, it has no effect, as in Prefect. Default:
   * all.
   */
  limitPerQueue?: number | undefined
  /** Whether those that polls of the pool count, or those that claims count. Default: `poll`. */
  by?: ExplainedBy | undefined
}

const optionsSchema = z.strictObject({
  workQueueIds: z.array(idSchema).optional(),
  limitPerQueue: countSchema.optional(),
  by: z.enum(['claim', 'poll']).default('poll'),
})

/**
 * Reads the runs that occupy slots of a work pool, by run id, each with the time since which it does. They
 * are the runs that {@link countWorkPoolActiveSlots} counts. A pool that does not exist has none.
 *
 * @throws {InvalidInputError} when an argument is not valid.
 *
 * @example
 * ```ts
 * const workQueueIds = [a.id, b.id]
 * const holders = await readWorkPoolSlotHolders(db, pool.id, { workQueueIds, limitPerQueue: 10 })
 * ```
 */
export async function readWorkPoolSlotHolders<DB extends RequiredTables>(
  session: Session<DB>,
  id: string,
  options: ReadWorkPoolSlotHoldersOptions = {},
): Promise<SlotHolder[]> {
  const workPoolId = check(idSchema, id, 'id')
  const { workQueueIds, limitPerQueue, by } = check(optionsSchema, options)
  return await open(session, async (scope) => {
    const { db, dialect, tables } = scope
    const leases = await leaseParts(scope)

    const holders = activeInPool(scope, sql`${workPoolId}`, slotsOfPool(by), undefined).map(({ active, isOfPool }) => {
      // By their ids they are found, and a pool may have many others.
      const isSelected =
        workQueueIds === undefined ? isOfPool : and([hasAnyId('queue.id', workQueueIds, dialect), asked(isOfPool)])
      return sql`select run.id, queue.id as queue_id from ${active} where ${isSelected}`
    })
    const isWithinLimit =
      workQueueIds === undefined || limitPerQueue === undefined
        ? sql`1 = 1`
        : sql`holder.place_in_queue <= ${sql.lit(limitPerQueue)}`
    // By id first: for whole rows, SQLite without statistics takes the index of all runs of the queue.
    const byId =
      dialect === 'postgres'
        ? sql`cross join lateral (select * from ${tables.flow_run} as run where run.id = holder.id limit 1) as run`
        : sql`join ${tables.flow_run} as run on run.id = holder.id`
    const { rows } = await sql<{ slotAcquiredAt: unknown }>`
    select ${selection(flowRunColumns, dialect, 'run')}, ${slotAcquiredAt(scope)} as "slotAcquiredAt"
      ${leases.columns}
    from (
      select run.id, row_number() over (partition by run.queue_id order by run.id) as place_in_queue
      from (${sql.join(holders, sql` union all `)}) as run
    ) as holder
    ${byId}
    ${leases.join}
    where ${isWithinLimit}
    order by run.id asc
  `.execute(db)
    return rows.map(toSlotHolder)
  })
}
