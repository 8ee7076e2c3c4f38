import type { StateType } from './states.js'

/** What is known of a run that is to be released. */
export interface ReleasedFlowRun {
  readonly stateType: StateType | null
  /** How often it was released since it last was RUNNING: {@link releasesSinceRun}. */
  readonly releases: number
}

/** How runs are released. */
export interface ReleaseRule {
  /** What becomes of a RUNNING run. Default: CRASHED. */
  readonly runningTo?: 'CRASHED' | 'SCHEDULED' | undefined
  /** How often a run is released since it last was RUNNING, before it is CRASHED. Default: without end. */
  readonly maxReleases?: number | undefined
}

/**
 * The state that a run enters when its slot is freed in place of whoever has claimed it: CANCELLING becomes
 * CANCELLED, RUNNING what the rule says, all else SCHEDULED; but one that was given back often enough, and
 * would be again, becomes CRASHED.
 *
 * @example
 * ```ts
 * stateAfterRelease({ stateType: 'PENDING', releases: 2 }, { maxReleases: 2 }) // 'CRASHED'
 * ```
 */
export function stateAfterRelease(
  { stateType, releases }: ReleasedFlowRun,
  { runningTo = 'CRASHED', maxReleases = Infinity }: ReleaseRule,
): 'SCHEDULED' | 'CRASHED' | 'CANCELLED' {
  if (stateType === 'CANCELLING') return 'CANCELLED'
  const wanted = stateType === 'RUNNING' ? runningTo : 'SCHEDULED'
  return wanted === 'SCHEDULED' && releases >= maxReleases ? 'CRASHED' : wanted
}

/**
 * How the message of the state begins that a release leaves. The state is SCHEDULED, under the name that all
 * have: polls, marks of late runs and Prefect take it as any other.
 */
export const RELEASED: string = 'Released: '

/**
 * How often a run was released since it last was RUNNING, by its history.
 *
 * @param states - Oldest first.
 *
 * @example
 * ```ts
 * releasesSinceRun([{ type: 'SCHEDULED', message: `${RELEASED}its claim was not taken up` }]) // 1
 * ```
 */
export function releasesSinceRun(
  states: readonly { readonly type: StateType; readonly message: string | null }[],
): number {
  const since = states.slice(states.findLastIndex(({ type }) => type === 'RUNNING') + 1)
  return since.filter(({ type, message }) => type === 'SCHEDULED' && message?.startsWith(RELEASED) === true).length
}
