import * as z from 'zod'
import { check, countSchema, idSchema, timeSchema } from '../model/checks.js'
import { open, type RequiredTables, type Session } from '../session.js'
import { POOL_POLL_SLOTS } from '../sql/active-runs.js'
import { DEFAULT_POOL_POLL_LIMIT, pollPools, type ScheduledFlowRun } from './pool-poll.js'

/** Which runs a poll of work pools asks for. */
export interface GetScheduledFlowRunsOptions {
  /** Default: every pool. */
  workPoolIds?: readonly string[] | undefined
  /** Default: every queue of the pools. */
  workQueueIds?: readonly string[] | undefined
  /** Only runs that are due at this time. Default: every SCHEDULED run. */
  scheduledBefore?: Date | undefined
  /** Only runs due at this time or later. */
  scheduledAfter?: Date | undefined
  /** How many at most. Default: 1000. */
  limit?: number | undefined
  /** Whether runs of queues of a smaller priority number come first, whenever they are due. Default: true. */
  respectQueuePriorities?: boolean | undefined
}

const optionsSchema = z.strictObject({
  workPoolIds: z.array(idSchema).optional(),
  workQueueIds: z.array(idSchema).optional(),
  scheduledBefore: timeSchema.optional(),
  scheduledAfter: timeSchema.optional(),
  limit: countSchema.default(DEFAULT_POOL_POLL_LIMIT),
  respectQueuePriorities: z.boolean().default(true),
})

/**
 * Polls work pools: reads the runs that may start now, over all of their queues, and changes nothing.
 *
 * These are the due runs of unpaused queues of unpaused pools, within each queue's and each pool's open slots
 * (PENDING and RUNNING runs occupy, those of paused queues too), by queue priority, then start time (those
 * without one last), then id; at most `limit`. Runs belong to a queue by `workQueueId` here: a name does not
 * determine the pool. Runs that wait for a retry inside their process are left out. Queues are ordered by
 * priority also across several pools.
 *
 * One statement. Outside a transaction it writes and locks nothing: the next poll returns the same runs
 * again. Inside a PostgreSQL transaction the runs are locked (`for update skip locked`), so that polls in
 * other transactions pass over them. Where several pools share the poll's limit, or several queues of one
 * priority share the pool's open slots (all its queues, when priorities are not respected), each locks its
 * own first runs, and those that are not returned stay locked until the transaction ends.
 *
 * Source: `get_scheduled_flow_runs` of Prefect's `models.workers`.
 *
 * @throws {InvalidInputError} when an option is not valid. An empty list of ids is valid, and matches
 *   nothing.
 *
 * @example
 * ```ts
 * const found = await getScheduledFlowRuns(db, { workPoolIds: [pool.id], limit: 10 })
 * for (const { workQueueId, flowRun } of found) {
 *   console.log(workQueueId, flowRun.name)
 * }
 * ```
 */
export async function getScheduledFlowRuns<DB extends RequiredTables>(
  session: Session<DB>,
  options: GetScheduledFlowRunsOptions = {},
): Promise<ScheduledFlowRun[]> {
  const poll = check(optionsSchema, options)
  return await open(session, async (scope) => {
    return await pollPools(scope, { ...poll, lock: scope.isTransaction }, POOL_POLL_SLOTS)
  })
}
