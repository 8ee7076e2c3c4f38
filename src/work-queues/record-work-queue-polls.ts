import { sql } from 'kysely'
import { z } from 'zod'
import { check, idSchema, type NowOption, nowShape } from '../model/checks.js'
import { encodeIdList, hasAnyId, isAmongIds } from '../sql/lists.js'
import { laterOf, timeOfWriting } from '../sql/clock.js'
import { open, type RequiredTables, type Scope, type Session, transact } from '../session.js'
import { lockWorkQueues } from '../locks.js'

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
 * Records that work queues were polled: sets `lastPolled` on all of them, and the status READY on the ready
 * ones that are not paused. Ids of no queue are ignored; without any id nothing is asked of the database.
 *
 * On PostgreSQL the rows are locked in id order, so that many servers can record polls at once. For one queue
 * it is one statement.
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

  await open(session, async (scope) => {
    // One row needs no order. Several are locked by a statement before: PostgreSQL locks and updates them in
    // one statement too, but then looks up each row twice, by its old version, and two such statements were
    // seen to deadlock on one row.
    if (ids.length === 1 || scope.dialect === 'sqlite') await writePolls(scope, ids, readyWorkQueueIds, now)
    else {
      await transact(scope, async (transaction) => {
        await lockWorkQueues(transaction, ids)
        await writePolls(transaction, ids, readyWorkQueueIds, now)
      })
    }
  })
}

/** Writes polls. Several queues must be locked before. */
export async function writePolls(
  { db, dialect, tables }: Scope,
  ids: readonly string[],
  readyIds: readonly string[],
  now: Date | undefined,
): Promise<void> {
  const time = timeOfWriting(now, dialect)
  await sql`
    update ${tables.work_queue} as queue set
      last_polled = ${laterOf(sql`queue.last_polled`, time, dialect)},
      updated = ${time},
      status = case
        when ${isAmongIds('queue.id', sql`${encodeIdList(readyIds, dialect)}`, dialect)} and not queue.is_paused then 'READY' else queue.status
      end
    where ${hasAnyId('queue.id', ids, dialect)}
  `.execute(db)
}
