import { subSeconds } from 'date-fns/subSeconds'
import { z } from 'zod'
import { releaseStaleClaims } from '../claims/release-stale-claims.js'
import { check, countSchema, type NowOption, nowShape, prioritySchema } from '../model/checks.js'
import { withinYears } from '../model/values.js'
import { open, type RequiredTables, type Scope, type Session } from '../session.js'
import { readClock } from '../sql/clock.js'
import type { TerminalStateType } from '../sql/ended-runs.js'
import { markFlowRunsCancelled } from './mark-flow-runs-cancelled.js'
import { markLateFlowRuns } from './mark-late-flow-runs.js'
import { markWorkPoolsNotReady } from './mark-work-pools-not-ready.js'
import { markWorkQueuesNotReady } from './mark-work-queues-not-ready.js'
import { markWorkersOffline } from './mark-workers-offline.js'
import { pruneFlowRuns } from './prune-flow-runs.js'
import { pruneWorkers } from './prune-workers.js'

// In the order in which they are called: what frees slots first, then what a host shows, then what takes
// long. In a transaction of the caller's all locks are kept to its end, so there it is the order of locks:
// workers, pools, queues, runs.
const ORDER = [
  'releaseStaleClaims',
  'markFlowRunsCancelled',
  'markLateFlowRuns',
  'markWorkersOffline',
  'markWorkPoolsNotReady',
  'markWorkQueuesNotReady',
  'pruneWorkers',
  'pruneFlowRuns',
] as const
const ORDER_OF_LOCKS: readonly UpkeepFunction[] = [
  'markWorkersOffline',
  'pruneWorkers',
  'markWorkPoolsNotReady',
  'markWorkQueuesNotReady',
  'releaseStaleClaims',
  'markFlowRunsCancelled',
  'markLateFlowRuns',
  'pruneFlowRuns',
]

/** A function that {@link runUpkeep} calls. */
export type UpkeepFunction = (typeof ORDER)[number]

/** How long what may last. All are seconds before now, from 0. */
export interface RunUpkeepOptions extends NowOption {
  /**
   * {@link markLateFlowRuns}: how long after its start a run may wait. Default: 15, as in Prefect, which is
   * more than a worker takes from one poll to the next.
   */
  lateAfterSeconds?: number | undefined
  /**
   * {@link releaseStaleClaims}: how long a claimed run may be PENDING. Default: 600, so that also a claimer
   * that has to fetch an image or wait for a machine has started it: a run that is given back too early is
   * started twice.
   */
  staleAfterSeconds?: number | undefined
  /**
   * {@link markFlowRunsCancelled}: how long a run may be CANCELLING. Default: 300, as in Prefect, so that
   * whoever runs it can stop what it started, and say so.
   */
  cancellingAfterSeconds?: number | undefined
  /**
   * {@link markWorkersOffline}: the heartbeat interval of workers that did not say theirs. Default: 30, as in
   * Prefect. A worker may be silent for three intervals.
   */
  heartbeatIntervalSeconds?: number | undefined
  /**
   * {@link markWorkQueuesNotReady}: how long ago a queue may have been polled. Default: 60, as in Prefect and
   * in `readWorkQueueStatus`.
   */
  notReadyAfterSeconds?: number | undefined
  /**
   * {@link pruneWorkers}: how long ago an OFFLINE worker was heard of. Default: none are deleted, since only
   * the host knows when nobody asks for them any more.
   */
  pruneWorkersAfterSeconds?: number | undefined
  /**
   * {@link pruneFlowRuns}: how long ago a run ended; or so for each state, and then runs in others are kept.
   * Default: none are deleted, for the same reason.
   */
  pruneFlowRunsAfterSeconds?: number | Partial<Record<TerminalStateType, number | undefined>> | undefined
  /**
   * How often a function that has a limit is called at most, while it comes up against that. Default: 10, so
   * that up to 4,000 runs are marked and 5,000 deleted before the others have their turn again.
   */
  batches?: number | undefined
  /** Functions not to call, such as `releaseStaleClaims` where Prefect's own workers start the runs. */
  leaveOut?: readonly UpkeepFunction[] | undefined
}

/** What upkeep did. */
export interface Upkeep {
  /** The ids of what each function changed, or deleted, in its order. One that was left out is not there. */
  changed: Partial<Record<UpkeepFunction, string[]>>
  /** What was left out, and why. */
  leftOut: { name: UpkeepFunction; why: string }[]
}

const seconds = countSchema
const secondsOfStates = z.strictObject({
  COMPLETED: seconds.optional(),
  FAILED: seconds.optional(),
  CANCELLED: seconds.optional(),
  CRASHED: seconds.optional(),
})

const optionsOf = <T extends z.ZodType>(pruneFlowRunsAfterSeconds: T) =>
  z.strictObject({
    lateAfterSeconds: seconds.default(15),
    staleAfterSeconds: seconds.default(600),
    cancellingAfterSeconds: seconds.default(300),
    heartbeatIntervalSeconds: seconds.default(30),
    notReadyAfterSeconds: seconds.default(60),
    pruneWorkersAfterSeconds: seconds.optional(),
    pruneFlowRunsAfterSeconds: pruneFlowRunsAfterSeconds.optional(),
    batches: prioritySchema.default(10),
    leaveOut: z.array(z.enum(ORDER)).default([]),
    ...nowShape,
  })

const optionsSchema = optionsOf(seconds)
const optionsByStateSchema = optionsOf(secondsOfStates)

type Checked = z.infer<typeof optionsSchema> | z.infer<typeof optionsByStateSchema>

/**
 * Calls all upkeep: one timer in a host instead of eight. Every 15 seconds, say.
 *
 * Outside a transaction each function has its own, as if it were called by itself, and what frees slots comes
 * first. One that fails does not keep the others from their work: its error is thrown when all have had their
 * turn, an `AggregateError` if there were several, and what the others changed stays changed. In a
 * transaction of the caller's, which an error may end, the first is thrown at once.
 *
 * A function with a limit is called again while it comes up against that, but no more than `batches` times:
 * what is left then waits for the next call. When there is nothing to do, nothing is written.
 *
 * It tells nobody of a status that changed: a host that wants `emitStatusChange` leaves those two out and
 * calls them by themselves. So does one that deletes its own rows about pruned runs, since it wants both in
 * one transaction.
 *
 * @throws {InvalidInputError} when an option is not valid.
 *
 * @example
 * ```ts
 * const day = 24 * 60 * 60
 * const { changed } = await runUpkeep(db, {
 *   pruneWorkersAfterSeconds: 7 * day,
 *   pruneFlowRunsAfterSeconds: { COMPLETED: 7 * day, CANCELLED: 7 * day, FAILED: 90 * day },
 * })
 * console.log(changed.releaseStaleClaims)
 * ```
 */
export async function runUpkeep<DB extends RequiredTables>(
  session: Session<DB>,
  options: RunUpkeepOptions = {},
): Promise<Upkeep> {
  const checked = checkOptions(options)
  return await open(session, async (scope) => {
    const calls = callsOf(scope, checked, await readClock(scope, checked.now))
    const upkeep: Upkeep = { changed: {}, leftOut: [] }
    const errors: unknown[] = []
    for (const name of scope.isTransaction ? ORDER_OF_LOCKS : ORDER) {
      const call = checked.leaveOut.includes(name) ? 'asked for' : calls[name]
      if (typeof call === 'string') {
        upkeep.leftOut.push({ name, why: call })
        continue
      }
      try {
        upkeep.changed[name] = await inBatches(call, checked.batches)
      } catch (error) {
        if (scope.isTransaction) throw error
        errors.push(error)
      }
    }
    if (errors.length === 1) throw errors[0]
    if (errors.length > 1) throw new AggregateError(errors, `${errors.length} functions of the upkeep failed`)
    return upkeep
  })
}

function checkOptions(options: RunUpkeepOptions): Checked {
  const given: unknown = (options as RunUpkeepOptions | undefined)?.pruneFlowRunsAfterSeconds
  return typeof given === 'object' && given !== null
    ? check(optionsByStateSchema, options)
    : check(optionsSchema, options)
}

/** One of the functions, ready to be called. */
interface Call {
  readonly run: () => Promise<readonly (string | { readonly id: string })[]>
  /** How many it changes at most at a time. Without: all there are. */
  readonly limit?: number
}

/** Each function, or why it is left out. */
function callsOf({ db }: Scope, options: Checked, clock: Date): Record<UpkeepFunction, Call | string> {
  const { now, pruneWorkersAfterSeconds, pruneFlowRunsAfterSeconds: ages } = options
  const ago = (age: number): Date => withinYears(subSeconds(clock, age))
  const marking = { limit: 400, now }
  const pruning = { limit: 500 }
  return {
    releaseStaleClaims: {
      ...marking,
      run: () => releaseStaleClaims(db, { pendingBefore: ago(options.staleAfterSeconds), ...marking }),
    },
    markFlowRunsCancelled: {
      ...marking,
      run: () => markFlowRunsCancelled(db, { cancellingBefore: ago(options.cancellingAfterSeconds), ...marking }),
    },
    markLateFlowRuns: {
      ...marking,
      run: () => markLateFlowRuns(db, { scheduledBefore: ago(options.lateAfterSeconds), ...marking }),
    },
    markWorkersOffline: {
      run: () => markWorkersOffline(db, { fallbackHeartbeatIntervalSeconds: options.heartbeatIntervalSeconds, now }),
    },
    markWorkPoolsNotReady: { run: () => markWorkPoolsNotReady(db, { now }) },
    markWorkQueuesNotReady: {
      run: () => markWorkQueuesNotReady(db, { lastPolledBefore: ago(options.notReadyAfterSeconds), now }),
    },
    pruneWorkers:
      pruneWorkersAfterSeconds === undefined
        ? NO_CUTOFF
        : {
            ...pruning,
            run: () => pruneWorkers(db, { lastHeartbeatBefore: ago(pruneWorkersAfterSeconds), ...pruning }),
          },
    pruneFlowRuns:
      ages === undefined
        ? NO_CUTOFF
        : { ...pruning, run: () => pruneFlowRuns(db, { finishedBefore: mapAges(ages, ago), ...pruning }) },
  }
}

const NO_CUTOFF = 'no cutoff is given'

function mapAges(
  ages: number | Partial<Record<TerminalStateType, number | undefined>>,
  ago: (age: number) => Date,
): Date | Partial<Record<TerminalStateType, Date>> {
  if (typeof ages === 'number') return ago(ages)
  const given = Object.entries(ages).filter((entry): entry is [string, number] => entry[1] !== undefined)
  return Object.fromEntries(given.map(([state, age]) => [state, ago(age)]))
}

async function inBatches({ run, limit }: Call, batches: number): Promise<string[]> {
  const ids: string[] = []
  for (let batch = 0; batch < batches; batch++) {
    const changed = await run()
    for (const one of changed) ids.push(typeof one === 'string' ? one : one.id)
    if (limit === undefined || changed.length < limit) break
  }
  return ids
}
