import * as z from 'zod'
import { atomically } from '../flow-runs/change-states.js'
import { releaseRuns } from '../flow-runs/release-runs.js'
import { check, countSchema, nowShape, type NowOption } from '../model/checks.js'
import type { FlowRun } from '../model/flow-run.js'
import { open, type RequiredTables, type Session } from '../session.js'
import { requireTable } from '../sql/optional-tables.js'
import { dropLeases, hasExpiredLeases, meetExpiredLeases, readHeldRuns } from './expired-leases.js'

/** How expired leases are released. */
export interface ReleaseExpiredLeasesOptions extends NowOption {
  /** What becomes of a run that is RUNNING. Default: CRASHED. */
  runningTo?: 'CRASHED' | 'SCHEDULED' | undefined
  /** How many runs at most, oldest expiry first. Default: 400. */
  limit?: number | undefined
  /**
   * How often a run is given back since it last was RUNNING: after that it becomes CRASHED, and not SCHEDULED
   * again. Default: without end.
   */
  maxReleases?: number | undefined
}

const DEFAULT_LIMIT = 400

const optionsSchema = z.strictObject({
  runningTo: z.enum(['CRASHED', 'SCHEDULED']).default('CRASHED'),
  limit: countSchema.default(DEFAULT_LIMIT),
  maxReleases: countSchema.optional(),
  ...nowShape,
})

/**
 * Frees the slots of runs whose holder has let its lease expire: a PENDING run becomes SCHEDULED again, with
 * the start time that it had, a RUNNING one `runningTo`, a CANCELLING one CANCELLED, each with its row in
 * `flow_run_state`. A run without a lease, and one whose lease was renewed, or that ended or was claimed
 * anew, is left alone. Void leases that have expired are dropped. A run that becomes SCHEDULED is no longer
 * retried inside the process that ran it (`retry_type`: `in_process`), and so handed out by its pool too.
 *
 * A host calls it on a timer, again at once when it returns as many runs as `limit`. Several servers may:
 * each run is released once, and on PostgreSQL they do not wait for each other. A holder that was only slow
 * learns by `renewLeases` that it lost the run, and can neither start nor end it under the `expectedStateId`
 * that it knows.
 *
 * The clock that a lease expires by is the database's on PostgreSQL.
 *
 * @returns The runs as they now are, oldest expiry first.
 * @throws {InvalidInputError} when an option is not valid.
 * @throws {MissingTableError} when there is no table of leases.
 *
 * @example
 * ```ts
 * const released = await releaseExpiredLeases(db, { runningTo: 'SCHEDULED', maxReleases: 3 })
 * for (const run of released) console.log(run.name, 'is', run.stateType)
 * ```
 */
export async function releaseExpiredLeases<DB extends RequiredTables>(
  session: Session<DB>,
  options: ReleaseExpiredLeasesOptions = {},
): Promise<FlowRun[]> {
  const { runningTo, limit, maxReleases, now } = check(optionsSchema, options)
  return await open(session, async (scope) => {
    await requireTable(scope, 'flow_run_lease', 'write')
    // A look first, so that the usual call, which finds nothing, needs no transaction.
    if (!scope.isTransaction && !(await hasExpiredLeases(scope, now))) return []
    return await atomically(scope, async (inside) => {
      const met = await meetExpiredLeases(inside, limit, now)
      if (met.length === 0) return []
      const held = await readHeldRuns(
        inside,
        met.filter(({ holds }) => holds).map(({ flowRunId }) => flowRunId),
      )
      const claimed = held.map(({ run, holder }) => ({ run, why: `the lease of ${JSON.stringify(holder)} expired` }))
      const released = await releaseRuns(inside, claimed, { runningTo, maxReleases }, now)
      await dropLeases(
        inside,
        met.map(({ flowRunId }) => flowRunId),
      )
      return released
    })
  })
}
