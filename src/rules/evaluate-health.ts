import { isLastPolledRecent, WORK_QUEUE_LAST_POLLED_TIMEOUT_SECONDS } from './is-last-polled-recent.js'

/** When a queue counts as healthy. */
export interface WorkQueueHealthPolicy {
  /** How many late runs a healthy queue may have. `null`: any number. */
  readonly maximumLateRuns: number | null
  /** How long ago, in seconds, a healthy queue was polled at most. `null`: it need not be polled. */
  readonly maximumSecondsSinceLastPolled: number | null
}

/** The policy of every queue: no late runs, and polled within the last 60 seconds. */
export const DEFAULT_HEALTH_CHECK_POLICY: WorkQueueHealthPolicy = {
  maximumLateRuns: 0,
  maximumSecondsSinceLastPolled: WORK_QUEUE_LAST_POLLED_TIMEOUT_SECONDS,
}

/**
 * Whether a queue with these facts is healthy under a policy.
 *
 * Source: `WorkQueueHealthPolicy.evaluate_health_status` of Prefect's `schemas.core`.
 *
 * @example
 * ```ts
 * const policy = { maximumLateRuns: 0, maximumSecondsSinceLastPolled: 60 }
 * evaluateHealth(policy, { lateRunsCount: 1, lastPolled: now }, now) // false
 * ```
 */
export function evaluateHealth(
  policy: WorkQueueHealthPolicy,
  facts: { readonly lateRunsCount: number; readonly lastPolled: Date | null },
  now: Date,
): boolean {
  if (policy.maximumLateRuns !== null && facts.lateRunsCount > policy.maximumLateRuns) return false
  if (policy.maximumSecondsSinceLastPolled === null) return true
  return isLastPolledRecent(facts.lastPolled, now, policy.maximumSecondsSinceLastPolled)
}
