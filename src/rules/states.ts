/** The type of a flow run's state. */
export type StateType =
  'SCHEDULED' | 'PENDING' | 'RUNNING' | 'COMPLETED' | 'FAILED' | 'CANCELLED' | 'CRASHED' | 'PAUSED' | 'CANCELLING'

/** Every state type, in Prefect's order. */
export const STATE_TYPES: readonly StateType[] = [
  'SCHEDULED',
  'PENDING',
  'RUNNING',
  'COMPLETED',
  'FAILED',
  'CANCELLED',
  'CRASHED',
  'PAUSED',
  'CANCELLING',
]

/** The state types after which a run does nothing more. */
export const TERMINAL_STATES: readonly StateType[] = ['COMPLETED', 'FAILED', 'CANCELLED', 'CRASHED']

/**
 * The states that occupy a slot of a queue when the queue is polled by itself, and for every claim.
 *
 * Source: `SLOT_OCCUPYING_STATES` of Prefect's `models.work_queues`. A CANCELLING run still has its
 * infrastructure, so it counts.
 */
export const WORK_QUEUE_SLOT_STATES: readonly StateType[] = ['PENDING', 'RUNNING', 'CANCELLING']

/**
 * The states that occupy a slot of a pool, and of its queues, when the pool is polled.
 *
 * Source: `SLOT_OCCUPYING_STATES` of Prefect's `models.workers`: Prefect's pool query never counted
 * CANCELLING.
 */
export const WORK_POOL_SLOT_STATES: readonly StateType[] = ['PENDING', 'RUNNING']

/**
 * The states that occupy a slot of a queue that selects its runs with a tag filter (deprecated in Prefect).
 *
 * Source: `LEGACY_SLOT_OCCUPYING_STATES` of Prefect's `models.work_queues`.
 */
export const FILTER_QUEUE_SLOT_STATES: readonly StateType[] = ['PENDING', 'RUNNING']

/** The state name of a run that was not started in time. A late run's state type is still SCHEDULED. */
export const LATE_STATE_NAME = 'Late'

/**
 * The name a state has when none is given: its type, capitalised.
 *
 * @example
 * ```ts
 * defaultStateName('SCHEDULED') // 'Scheduled'
 * ```
 */
export function defaultStateName(type: StateType): string {
  return type.charAt(0) + type.slice(1).toLowerCase()
}

/**
 * Whether a run in this state does nothing more. A run without a state yet (`null`) still may.
 *
 * @example
 * ```ts
 * isTerminal('CANCELLING') // false
 * ```
 */
export function isTerminal(type: StateType | null): boolean {
  return type !== null && TERMINAL_STATES.includes(type)
}
