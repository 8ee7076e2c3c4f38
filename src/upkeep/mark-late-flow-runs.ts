import { sql } from 'kysely'
import * as z from 'zod'
import { LATE_STATE_NAME } from '../rules/states.js'
import { check, countSchema, nowShape, type NowOption, timeSchema } from '../model/checks.js'
import { hasStartTime, isOnTime, isScheduled, usual } from '../sql/runs.js'
import type { FlowRun } from '../model/flow-run.js'
import { encodeTime } from '../model/values.js'
import { type RequiredTables, type Session, write } from '../session.js'
import { enterStates } from '../flow-runs/enter-states.js'
import { selectFlowRuns } from '../flow-runs/select-flow-runs.js'

/** Which runs are late. */
export interface MarkLateFlowRunsOptions extends NowOption {
  /** Runs that were due at this time are late. Prefect uses 15 seconds ago. */
  scheduledBefore: Date
  /** How many to mark at most, oldest first. Default: 400, Prefect's batch. */
  limit?: number | undefined
}

const DEFAULT_LIMIT = 400

const optionsSchema = z.strictObject({
  scheduledBefore: timeSchema,
  limit: countSchema.default(DEFAULT_LIMIT),
  ...nowShape,
})

/**
 * Marks runs as late that were not started in time: due SCHEDULED runs with the state name `Scheduled` get
 * the name `Late`, oldest first, each with its row in `flow_run_state`. Their start time stays, and polls
 * hand them out as before.
 *
 * A host calls it on a timer, again at once when it returns as many runs as `limit`. Several servers may: no
 * run is marked twice, and on PostgreSQL they do not wait for each other.
 *
 * Source: Prefect's service `late_runs`.
 *
 * @returns The runs as they now are.
 * @throws {InvalidInputError} when an option is not valid.
 *
 * @example
 * ```ts
 * const late = await markLateFlowRuns(db, { scheduledBefore: subSeconds(new Date(), 15) })
 * ```
 */
export async function markLateFlowRuns<DB extends RequiredTables>(
  session: Session<DB>,
  options: MarkLateFlowRunsOptions,
): Promise<FlowRun[]> {
  const { scheduledBefore, limit, now } = check(optionsSchema, options)
  return await write(session, async (scope) => {
    const { dialect } = scope
    const lock = dialect === 'postgres' ? sql`for no key update skip locked` : sql``
    const runs = await selectFlowRuns(
      scope,
      sql`${usual(isScheduled, dialect)} and ${usual(isOnTime, dialect)}
        and ${hasStartTime(sql`${encodeTime(scheduledBefore, dialect)}`)}`,
      sql`order by run.next_scheduled_start_time asc, run.id asc limit ${sql.lit(limit)} ${lock}`,
    )
    return await enterStates(scope, runs, { type: 'SCHEDULED', name: LATE_STATE_NAME }, now)
  })
}
