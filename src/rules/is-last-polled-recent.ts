import { differenceInMilliseconds } from 'date-fns/differenceInMilliseconds'

/**
 * How long after its last poll a queue still counts as polled, in seconds.
 *
 * Source: `WORK_QUEUE_LAST_POLLED_TIMEOUT` of Prefect's `models.work_queues`.
 */
export const WORK_QUEUE_LAST_POLLED_TIMEOUT_SECONDS = 60

/**
 * Whether a queue was polled at most `seconds` ago (60 by default, and 60.000 s ago still counts).
 *
 * A poll in the future counts as recent: clocks of several servers differ. Never polled (`null`) is not
 * recent.
 *
 * @example
 * ```ts
 * isLastPolledRecent(new Date('2026-01-01T00:00:00Z'), new Date('2026-01-01T00:01:00Z')) // true
 * isLastPolledRecent(new Date('2026-01-01T00:00:00Z'), new Date('2026-01-01T00:01:00.001Z')) // false
 * ```
 */
export function isLastPolledRecent(
  lastPolled: Date | null | undefined,
  now: Date,
  seconds: number = WORK_QUEUE_LAST_POLLED_TIMEOUT_SECONDS,
): boolean {
  if (lastPolled === null || lastPolled === undefined) return false
  return differenceInMilliseconds(now, lastPolled) <= seconds * 1000
}
