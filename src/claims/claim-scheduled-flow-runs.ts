import { readClock } from '../sql/clock.js'
import { enterPendingRuns } from './enter-pending-runs.js'
import { sql } from 'kysely'
import { z } from 'zod'
import { enterQueues, lockWorkQueues, takeTurns } from '../locks.js'
import { check, countSchema, idSchema, nowShape, type NowOption, timeSchema } from '../model/checks.js'
import { open, type RequiredTables, type Scope, type Session, transact } from '../session.js'
import { CLAIM_SLOTS } from '../sql/active-runs.js'
import { DEFAULT_POOL_POLL_LIMIT, type PoolPoll, pollPools, type ScheduledFlowRun } from '../polls/pool-poll.js'
import { and, type Condition, hasAnyId } from '../sql/lists.js'
import { writePolls } from '../work-queues/record-work-queue-polls.js'

/** Which runs a claim over work pools asks for. */
export interface ClaimScheduledFlowRunsOptions extends NowOption {
  /** Default: every pool. */
  workPoolIds?: readonly string[] | undefined
  /** Default: every queue of the pools. */
  workQueueIds?: readonly string[] | undefined
  /** Only runs that are due at this time. Default: now. `null`: every SCHEDULED run. */
  scheduledBefore?: Date | null | undefined
  /** How many at most. Default: 1000. */
  limit?: number | undefined
  /**
   * Whether to record the poll of every queue that `workPoolIds` and `workQueueIds` select too, as {@link recordWorkQueuePolls} does:
   * `lastPolled`, and READY unless it is paused; also when nothing is claimed. Default: false.
   */
  recordPolls?: boolean | undefined
}

const optionsSchema = z.strictObject({
  workPoolIds: z.array(idSchema).optional(),
  workQueueIds: z.array(idSchema).optional(),
  scheduledBefore: timeSchema.nullish(),
  limit: countSchema.default(DEFAULT_POOL_POLL_LIMIT),
  recordPolls: z.boolean().default(false),
  ...nowShape,
})

/**
 * Claims runs over work pools: takes the runs that {@link getScheduledFlowRuns} would return, and moves them from SCHEDULED to
 * PENDING, each with its row in `flow_run_state`.
 *
 * No run is ever given to two claimers. No queue's and no pool's concurrency limit is ever exceeded by claims, however many claim
 * at once and at whatever isolation level: PENDING, RUNNING and CANCELLING runs occupy, and they are counted while the queues and pools
 * are held, each only when it has a limit. Claims of queues and pools without limits wait neither for each other nor for anybody who does not
 * delete, rename, or give a limit to, what had none, and nobody else waits for them.
 *
 * Until it commits, on PostgreSQL, a claim over several pools may hold more runs than it takes: a claim at the same moment passes over
 * them, and takes fewer than there are. The limit of a queue with a tag filter is kept by claims of that queue alone.
 *
 * In the caller's transaction the claim holds when that commits. Under repeatable read and serializable, a claim that would count
 * from an old snapshot fails with the driver's retryable error (40001). Outside a transaction a claim that finds nothing writes nothing.
 *
 * @returns The claimed runs as they now are, and where each was found, in the order of the poll.
 * @throws {InvalidInputError} when an option is not valid. An empty list of ids is valid, and matches nothing.
 *
 * @example
 * ```ts
 * const claimed = await claimScheduledFlowRuns(db, { workPoolIds: [pool.id], scheduledBefore: new Date(), limit: 10 })
 * for (const { flowRun } of claimed) await start(flowRun)
 * ```
 */
export async function claimScheduledFlowRuns<DB extends RequiredTables>(
  session: Session<DB>,
  options: ClaimScheduledFlowRunsOptions = {},
): Promise<ScheduledFlowRun[]> {
  const { now, scheduledBefore, recordPolls, ...asked } = check(optionsSchema, options)

  return await open(session, async (scope) => {
    const poll: PoolPoll = {
      ...asked,
      scheduledBefore: scheduledBefore === undefined ? await readClock(scope, now) : (scheduledBefore ?? undefined),
      respectQueuePriorities: true,
      lock: false,
    }
    // A look first, so that the usual claim, which finds nothing, takes no lock. Inside a transaction, SQLite needs the write first.
    if (!scope.isTransaction && (await pollPools(scope, poll, CLAIM_SLOTS)).length === 0) {
      if (recordPolls) await transact(scope, (transaction) => recordPollsOf(transaction, poll, now))
      return []
    }

    return await transact(scope, async (transaction) => {
      const held = await hold(transaction, poll, recordPolls, now)
      if (held === undefined) return []
      const found = await pollPools(transaction, { ...held, lock: true }, CLAIM_SLOTS)
      const flowRuns = await enterPendingRuns(
        transaction,
        found.map(({ flowRun }) => flowRun.id),
        now,
      )
      const places = new Map(found.map((place) => [place.flowRun.id, place]))
      return flowRuns.flatMap((flowRun) => {
        const place = places.get(flowRun.id)
        return place === undefined ? [] : [{ ...place, flowRun }]
      })
    })
  })
}

/**
 * Holds the pools and queues that the claim will take runs of, and returns the poll narrowed to them; `undefined` when there is
 * none. Which they are is looked up first: to hold every limited queue of a large pool would cost more than the claim.
 */
async function hold(
  scope: Scope,
  poll: PoolPoll,
  recordPolls: boolean,
  now: Date | undefined,
): Promise<PoolPoll | undefined> {
  if (scope.dialect === 'sqlite') {
    if (recordPolls) await recordPollsOf(scope, poll, now)
    return poll
  }
  const expected = await pollPools(scope, poll, CLAIM_SLOTS)
  const found = unique(expected.map(({ workQueueId }) => workQueueId))
  const asked = recordPolls ? await readAskedQueues(scope, poll) : []
  if (found.length + asked.length === 0) return undefined
  const entered = await enterQueues(scope, found, unique([...found, ...asked]))
  const limitedPools = entered.filter(({ isPoolLimited }) => isPoolLimited)
  await takeTurns(scope, 'work_pool', unique(limitedPools.map(({ workPoolId }) => workPoolId)))
  const limited = entered.filter(({ isQueueLimited }) => isQueueLimited).map(({ workQueueId }) => workQueueId)
  // Before any of them is written, in one order with those that are only recorded.
  if (recordPolls) await lockWorkQueues(scope, unique([...limited, ...asked]))
  await takeTurns(scope, 'work_queue', limited)
  if (recordPolls) await writePolls(scope, asked, asked, now)
  if (entered.length === 0) return undefined
  return {
    ...poll,
    workPoolIds: unique(entered.map(({ workPoolId }) => workPoolId)),
    workQueueIds: entered.map(({ workQueueId }) => workQueueId),
  }
}

async function recordPollsOf(scope: Scope, poll: PoolPoll, now: Date | undefined): Promise<void> {
  const asked = await readAskedQueues(scope, poll)
  await lockWorkQueues(scope, asked)
  await writePolls(scope, asked, asked, now)
}

/** The queues that the poll asks for, paused ones and those of paused pools too. */
async function readAskedQueues(
  { db, dialect, tables }: Scope,
  { workPoolIds, workQueueIds }: PoolPoll,
): Promise<string[]> {
  const conditions: Condition[] = []
  if (workPoolIds !== undefined) conditions.push(hasAnyId('queue.work_pool_id', workPoolIds, dialect))
  if (workQueueIds !== undefined) conditions.push(hasAnyId('queue.id', workQueueIds, dialect))
  const { rows } = await sql<{ id: string }>`
    select queue.id from ${tables.work_queue} as queue where ${and(conditions)}
  `.execute(db)
  return rows.map(({ id }) => id)
}

function unique(ids: readonly string[]): string[] {
  return [...new Set(ids)]
}
