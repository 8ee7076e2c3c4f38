import { z } from 'zod'
import { enterStates } from '../flow-runs/enter-states.js'
import { check, countSchema, idSchema, nowShape, type NowOption, timeSchema } from '../model/checks.js'
import { open, type RequiredTables, type Scope, type Session, transact } from '../session.js'
import { CLAIM_SLOTS } from '../slots/active-of-queue.js'
import { DEFAULT_POOL_POLL_LIMIT } from '../polls/get-scheduled-flow-runs.js'
import { type PoolPoll, pollPools, type ScheduledFlowRun } from '../polls/pool-poll.js'
import { lockLimits, readLimitOwners } from './lock-limits.js'

/** Which runs a claim over work pools asks for. */
export interface ClaimScheduledFlowRunsOptions extends NowOption {
  /** Default: every pool. */
  workPoolIds?: readonly string[] | undefined
  /** Default: every queue of the pools. */
  workQueueIds?: readonly string[] | undefined
  /** Only runs that are due at this time. Default: every SCHEDULED run. */
  scheduledBefore?: Date | undefined
  /** How many at most. Default: 1000. */
  limit?: number | undefined
}

const optionsSchema = z.strictObject({
  workPoolIds: z.array(idSchema).optional(),
  workQueueIds: z.array(idSchema).optional(),
  scheduledBefore: timeSchema.optional(),
  limit: countSchema.default(DEFAULT_POOL_POLL_LIMIT),
  ...nowShape,
})

/**
 * Claims runs over work pools: takes the runs that {@link getScheduledFlowRuns} would return, and moves them from SCHEDULED to
 * PENDING, each with its row in `flow_run_state`.
 *
 * No run is ever given to two claimers. No queue's and no pool's concurrency limit is ever exceeded by claims, however many claim
 * at once and at whatever isolation level: PENDING, RUNNING and CANCELLING runs occupy, and they are counted while the queues and pools
 * are held, each only when it has a limit. Claims of queues and pools without limits do not wait for each other.
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
  const { now, ...asked } = check(optionsSchema, options)
  const poll: PoolPoll = { ...asked, respectQueuePriorities: true, lock: false }

  return await open(session, async (scope) => {
    // A look first, so that the usual claim, which finds nothing, takes no lock. Inside a transaction, SQLite needs the write first.
    if (!scope.isTransaction && (await pollPools(scope, poll, CLAIM_SLOTS)).length === 0) return []

    return await transact(scope, async (transaction) => {
      const held = transaction.dialect === 'postgres' ? await takeTurns(transaction, poll) : poll
      if (held === undefined) return []
      const found = await pollPools(transaction, { ...held, lock: true }, CLAIM_SLOTS)
      const flowRuns = await enterStates(
        transaction,
        found.map(({ flowRun }) => flowRun),
        { type: 'PENDING' },
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
async function takeTurns(scope: Scope, poll: PoolPoll): Promise<PoolPoll | undefined> {
  const expected = await pollPools(scope, poll, CLAIM_SLOTS)
  const workPoolIds = await hold(
    scope,
    'work_pool',
    expected.map(({ workPoolId }) => workPoolId),
  )
  const workQueueIds = await hold(
    scope,
    'work_queue',
    expected.map(({ workQueueId }) => workQueueId),
  )
  return workPoolIds.length === 0 || workQueueIds.length === 0 ? undefined : { ...poll, workPoolIds, workQueueIds }
}

async function hold(scope: Scope, table: 'work_pool' | 'work_queue', ids: readonly string[]): Promise<string[]> {
  return await lockLimits(scope, table, await readLimitOwners(scope, table, [...new Set(ids)]))
}
