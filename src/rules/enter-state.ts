import { defaultStateName, isTerminal, type StateType } from './states.js'

/**
 * The largest `integer` of PostgreSQL, at which the count stays: a run that could not start would stop its
 * queue.
 */
export const MAX_RUN_COUNT: number = 2 ** 31 - 1

/** What a transition looks at, and changes, of a flow run. */
export interface FlowRunFacts {
  readonly stateType: StateType | null
  readonly stateName: string | null
  readonly stateTimestamp: Date | null
  readonly runCount: number
  readonly expectedStartTime: Date | null
  readonly nextScheduledStartTime: Date | null
  readonly startTime: Date | null
  readonly endTime: Date | null
}

/** The state that a flow run enters. */
export interface EnteredState {
  readonly type: StateType
  /** Default: the type, capitalised. */
  readonly name?: string | undefined
  readonly timestamp: Date
  /** For SCHEDULED: when the run is due. `undefined`: as before. */
  readonly scheduledTime?: Date | null | undefined
}

/**
 * The facts of a flow run after it entered a state.
 *
 * RUNNING counts an attempt, as far as the databases can count, and sets the start time the first time. A
 * terminal state sets the end time, and the start time of a run that never ran; another terminal state after
 * it changes neither, and any other state clears the end time. SCHEDULED takes the scheduled time. A run that
 * never was to start at a time is expected at the time it first leaves SCHEDULED and PENDING.
 *
 * Source: Prefect's `orchestration.global_policy`, but for what lets a lost claim be given back as it was: a
 * run that leaves SCHEDULED keeps its next scheduled start time, and PENDING makes up no expected one.
 *
 * @example
 * ```ts
 * enterState(run, { type: 'RUNNING', timestamp: now }).runCount // run.runCount + 1
 * ```
 */
export function enterState(run: FlowRunFacts, state: EnteredState): FlowRunFacts {
  const { type, timestamp } = state
  const isDueAt = nextStartIn(run, state)
  const isWaiting = type === 'SCHEDULED' || type === 'PENDING'
  // Of a run that had not ended, it is a time that somebody left there.
  const endedAt = isTerminal(run.stateType) ? run.endTime : null
  const ends = isTerminal(type) && endedAt === null
  return {
    stateType: type,
    stateName: state.name ?? defaultStateName(type),
    stateTimestamp: timestamp,
    runCount: Math.min(run.runCount + (type === 'RUNNING' ? 1 : 0), MAX_RUN_COUNT),
    expectedStartTime: run.expectedStartTime ?? (isWaiting ? isDueAt : timestamp),
    nextScheduledStartTime: isDueAt,
    startTime: run.startTime ?? (type === 'RUNNING' || ends ? timestamp : null),
    endTime: isTerminal(type) ? (endedAt ?? timestamp) : null,
  }
}

/**
 * When a flow run is due after it entered a state: SCHEDULED takes the scheduled time, and all else leaves it
 * as it was.
 */
function nextStartIn(
  run: Pick<FlowRunFacts, 'nextScheduledStartTime'>,
  { type, scheduledTime }: Pick<EnteredState, 'type' | 'scheduledTime'>,
): Date | null {
  return type === 'SCHEDULED' && scheduledTime !== undefined ? scheduledTime : run.nextScheduledStartTime
}

/**
 * How long, in milliseconds, the state that a run leaves at a time was one of running: what Prefect adds to
 * its total run time. Source: `IncrementRunTime` of Prefect's `orchestration.global_policy`.
 */
export function runningMilliseconds(run: Pick<FlowRunFacts, 'stateType' | 'stateTimestamp'>, until: Date): number {
  if (run.stateType !== 'RUNNING' || run.stateTimestamp === null) return 0
  const since = run.stateTimestamp.getTime()
  // Since ever, as `-infinity` is read, is no time that can be counted.
  return since === -8_640_000_000_000_000 ? 0 : Math.max(0, until.getTime() - since)
}
