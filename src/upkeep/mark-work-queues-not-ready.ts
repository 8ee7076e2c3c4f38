import { sql } from 'kysely'
import * as z from 'zod'
import { callbackSchema, check, type NowOption, nowShape, timeSchema } from '../model/checks.js'
import { decode, selection } from '../model/columns.js'
import { timeOfStatement } from '../sql/clock.js'
import { hasAnyId, inOrder } from '../sql/lists.js'
import { type WorkQueue, workQueueColumns } from '../model/work-queue.js'
import { encodeTime } from '../model/values.js'
import { type RequiredTables, type Session, write } from '../session.js'
import { selectWorkQueues } from '../work-queues/select-work-queues.js'
import type { EmitWorkQueueStatusChange } from '../work-queues/update-work-queue.js'
import { emitEach } from '../work-queues/emit-each.js'

/** Which work queues nobody polls any more. */
export interface MarkWorkQueuesNotReadyOptions extends NowOption {
  /** Queues last polled before this time are not ready. Prefect uses 60 seconds ago. */
  lastPolledBefore: Date
  /**
   * Awaited once for each queue: after the commit when the function has its own transaction, else at its end.
   */
  emitStatusChange?: EmitWorkQueueStatusChange | undefined
}

const optionsSchema = z.strictObject({
  lastPolledBefore: timeSchema,
  emitStatusChange: callbackSchema<EmitWorkQueueStatusChange>().optional(),
  ...nowShape,
})

/**
 * Marks work queues NOT_READY that are READY but were last polled before a time.
 *
 * A host calls it on a timer; several servers may. The next poll that is recorded turns the queue READY
 * again.
 *
 * Source: Prefect's service `foreman`; like it, this leaves queues alone that were never polled.
 *
 * @returns The queues as they now are, by id.
 * @throws {InvalidInputError} when an option is not valid.
 *
 * @example
 * ```ts
 * const queues = await markWorkQueuesNotReady(db, { lastPolledBefore: subSeconds(new Date(), 60) })
 * ```
 */
export async function markWorkQueuesNotReady<DB extends RequiredTables>(
  session: Session<DB>,
  options: MarkWorkQueuesNotReadyOptions,
): Promise<WorkQueue[]> {
  const { lastPolledBefore, emitStatusChange, now } = check(optionsSchema, options)
  const queues = await write(session, async (scope) => {
    const { db, dialect, tables } = scope
    const stale = await selectWorkQueues(
      scope,
      sql`queue.status = 'READY' and queue.last_polled < ${encodeTime(lastPolledBefore, dialect)}`,
      sql`order by queue.id asc ${dialect === 'postgres' ? sql`for no key update of queue` : sql``}`,
    )
    if (stale.length === 0) return []
    const ids = stale.map(({ id }) => id)
    const { rows } = await sql<object>`
      update ${tables.work_queue}
      set status = 'NOT_READY', updated = ${timeOfStatement(now, dialect)}
      where ${hasAnyId('work_queue.id', ids, dialect)}
      returning ${selection(workQueueColumns, dialect, 'work_queue')}
    `.execute(db)
    return inOrder(
      ids,
      rows.map((row) => decode(workQueueColumns, row)),
    )
  })
  await emitEach(queues, emitStatusChange)
  return queues
}
