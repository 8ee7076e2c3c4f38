import { sql } from 'kysely'
import * as z from 'zod'
import { FILTER_QUEUE_SLOT_STATES } from '../rules/states.js'
import { check, idSchema } from '../model/checks.js'
import { decodeAt } from '../model/columns.js'
import { workQueueColumns } from '../model/work-queue.js'
import { hasAnyId } from '../sql/lists.js'
import { activeOfQueue, activeRuns, holdsSlot, QUEUE_POLL_SLOTS } from '../sql/active-runs.js'
import { hasFilter } from '../sql/runs.js'
import type { QueueFilter } from '../model/work-queue.js'
import { decodeInteger } from '../model/values.js'
import { open, type RequiredTables, type Scope, type Session } from '../session.js'
import { matchesQueueFilter } from '../sql/filters.js'

const idsSchema = z.array(idSchema)

/**
 * Counts the runs that occupy slots of work queues, as polls of the queue count them: PENDING, RUNNING and
 * CANCELLING runs that belong to the queue; for a queue with a tag filter the PENDING and RUNNING runs of the
 * filter.
 *
 * One statement, and one more for each queue with a tag filter.
 *
 * @returns An entry for each id of an existing queue.
 * @throws {InvalidInputError} when an id is not a UUID.
 *
 * @example
 * ```ts
 * const active = await countWorkQueueActiveSlots(db, [queue.id])
 * console.log(active.get(queue.id))
 * ```
 */
export async function countWorkQueueActiveSlots<DB extends RequiredTables>(
  session: Session<DB>,
  ids: readonly string[],
): Promise<Map<string, number>> {
  const workQueueIds = check(idsSchema, ids, 'ids')
  return await open(session, async (scope) => {
    const { db, dialect, tables } = scope
    const active = activeOfQueue(scope, QUEUE_POLL_SLOTS, undefined)
    const filter = dialect === 'postgres' ? sql`cast(queue.filter as text)` : sql`queue.filter`
    const { rows } = await sql<{ id: string; filter: unknown; active: unknown }>`
    select queue.id, ${filter} as filter, case when not ${hasFilter('queue')} then ${active} end as active
    from ${tables.work_queue} as queue
    where ${hasAnyId('queue.id', workQueueIds, dialect)}
  `.execute(db)

    const counts = new Map<string, number>()
    for (const row of rows) {
      const queueFilter = decodeAt(workQueueColumns.filter.decode, row.filter, 'work_queue', row.id, 'filter')
      counts.set(row.id, queueFilter === null ? decodeInteger(row.active) : await countMatching(scope, queueFilter))
    }
    return counts
  })
}

async function countMatching(scope: Scope, filter: QueueFilter): Promise<number> {
  const active = activeRuns(scope, {
    members: [matchesQueueFilter(filter, scope.dialect)],
    holds: holdsSlot({ states: FILTER_QUEUE_SLOT_STATES }),
    upTo: undefined,
  })
  const { rows } = await sql<{ active: unknown }>`select ${active} as active`.execute(scope.db)
  return decodeInteger(rows[0]?.active)
}
