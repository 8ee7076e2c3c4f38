import { subSeconds } from 'date-fns/subSeconds'
import { releaseStaleClaims } from '../claims/release-stale-claims.js'
import { MissingTableError } from '../errors.js'
import { releaseExpiredLeases } from '../leases/release-expired-leases.js'
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
import {
  type CheckedOptions,
  checkUpkeepOptions,
  ORDER,
  ORDER_OF_LOCKS,
  type RunUpkeepOptions,
  type UpkeepFunction,
} from './upkeep-options.js'

/** What upkeep did. */
export interface Upkeep {
  /** The ids of what each function changed, or deleted, in its order. One that was left out is not there. */
  changed: Partial<Record<UpkeepFunction, string[]>>
  /** What was left out, and why. */
  leftOut: { name: UpkeepFunction; why: string }[]
}

/**
 * Calls all upkeep: one timer in a host instead of nine. Every 15 seconds, say.
 *
 * Outside a transaction each function has its own, as if it were called by itself, and what frees slots comes
 * first. One that fails does not keep the others from their work: its error is thrown when all have had their
 * turn, an `AggregateError` if there were several, and what the others changed stays changed. In a
 * transaction of the caller's, which an error may end, the first is thrown at once.
 *
 * A function with a limit is called again while it comes up against that, but no more than `batches` times:
 * what is left then waits for the next call. When there is nothing to do, nothing is written.
 *
 * Where the table of leases is missing, `releaseExpiredLeases` is left out.
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
  const checked = checkUpkeepOptions(options)
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
        // Asked before anything else is, so that a transaction goes on.
        if (error instanceof MissingTableError) upkeep.leftOut.push({ name, why: error.message })
        else if (scope.isTransaction) throw error
        else errors.push(error)
      }
    }
    if (errors.length === 1) throw errors[0]
    if (errors.length > 1) throw new AggregateError(errors, `${errors.length} functions of the upkeep failed`)
    return upkeep
  })
}

/** One of the functions, ready to be called. */
interface Call {
  readonly run: () => Promise<readonly (string | { readonly id: string })[]>
  /** How many it changes at most at a time. Without: all there are. */
  readonly limit?: number
}

/** Each function, or why it is left out. */
function callsOf({ db }: Scope, options: CheckedOptions, clock: Date): Record<UpkeepFunction, Call | string> {
  const { now, pruneWorkersAfterSeconds, pruneFlowRunsAfterSeconds: ages } = options
  const ago = (age: number): Date => withinYears(subSeconds(clock, age))
  const marking = { limit: 400, now }
  const releasing = { ...marking, maxReleases: options.maxReleases }
  const pruning = { limit: 500 }
  return {
    releaseExpiredLeases: {
      ...marking,
      run: () => releaseExpiredLeases(db, { runningTo: options.runningTo, ...releasing }),
    },
    releaseStaleClaims: {
      ...marking,
      run: () => releaseStaleClaims(db, { pendingBefore: ago(options.staleAfterSeconds), ...releasing }),
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
