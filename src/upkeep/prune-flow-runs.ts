import * as z from 'zod'
import { check, countSchema, idSchema, timeSchema } from '../model/checks.js'
import { isPlainObject } from '../model/json.js'
import { momentOf } from '../model/moments.js'
import { encodeTime } from '../model/values.js'
import { open, type RequiredTables, type Session } from '../session.js'
import type { Pruning, TerminalStateType } from '../sql/ended-runs.js'
import { encodeIdList } from '../sql/lists.js'
import { pruneOnPostgres } from './prune-flow-runs.postgres.js'
import { pruneOnSqlite } from './prune-flow-runs.sqlite.js'

/** Which runs are forgotten. */
export interface PruneFlowRunsOptions {
  /**
   * Runs that ended before this time are deleted; or a time for each state, and then runs that ended in
   * another are kept.
   */
  finishedBefore: Date | Partial<Record<TerminalStateType, Date | undefined>>
  /** Only runs of these queues, by `workQueueId`. Default: of any, and of none. */
  workQueueIds?: readonly string[] | undefined
  /** How many at most, oldest end first. Default: 500. */
  limit?: number | undefined
}

const DEFAULT_LIMIT = 500

const rest = { workQueueIds: z.array(idSchema).optional(), limit: countSchema.default(DEFAULT_LIMIT) }
const ofAnyState = z.strictObject({ finishedBefore: timeSchema, ...rest })
const ofEachState = z.strictObject({
  finishedBefore: z.strictObject({
    COMPLETED: timeSchema.optional(),
    FAILED: timeSchema.optional(),
    CANCELLED: timeSchema.optional(),
    CRASHED: timeSchema.optional(),
  }),
  ...rest,
})

/**
 * Deletes runs that have ended, with their history and their lease, oldest end first, and returns their ids.
 * In the same transaction, a host deletes its own rows about them: logs, results, what refers to them by a
 * foreign key.
 *
 * A host calls it on a timer, again at once when it returns as many ids as `limit`. Several servers may: each
 * run is deleted by one of them, and on PostgreSQL they do not wait for each other. Whatever happens at the
 * same time, no run is deleted that has not ended: one that is retried meanwhile is kept.
 *
 * A run that does not say when it ended counts from when it entered its state, and one that does not say
 * that either from when it was created. With a run, its `idempotencyKey` is forgotten.
 *
 * A row of the host's that refers to a run and restricts its deletion makes the driver's error, and then
 * nothing is deleted; one that cascades goes with it.
 *
 * @throws {InvalidInputError} when an option is not valid. An empty list of queues is valid, and matches
 *   nothing, as does a record without a state.
 *
 * @example
 * ```ts
 * const now = new Date()
 * const finishedBefore = { COMPLETED: subDays(now, 7), FAILED: subDays(now, 90) }
 * const ids = await db.transaction().execute(async (trx) => {
 *   const pruned = await pruneFlowRuns(trx, { finishedBefore })
 *   // and here what the host keeps about these runs
 *   return pruned
 * })
 * ```
 */
export async function pruneFlowRuns<DB extends RequiredTables>(
  session: Session<DB>,
  options: PruneFlowRunsOptions,
): Promise<string[]> {
  const { finishedBefore, workQueueIds, limit } = checkOptions(options)
  return await open(session, async (scope) => {
    const { dialect } = scope
    const times = Object.entries(finishedBefore).flatMap(([state, time]) =>
      time === undefined ? [] : [[state as TerminalStateType, encodeTime(time, dialect)] as const],
    )
    if (times.length === 0 || limit === 0) return []
    const ids = workQueueIds && encodeIdList([...new Set(workQueueIds)], dialect)
    const pruning: Pruning = {
      states: times.map(([state]) => state),
      isOfQueues: ids !== undefined,
      values: { ...Object.fromEntries(times), ids, limit, last: limit - 1 },
    }
    return await (dialect === 'postgres' ? pruneOnPostgres : pruneOnSqlite)(scope, pruning)
  })
}

type Checked = Omit<PruneFlowRunsOptions, 'finishedBefore' | 'limit'> & {
  readonly finishedBefore: Partial<Record<TerminalStateType, Date | undefined>>
  readonly limit: number
}

function checkOptions(options: PruneFlowRunsOptions): Checked {
  const given: unknown = (options as Partial<PruneFlowRunsOptions> | undefined)?.finishedBefore
  if (isByState(given)) return check(ofEachState, options)
  const { finishedBefore: time, ...others } = check(ofAnyState, options)
  return { ...others, finishedBefore: { COMPLETED: time, FAILED: time, CANCELLED: time, CRASHED: time } }
}

/** Whether it is a record of times. An object without keys that is no record, such as a map, is refused. */
function isByState(finishedBefore: unknown): boolean {
  if (momentOf(finishedBefore) !== undefined || typeof finishedBefore !== 'object') return false
  return isPlainObject(finishedBefore) || Object.keys(finishedBefore ?? {}).length > 0
}
