import { sql } from 'kysely'
import * as z from 'zod'
import { callbackSchema, check, idSchema, type NowOption, nowShape } from '../model/checks.js'
import type { WorkQueue } from '../model/work-queue.js'
import { encodeIdList, hasAnyId, isAmongIds } from '../sql/lists.js'
import { laterOf, timeOfWriting } from '../sql/clock.js'
import { open, type RequiredTables, type Scope, type Session, transact } from '../session.js'
import { lockWorkQueues } from '../locks.js'
import { emitEach } from './emit-each.js'
import { selectWorkQueues } from './select-work-queues.js'
import type { EmitWorkQueueStatusChange } from './update-work-queue.js'

/** Which queues were polled. */
export interface WorkQueuePolls extends NowOption {
  /** The queues that were polled. */
  polledWorkQueueIds: readonly string[]
  /** The queues that were polled and are ready. They need not be among the polled ones. */
  readyWorkQueueIds: readonly string[]
  /**
   * Awaited once for each queue that turned READY, with the queue as it now is, by id: after the commit when
   * the function has its own transaction, else at its end.
   */
  emitStatusChange?: EmitWorkQueueStatusChange | undefined
}

const pollsSchema = z.strictObject({
  polledWorkQueueIds: z.array(idSchema),
  readyWorkQueueIds: z.array(idSchema),
  emitStatusChange: callbackSchema<EmitWorkQueueStatusChange>().optional(),
  ...nowShape,
})

/**
 * Records that work queues were polled: sets `lastPolled` on all of them, and the status READY on the ready
 * ones that are not paused. Ids of no queue are ignored; without any id nothing is asked of the database.
 *
 * On PostgreSQL the rows are locked in id order, so that many servers can record polls at once. For one queue
 * it is one statement, unless `emitStatusChange` asks which queues were not READY before.
 *
 * @throws {InvalidInputError} when an id or an option is not valid.
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
  const { polledWorkQueueIds, readyWorkQueueIds, emitStatusChange, now } = check(pollsSchema, polls)
  const ids = [...new Set([...polledWorkQueueIds, ...readyWorkQueueIds])]
  if (ids.length === 0) return

  const turned = await open(session, async (scope) => {
    const isTold = emitStatusChange !== undefined && readyWorkQueueIds.length > 0
    // One row needs no order. Several are locked by a statement before: PostgreSQL locks and updates them in
    // one statement too, but then looks up each row twice, by its old version, and two such statements were
    // seen to deadlock on one row.
    if (!isTold && (ids.length === 1 || scope.dialect === 'sqlite')) {
      await writePolls(scope, ids, readyWorkQueueIds, now)
      return []
    }
    return await transact(scope, async (transaction) => {
      await lockWorkQueues(transaction, ids)
      const turning = isTold ? await readTurning(transaction, readyWorkQueueIds) : []
      await writePolls(transaction, ids, readyWorkQueueIds, now)
      return turning.length === 0 ? [] : await readTurned(transaction, turning)
    })
  })
  await emitEach(turned, emitStatusChange)
}

/** Of locked queues that are ready, the ids of those that are not READY yet and not paused. */
async function readTurning({ db, dialect, tables }: Scope, readyIds: readonly string[]): Promise<string[]> {
  const { rows } = await sql<{ id: string }>`
    select queue.id from ${tables.work_queue} as queue
    where ${hasAnyId('queue.id', readyIds, dialect)} and queue.status <> 'READY' and not queue.is_paused
  `.execute(db)
  return rows.map(({ id }) => id)
}

/** Those of the queues that are READY now, as they are. */
async function readTurned(scope: Scope, ids: readonly string[]): Promise<WorkQueue[]> {
  return await selectWorkQueues(
    scope,
    sql`${hasAnyId('queue.id', ids, scope.dialect)} and queue.status = 'READY'`,
    sql`order by queue.id asc`,
  )
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
