import { type StateType, WORK_QUEUE_SLOT_STATES } from './states.js'

/** What is known of a lease: the state that its claim entered, and when. */
export interface ClaimedState {
  readonly stateId: string
  readonly acquiredAt: Date
}

/**
 * Whether a lease holds: its run has occupied its slot without a break since the claim. So it is in a state
 * that occupies a slot, and has been in no other since. Whoever moved it from PENDING to RUNNING, or to
 * CANCELLING, is no matter. A lease that does not hold is void: the run ended, or waits again, or was claimed
 * anew.
 *
 * @param lease - The lease.
 * @param run - The state that the run is in.
 * @param states - Its history, in any order.
 *
 * @example
 * ```ts
 * const run = { stateId: 'b', stateType: 'RUNNING' } as const
 * leaseHolds({ stateId: 'a', acquiredAt: now }, run, []) // true: nothing is known to have ended it
 * ```
 */
export function leaseHolds(
  { stateId, acquiredAt }: ClaimedState,
  run: { readonly stateId: string | null; readonly stateType: StateType | null },
  states: readonly { readonly type: StateType; readonly timestamp: Date }[],
): boolean {
  if (run.stateType === null || !occupies(run.stateType)) return false
  return run.stateId === stateId || !states.some(({ type, timestamp }) => timestamp > acquiredAt && !occupies(type))
}

function occupies(type: StateType): boolean {
  return WORK_QUEUE_SLOT_STATES.includes(type)
}
