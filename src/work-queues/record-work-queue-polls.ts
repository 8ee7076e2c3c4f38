import { sql } from 'kysely'
import { z } from 'zod'
import { check, idSchema, type NowOption, nowShape } from '../schema/checks.js'
import { hasAnyId } from '../schema/conditions.js'
import { encodeTime } from '../schema/values.js'
import { open, type RequiredTables, type Session } from '../session.js'

/** Which queues were polled. */
export interface WorkQueuePolls extends NowOption {
  /** The queues that were polled. */
  polledWorkQueueIds: readonly string[]
  /** The queues that were polled and are ready. They need not be among the polled ones. */
  readyWorkQueueIds: readonly string[]
}

const pollsSchema = z.strictObject({
  polledWorkQueueIds: z.array(idSchema),
  readyWorkQueueIds: z.array(idSchema),
  ...nowShape,
})

/**
 * Records that work queues were polled: sets `lastPolled` on all of them, and the status READY on the ready ones that are not
 * paused. Ids of no queue are ignored; without any id nothing is asked of the database.
 *
 * One statement. On PostgreSQL it locks the rows in id order, so that many servers can record polls at once.
 *
 * @throws {InvalidInputError} when an id or `now` is not valid.
 *
 * @example
 * ```ts
 * await recordWorkQueuePolls(db, { polledWorkQueueIds: [a.id, b.id], readyWorkQueueIds: [a.id] })
 * ```
 */
export async function recordWorkQueuePolls<DB extends RequiredTables>(
  session: Session<DB>,
  polls: WorkQueuePolls,
): Promise<void> {
  const { polledWorkQueueIds, readyWorkQueueIds, now } = check(pollsSchema, polls)
  const ids = [...new Set([...polledWorkQueueIds, ...readyWorkQueueIds])]
  if (ids.length === 0) return

  const { db, dialect, tables } = open(session)
  const polled = hasAnyId('queue.id', ids, dialect)
  const isReady = sql`${hasAnyId('queue.id', readyWorkQueueIds, dialect)} and not queue.is_paused`
  const lock = dialect === 'postgres' ? sql`order by queue.id for no key update` : sql``
  const time = encodeTime(now, dialect)
  await sql`
    with polled as materialized (
      select queue.id, case when ${isReady} then 'READY' else queue.status end as status
      from ${tables.work_queue} as queue
      where ${polled}
      ${lock}
    )
    update ${tables.work_queue} as queue
    set last_polled = ${time}, updated = ${time}, status = polled.status
    from polled
    where queue.id = polled.id
  `.execute(db)
}
