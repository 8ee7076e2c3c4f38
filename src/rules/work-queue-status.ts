import { isLastPolledRecent } from './is-last-polled-recent.js'

/** Whether workers take runs from a queue: READY, NOT_READY (nobody polls it) or PAUSED. */
export type WorkQueueStatus = 'READY' | 'NOT_READY' | 'PAUSED'

/** Every work queue status. */
export const WORK_QUEUE_STATUSES: readonly WorkQueueStatus[] = ['READY', 'NOT_READY', 'PAUSED']

/**
 * The status of a queue that was just created: PAUSED when created paused, else NOT_READY until the first
 * poll.
 *
 * @example
 * ```ts
 * initialWorkQueueStatus({}) // 'NOT_READY'
 * ```
 */
export function initialWorkQueueStatus(queue: { readonly isPaused?: boolean | undefined }): WorkQueueStatus {
  return queue.isPaused === true ? 'PAUSED' : 'NOT_READY'
}

/**
 * The status that an update writes, or `undefined` when it leaves the status alone.
 *
 * Pausing writes PAUSED unless the queue is PAUSED already. Unpausing a PAUSED queue writes READY when it was
 * polled within 60 s (by the time that the update itself sets, if it does), else NOT_READY. Nothing else
 * writes the status.
 *
 * Source: `update_work_queue` of Prefect's `models.work_queues`.
 *
 * @param current - The queue before the update.
 * @param patch - The update; absent keys change nothing.
 *
 * @example
 * ```ts
 * nextWorkQueueStatus({ status: 'READY', lastPolled: null }, { isPaused: true }, now) // 'PAUSED'
 * nextWorkQueueStatus({ status: 'READY', lastPolled: null }, { isPaused: false }, now) // undefined
 * ```
 */
export function nextWorkQueueStatus(
  current: { readonly status: WorkQueueStatus; readonly lastPolled: Date | null },
  patch: { readonly isPaused?: boolean | undefined; readonly lastPolled?: Date | null | undefined },
  now: Date,
): WorkQueueStatus | undefined {
  if (patch.isPaused === undefined) return undefined
  const isPaused = current.status === 'PAUSED'
  if (patch.isPaused) return isPaused ? undefined : 'PAUSED'
  if (!isPaused) return undefined
  const lastPolled = patch.lastPolled === undefined ? current.lastPolled : patch.lastPolled
  return isLastPolledRecent(lastPolled, now) ? 'READY' : 'NOT_READY'
}
