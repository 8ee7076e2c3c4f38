import * as z from 'zod'
import { check, countSchema, idSchema, nowShape, type NowOption, timeSchema } from '../model/checks.js'
import { type LeaseOptions, leaseOf, leaseShape, needsHolder } from '../model/flow-run-lease.js'
import { DEFAULT_POOL_POLL_LIMIT, type PoolPoll, type ScheduledFlowRun } from '../polls/pool-poll.js'
import { open, type RequiredTables, type Session } from '../session.js'
import { requireTable } from '../sql/optional-tables.js'
import { claimPoolsOnPostgres } from './claim-pools-on-postgres.js'
import { claimPoolsOnSqlite } from './claim-pools-on-sqlite.js'

/** Which runs a claim over work pools asks for. */
export interface ClaimScheduledFlowRunsOptions extends NowOption, LeaseOptions {
  /** Default: every pool. */
  workPoolIds?: readonly string[] | undefined
  /** Default: every queue of the pools. */
  workQueueIds?: readonly string[] | undefined
  /** Only runs that are due at this time. Default: now. `null`: every SCHEDULED run. */
  scheduledBefore?: Date | null | undefined
  /** How many at most. Default: 1000. */
  limit?: number | undefined
  /** Whether runs of queues of a smaller priority number come first, whenever they are due. Default: true. */
  respectQueuePriorities?: boolean | undefined
  /**
   * Whether to record the poll of every queue that `workPoolIds` and `workQueueIds` select too, as
   * {@link recordWorkQueuePolls} does: `lastPolled`, and READY unless it is paused; also when nothing is
   * claimed. Default: false.
   */
  recordPolls?: boolean | undefined
}

const optionsSchema = z
  .strictObject({
    workPoolIds: z.array(idSchema).optional(),
    workQueueIds: z.array(idSchema).optional(),
    scheduledBefore: timeSchema.nullish(),
    limit: countSchema.default(DEFAULT_POOL_POLL_LIMIT),
    respectQueuePriorities: z.boolean().default(true),
    recordPolls: z.boolean().default(false),
    ...leaseShape,
    ...nowShape,
  })
  .superRefine(needsHolder)

/**
 * Claims runs over work pools: takes the runs that {@link getScheduledFlowRuns} would return, and moves them
 * from SCHEDULED to PENDING, each with its row in `flow_run_state`.
 *
 * No run is ever given to two claimers. No queue's and no pool's concurrency limit is ever exceeded by
 * claims, however many claim at once and at whatever isolation level: PENDING, RUNNING and CANCELLING runs
 * occupy, and they are counted while the queues and pools are held, each only when it has a limit. Claims of
 * queues and pools without limits wait neither for each other nor for anybody who does not delete, rename, or
 * give a limit to, what had none, and nobody else waits for them.
 *
 * Until it commits, on PostgreSQL, a claim over several pools may hold more runs than it takes: a claim at
 * the same moment passes over them, and takes fewer than there are. The limit of a queue with a tag filter is
 * kept by claims of that queue alone.
 *
 * On PostgreSQL, of the claims over the same pools and queues that meet limits, or record polls, outside a
 * transaction, a process has three under way at once; the others wait in the process, in their order and
 * without a connection.
 *
 * In the caller's transaction the claim holds when that commits. Under repeatable read and serializable, a
 * claim that would count from an old snapshot fails with the driver's retryable error (40001). Outside a
 * transaction a claim that finds nothing writes nothing.
 *
 * With `holder`, each claimed run has a lease of `leaseSeconds`, written by the same statement: see
 * {@link renewLeases} and {@link releaseExpiredLeases}. A claim without one leaves an old lease as it is,
 * which is void by then.
 *
 * @returns The claimed runs as they now are, and where each was found, in the order of the poll.
 * @throws {InvalidInputError} when an option is not valid. An empty list of ids is valid, and matches
 *   nothing.
 * @throws {MissingTableError} when there is a `holder`, and no table of leases.
 *
 * @example
 * ```ts
 * const claimed = await claimScheduledFlowRuns(db, { workPoolIds: [pool.id], limit: 10 })
 * for (const { flowRun } of claimed) await start(flowRun)
 * ```
 */
export async function claimScheduledFlowRuns<DB extends RequiredTables>(
  session: Session<DB>,
  options: ClaimScheduledFlowRunsOptions = {},
): Promise<ScheduledFlowRun[]> {
  const { now, scheduledBefore = now, recordPolls, holder, leaseSeconds, ...asked } = check(optionsSchema, options)
  const claim = { now, recordPolls, lease: leaseOf({ holder, leaseSeconds }) }

  return await open(session, async (scope) => {
    if (claim.lease !== undefined) await requireTable(scope, 'flow_run_lease', 'write')
    const isDueNow = scheduledBefore === undefined
    const poll: PoolPoll = { ...asked, scheduledBefore: scheduledBefore ?? undefined, isDueNow, lock: false }
    return scope.dialect === 'postgres'
      ? await claimPoolsOnPostgres(scope, poll, claim)
      : await claimPoolsOnSqlite(scope, poll, claim)
  })
}
