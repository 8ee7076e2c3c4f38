import { type RawBuilder, sql } from 'kysely'
import * as z from 'zod'
import { FILTER_QUEUE_SLOT_STATES } from '../rules/states.js'
import { check, idSchema, type PageOptions, pageShape } from '../model/checks.js'
import { selection } from '../model/columns.js'
import { flowRunColumns } from '../model/flow-run.js'
import { holdsSlot, QUEUE_POLL_SLOTS } from '../sql/active-runs.js'
import { membership, page } from '../sql/runs.js'
import { open, type RequiredTables, type Scope, type Session } from '../session.js'
import { matchesQueueFilter } from '../sql/filters.js'
import { findWorkQueue } from '../work-queues/select-work-queues.js'
import { leaseParts, type SlotHolder, slotAcquiredAt, toSlotHolder } from './slot-holders.js'

const optionsSchema = z.strictObject(pageShape)

/**
 * Reads the runs that occupy slots of a work queue, by run id, each with the time since which it does. They
 * are the runs that {@link countWorkQueueActiveSlots} counts. A queue that does not exist has none.
 *
 * @throws {InvalidInputError} when an argument is not valid.
 *
 * @example
 * ```ts
 * for (const { flowRun, slotAcquiredAt } of await readWorkQueueSlotHolders(db, queue.id)) {
 *   console.log(flowRun.name, slotAcquiredAt)
 * }
 * ```
 */
export async function readWorkQueueSlotHolders<DB extends RequiredTables>(
  session: Session<DB>,
  id: string,
  options: PageOptions = {},
): Promise<SlotHolder[]> {
  const workQueueId = check(idSchema, id, 'id')
  const range = check(optionsSchema, options)
  return await open(session, async (scope) => {
    const queue = await findWorkQueue(scope, sql`queue.id = ${workQueueId}`)
    if (queue === undefined) return []

    const holders =
      queue.filter === null
        ? membership(scope.tables, sql`${queue.id}`).map(
            (isMember) => sql`${isMember} and ${holdsSlot(QUEUE_POLL_SLOTS)}`,
          )
        : [
            sql`${matchesQueueFilter(queue.filter, scope.dialect)} and ${holdsSlot({ states: FILTER_QUEUE_SLOT_STATES })}`,
          ]
    return await selectHolders(scope, holders, page(range))
  })
}

async function selectHolders(
  scope: Scope,
  holders: readonly RawBuilder<unknown>[],
  range: RawBuilder<unknown>,
): Promise<SlotHolder[]> {
  const { db, dialect, tables } = scope
  const leases = await leaseParts(scope)
  const runs = holders.map((isHolder) => sql`select run.* from ${tables.flow_run} as run where ${isHolder}`)
  const { rows } = await sql<{ slotAcquiredAt: unknown }>`
    select ${selection(flowRunColumns, dialect, 'run')}, ${slotAcquiredAt(scope)} as "slotAcquiredAt"
      ${leases.columns}
    from (${sql.join(runs, sql` union all `)}) as run
    ${leases.join}
    order by run.id asc
    ${range}
  `.execute(db)
  return rows.map(toSlotHolder)
}
