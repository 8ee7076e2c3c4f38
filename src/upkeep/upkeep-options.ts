import * as z from 'zod'
import { check, countSchema, type NowOption, nowShape, prioritySchema } from '../model/checks.js'
import type { TerminalStateType } from '../sql/ended-runs.js'

// In the order in which they are called: what frees slots first, then what a host shows, then what takes
// long. In a transaction of the caller's all locks are kept to its end, so there it is the order of locks:
// workers, pools, queues, runs.
export const ORDER: readonly UpkeepFunction[] = [
  'releaseExpiredLeases',
  'releaseStaleClaims',
  'markFlowRunsCancelled',
  'markLateFlowRuns',
  'markWorkersOffline',
  'markWorkPoolsNotReady',
  'markWorkQueuesNotReady',
  'pruneWorkers',
  'pruneFlowRuns',
]
export const ORDER_OF_LOCKS: readonly UpkeepFunction[] = [
  'markWorkersOffline',
  'pruneWorkers',
  'markWorkPoolsNotReady',
  'markWorkQueuesNotReady',
  'releaseExpiredLeases',
  'releaseStaleClaims',
  'markFlowRunsCancelled',
  'markLateFlowRuns',
  'pruneFlowRuns',
]

/** A function that {@link runUpkeep} calls. */
export type UpkeepFunction =
  | 'releaseExpiredLeases'
  | 'releaseStaleClaims'
  | 'markFlowRunsCancelled'
  | 'markLateFlowRuns'
  | 'markWorkersOffline'
  | 'markWorkPoolsNotReady'
  | 'markWorkQueuesNotReady'
  | 'pruneWorkers'
  | 'pruneFlowRuns'

/** How long what may last. All are seconds before now, from 0. */
export interface RunUpkeepOptions extends NowOption {
  /**
   * {@link releaseExpiredLeases}: what becomes of a run that is RUNNING. Default: CRASHED, since only the
   * host knows whether it may run twice. A lease says itself when it expires.
   */
  runningTo?: 'CRASHED' | 'SCHEDULED' | undefined
  /**
   * {@link releaseExpiredLeases} and {@link releaseStaleClaims}: how often a run is given back since it last
   * was RUNNING, before it becomes CRASHED. Default: without end, as theirs.
   */
  maxReleases?: number | undefined
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

const seconds = countSchema
const secondsOfStates = z.strictObject({
  COMPLETED: seconds.optional(),
  FAILED: seconds.optional(),
  CANCELLED: seconds.optional(),
  CRASHED: seconds.optional(),
})

const optionsOf = <T extends z.ZodType>(pruneFlowRunsAfterSeconds: T) =>
  z.strictObject({
    runningTo: z.enum(['CRASHED', 'SCHEDULED']).optional(),
    maxReleases: countSchema.optional(),
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

type WithDefault =
  | 'lateAfterSeconds'
  | 'staleAfterSeconds'
  | 'cancellingAfterSeconds'
  | 'heartbeatIntervalSeconds'
  | 'notReadyAfterSeconds'
  | 'batches'
  | 'leaveOut'

/** Options, checked, with their defaults. */
export type CheckedOptions = Omit<RunUpkeepOptions, WithDefault> & {
  [K in WithDefault]-?: Exclude<RunUpkeepOptions[K], undefined>
}

/** Checks options. */
export function checkUpkeepOptions(options: RunUpkeepOptions): CheckedOptions {
  const given: unknown = (options as RunUpkeepOptions | undefined)?.pruneFlowRunsAfterSeconds
  return typeof given === 'object' && given !== null
    ? check(optionsByStateSchema, options)
    : check(optionsSchema, options)
}
