import { sql } from 'kysely'
import { z } from 'zod'
import { WorkQueueNotFoundError } from '../errors.js'
import { enterQueues, takeTurns } from '../locks.js'
import type { WorkQueue } from '../model/work-queue.js'
import { openSlots } from '../rules/open-slots.js'
import { WORK_QUEUE_SLOT_STATES } from '../rules/states.js'
import { enterStates } from '../flow-runs/enter-states.js'
import { check, countSchema, idSchema, nowShape, type NowOption, timeSchema } from '../model/checks.js'
import { NO_LIMIT } from '../sql/runs.js'
import { decodeInteger } from '../model/values.js'
import { open, type RequiredTables, type Scope, type Session, transact } from '../session.js'
import { activeOfPool } from '../slots/active-of-pool.js'
import { CLAIM_SLOTS } from '../slots/active-of-queue.js'
import { pollWorkQueue, type RunsInWorkQueue } from '../polls/queue-poll.js'
import { writePolls } from '../work-queues/record-work-queue-polls.js'
import { findWorkQueue } from '../work-queues/select-work-queues.js'

/** Which runs a claim asks for. */
export interface ClaimRunsInWorkQueueOptions extends NowOption {
  /** How many at most. Default: as many as are due and may start. */
  limit?: number | undefined
  /** Only runs that are due at this time. Default: every SCHEDULED run. */
  scheduledBefore?: Date | undefined
  /**
   * Whether to record the poll of the queue too, as {@link recordWorkQueuePolls} does: `lastPolled`, and READY unless it is paused; also when
   * nothing is claimed. Default: false.
   */
  recordPolls?: boolean | undefined
}

const optionsSchema = z.strictObject({
  limit: countSchema.optional(),
  scheduledBefore: timeSchema.optional(),
  recordPolls: z.boolean().default(false),
  ...nowShape,
})

/**
 * Claims runs of a work queue: takes the runs that {@link getRunsInWorkQueue} would return, and moves them from SCHEDULED to
 * PENDING, each with its row in `flow_run_state`.
 *
 * No run is ever given to two claimers. Neither the queue's nor its pool's concurrency limit is ever exceeded by claims, however
 * many claim at once and at whatever isolation level: PENDING, RUNNING and CANCELLING runs occupy, and they are counted while
 * the queue and the pool are held, each only when it has a limit. Claims of a queue without limits wait neither for each other nor for
 * anybody who does not delete, rename, or give a limit to, what had none, and nobody else waits for them. A pool's pause
 * stops claims by {@link claimScheduledFlowRuns} only, as it stops polls by pool only.
 *
 * In the default agent pool, runs that are known by the queue's name alone are claimed too, and count against the limits of queue and
 * pool. The limit of a queue with a tag filter is kept by claims of that queue alone.
 *
 * In the caller's transaction the claim holds when that commits. Under repeatable read and serializable, a claim that would count
 * from an old snapshot fails with the driver's retryable error (40001). Outside a transaction a claim that finds nothing writes nothing.
 *
 * @returns The queue and the claimed runs as they now are, in the order of the poll.
 * @throws {InvalidInputError} when an argument is not valid.
 * @throws {WorkQueueNotFoundError} when there is no such queue.
 *
 * @example
 * ```ts
 * const { runs } = await claimRunsInWorkQueue(db, queue.id, { scheduledBefore: new Date(), limit: 10 })
 * for (const run of runs) await start(run)
 * ```
 */
export async function claimRunsInWorkQueue<DB extends RequiredTables>(
  session: Session<DB>,
  id: string,
  options: ClaimRunsInWorkQueueOptions = {},
): Promise<RunsInWorkQueue> {
  const workQueueId = check(idSchema, id, 'id')
  const { now, recordPolls, ...poll } = check(optionsSchema, options)

  return await open(session, async (scope) => {
    // A look first, so that the usual claim, which finds nothing or a full pool, takes no lock. Inside a transaction, SQLite needs
    // the write first.
    if (!scope.isTransaction) {
      const seen = await pollWorkQueue(scope, workQueueId, { ...poll, lock: false })
      const isIdle = seen.runs.length === 0 || (await readOpenPoolSlots(scope, seen.workQueue.workPoolId)) === 0
      if (isIdle) {
        const workQueue = recordPolls ? await recordPoll(scope, workQueueId, now) : seen.workQueue
        return { workQueue, runs: [] }
      }
    }
    return await transact(scope, async (transaction) => {
      const limit = await takeTurn(transaction, workQueueId, poll.limit)
      if (recordPolls) await writePolls(transaction, [workQueueId], [workQueueId], now)
      const found = await pollWorkQueue(transaction, workQueueId, {
        ...poll,
        limit,
        lock: true,
        states: WORK_QUEUE_SLOT_STATES,
        onlyUnlimited: true,
      })
      return {
        workQueue: found.workQueue,
        runs: await enterStates(transaction, found.runs, { type: 'PENDING' }, now),
      }
    })
  })
}

/** Holds the pool and the queue for this claim, and returns how many runs it may take as far as the pool's limit goes. */
async function takeTurn(scope: Scope, workQueueId: string, limit = NO_LIMIT): Promise<number> {
  const [entered] = await enterQueues(scope, [workQueueId])
  if (entered === undefined) throw new WorkQueueNotFoundError(workQueueId)
  const { workPoolId, isPoolLimited, isQueueLimited } = entered
  if (isPoolLimited) await takeTurns(scope, 'work_pool', [workPoolId])
  if (isQueueLimited) await takeTurns(scope, 'work_queue', [workQueueId])
  return isPoolLimited ? Math.min(limit, await readOpenPoolSlots(scope, workPoolId)) : limit
}

async function recordPoll(scope: Scope, workQueueId: string, now: Date | undefined): Promise<WorkQueue> {
  await writePolls(scope, [workQueueId], [workQueueId], now)
  const queue = await findWorkQueue(scope, sql`queue.id = ${workQueueId}`)
  if (queue === undefined) throw new WorkQueueNotFoundError(workQueueId)
  return queue
}

async function readOpenPoolSlots(scope: Scope, workPoolId: string): Promise<number> {
  const { db, tables } = scope
  const limit = sql`(select concurrency_limit from ${tables.work_pool} where id = ${workPoolId})`
  const active = activeOfPool(scope, sql`${workPoolId}`, CLAIM_SLOTS, sql`coalesce(${limit}, 0)`)
  const { rows } = await sql<{ limit: unknown; active: unknown }>`
    select ${limit} as "limit", ${active} as active
  `.execute(db)
  const [row] = rows
  return row === undefined || row.limit === null
    ? NO_LIMIT
    : openSlots(decodeInteger(row.limit), decodeInteger(row.active))
}
