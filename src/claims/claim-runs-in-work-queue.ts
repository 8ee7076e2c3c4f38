import * as z from 'zod'
import { check, countSchema, idSchema, nowShape, type NowOption, timeSchema } from '../model/checks.js'
import { type LeaseOptions, leaseOf, leaseShape, needsHolder } from '../model/flow-run-lease.js'
import type { RunsInWorkQueue } from '../polls/queue-poll.js'
import { open, type RequiredTables, type Session } from '../session.js'
import { requireTable } from '../sql/optional-tables.js'
import { NO_LIMIT } from '../sql/runs.js'
import { claimOnPostgres } from './claim-on-postgres.js'
import { claimOnSqlite } from './claim-on-sqlite.js'

/** Which runs a claim asks for. */
export interface ClaimRunsInWorkQueueOptions extends NowOption, LeaseOptions {
  /** How many at most. Default: as many as are due and may start. */
  limit?: number | undefined
  /** Only runs that are due at this time. Default: now. `null`: every SCHEDULED run. */
  scheduledBefore?: Date | null | undefined
  /** Whether to record the poll of the queue too, as `recordWorkQueuePolls` does. Default: false. */
  recordPolls?: boolean | undefined
}

const optionsSchema = z
  .strictObject({
    limit: countSchema.optional(),
    scheduledBefore: timeSchema.nullish(),
    recordPolls: z.boolean().default(false),
    ...leaseShape,
    ...nowShape,
  })
  .superRefine(needsHolder)

/**
 * Claims runs of a work queue: takes the runs that {@link getRunsInWorkQueue} would return, and moves them
 * from SCHEDULED to PENDING, each with its row in `flow_run_state`.
 *
 * No run is ever given to two claimers. Neither the queue's nor its pool's concurrency limit is ever exceeded
 * by claims, however many claim at once and at whatever isolation level: PENDING, RUNNING and CANCELLING runs
 * occupy, and they are counted while the queue and the pool are held, each only when it has a limit. Claims
 * of a queue without limits wait neither for each other nor for anybody who does not delete, rename, or give
 * a limit to, what had none, and nobody else waits for them. A paused queue, and a queue of a paused pool,
 * hands nothing out.
 *
 * In the default agent pool, runs that are known by the queue's name alone are claimed too, and count against
 * the limits of queue and pool. The limit of a queue with a tag filter is kept by claims of that queue alone.
 *
 * On PostgreSQL, of the claims under one limit that are made outside a transaction, a process has three under
 * way at once; the others wait in the process, in their order and without a connection.
 *
 * In the caller's transaction the claim holds when that commits. Under repeatable read and serializable, a
 * claim that would count from an old snapshot fails with the driver's retryable error (40001). Outside a
 * transaction a claim that finds nothing writes nothing.
 *
 * With `holder`, each claimed run has a lease of `leaseSeconds`, written by the same statement: see
 * {@link renewLeases} and {@link releaseExpiredLeases}. A claim without one leaves an old lease as it is,
 * which is void by then.
 *
 * @returns The queue and the claimed runs as they now are, in the order of the poll.
 * @throws {InvalidInputError} when an argument is not valid.
 * @throws {WorkQueueNotFoundError} when there is no such queue.
 * @throws {MissingTableError} when there is a `holder`, and no table of leases.
 *
 * @example
 * ```ts
 * const { runs } = await claimRunsInWorkQueue(db, queue.id, { limit: 10 })
 * for (const run of runs) await start(run)
 * ```
 */
export async function claimRunsInWorkQueue<DB extends RequiredTables>(
  session: Session<DB>,
  id: string,
  options: ClaimRunsInWorkQueueOptions = {},
): Promise<RunsInWorkQueue> {
  const workQueueId = check(idSchema, id, 'id')
  const { limit = NO_LIMIT, scheduledBefore, recordPolls, now, ...forWhom } = check(optionsSchema, options)
  const claim = { limit, scheduledBefore, recordPolls, now, lease: leaseOf(forWhom) }
  return await open(session, async (scope) => {
    if (claim.lease !== undefined) await requireTable(scope, 'flow_run_lease', 'write')
    return scope.dialect === 'postgres'
      ? await claimOnPostgres(scope, workQueueId, claim)
      : await claimOnSqlite(scope, workQueueId, claim)
  })
}
