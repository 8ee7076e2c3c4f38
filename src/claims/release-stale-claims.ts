import { sql } from 'kysely'
import * as z from 'zod'
import { atomically } from '../flow-runs/change-states.js'
import { releaseRuns } from '../flow-runs/release-runs.js'
import { selectFlowRuns } from '../flow-runs/select-flow-runs.js'
import { check, countSchema, idSchema, nowShape, type NowOption, timeSchema } from '../model/checks.js'
import { and, type Condition, encodeIdList, isAmongIds } from '../sql/lists.js'
import { usual } from '../sql/runs.js'
import type { FlowRun } from '../model/flow-run.js'
import { encodeTime } from '../model/values.js'
import { open, type RequiredTables, type Session } from '../session.js'

/** Which claims are stale. */
export interface ReleaseStaleClaimsOptions extends NowOption {
  /** Runs that are PENDING since before this time count as lost by whoever claimed them. */
  pendingBefore: Date
  /** Only runs of these queues, by `workQueueId`. Default: of any. */
  workQueueIds?: readonly string[] | undefined
  /** How many at most, oldest first. Default: 400. */
  limit?: number | undefined
  /**
   * How often a run is given back since it last was RUNNING: after that it becomes CRASHED, and not SCHEDULED
   * again. Default: without end.
   */
  maxReleases?: number | undefined
}

const DEFAULT_LIMIT = 400

const optionsSchema = z.strictObject({
  pendingBefore: timeSchema,
  workQueueIds: z.array(idSchema).optional(),
  limit: countSchema.default(DEFAULT_LIMIT),
  maxReleases: countSchema.optional(),
  ...nowShape,
})

/**
 * Gives back claims that nobody took up: PENDING runs that were not started since `pendingBefore` become
 * SCHEDULED again, each with its row in `flow_run_state`. They keep their start time, so that the next poll
 * or claim hands them out; one that was to be retried inside the process that ran it (`retry_type`:
 * `in_process`) is rescheduled, as by `retryFlowRun`. With `maxReleases`, one that was given back that often
 * becomes CRASHED, so that a run that kills its claimers does not come back for ever.
 *
 * A host calls it on a timer, with a time by which a claimed run has certainly been started. Several servers
 * may: each run is given back once, and on PostgreSQL they do not wait for each other.
 *
 * @returns The runs as they now are, those pending longest first.
 * @throws {InvalidInputError} when an option is not valid. An empty list of queues is valid, and matches
 *   nothing.
 *
 * @example
 * ```ts
 * const released = await releaseStaleClaims(db, { pendingBefore: subMinutes(new Date(), 10) })
 * ```
 */
export async function releaseStaleClaims<DB extends RequiredTables>(
  session: Session<DB>,
  options: ReleaseStaleClaimsOptions,
): Promise<FlowRun[]> {
  const { pendingBefore, workQueueIds, limit, maxReleases, now } = check(optionsSchema, options)
  return await open(session, (host) =>
    atomically(host, async (scope) => {
      const { dialect } = scope
      const isPending: Condition = sql`run.state_type = 'PENDING'`
      const conditions: Condition[] = [
        usual(isPending, dialect),
        sql`run.state_timestamp < ${encodeTime(pendingBefore, dialect)}`,
      ]
      if (workQueueIds !== undefined) {
        conditions.push(isAmongIds('run.work_queue_id', sql`${encodeIdList(workQueueIds, dialect)}`, dialect))
      }
      const runs = await selectFlowRuns(
        scope,
        and(conditions),
        sql`
        order by run.state_timestamp asc, run.id asc
        limit ${sql.lit(limit)}
        ${dialect === 'postgres' ? sql`for no key update skip locked` : sql``}`,
      )
      const claimed = runs.map((run) => ({ run, why: 'its claim was not taken up' }))
      return await releaseRuns(scope, claimed, { maxReleases }, now)
    }),
  )
}
