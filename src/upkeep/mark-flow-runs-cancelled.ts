import { type SqlBool, sql } from 'kysely'
import * as z from 'zod'
import { atomically, changeAllStates } from '../flow-runs/change-states.js'
import { selectFlowRuns } from '../flow-runs/select-flow-runs.js'
import { check, countSchema, nowShape, type NowOption, timeSchema } from '../model/checks.js'
import type { FlowRun } from '../model/flow-run.js'
import { encodeTime } from '../model/values.js'
import { open, type RequiredTables, type Session } from '../session.js'
import { usual } from '../sql/runs.js'

/** Which cancellations have come to nothing. */
export interface MarkFlowRunsCancelledOptions extends NowOption {
  /** Runs that are CANCELLING since before this time are ended. Prefect uses 300 seconds ago. */
  cancellingBefore: Date
  /** How many at most, oldest first. Default: 400. */
  limit?: number | undefined
}

const DEFAULT_LIMIT = 400

const optionsSchema = z.strictObject({
  cancellingBefore: timeSchema,
  limit: countSchema.default(DEFAULT_LIMIT),
  ...nowShape,
})

/**
 * Ends runs that have been CANCELLING since before a time: they become CANCELLED, each with its row in
 * `flow_run_state`. Whoever ran them has not said that it stopped, and until somebody does, they hold their
 * slots.
 *
 * A host calls it on a timer, again at once when it returns as many runs as `limit`. Several servers may:
 * each run is ended once, and on PostgreSQL they do not wait for each other. A run that ends by itself
 * meanwhile is left as it is.
 *
 * Source: Prefect's service `cancellation_cleanup`.
 *
 * @returns The runs as they now are, those CANCELLING longest first.
 * @throws {InvalidInputError} when an option is not valid.
 *
 * @example
 * ```ts
 * const ended = await markFlowRunsCancelled(db, { cancellingBefore: subMinutes(new Date(), 5) })
 * ```
 */
export async function markFlowRunsCancelled<DB extends RequiredTables>(
  session: Session<DB>,
  options: MarkFlowRunsCancelledOptions,
): Promise<FlowRun[]> {
  const { cancellingBefore, limit, now } = check(optionsSchema, options)
  return await open(session, (scope) =>
    atomically(scope, async (inside) => {
      const { dialect } = inside
      const isCancelling = sql<SqlBool>`run.state_type = 'CANCELLING'`
      const runs = await selectFlowRuns(
        inside,
        sql`${usual(isCancelling, dialect)} and run.state_timestamp < ${encodeTime(cancellingBefore, dialect)}`,
        sql`order by run.state_timestamp asc, run.id asc limit ${sql.lit(limit)}
          ${dialect === 'postgres' ? sql`for no key update skip locked` : sql``}`,
      )
      const changes = runs.map(({ id }) => ({ id, type: 'CANCELLED' as const }))
      return await changeAllStates(inside, changes, { now })
    }),
  )
}
