import { type RawBuilder, sql } from 'kysely'
import type { Scope } from '../session.js'
import { activeOfQueue, mayStart, QUEUE_POLL_SLOTS } from '../sql/active-runs.js'
import { hasFilter } from '../sql/runs.js'

/** What a poll of a queue asks for. */
export interface QueuePoll {
  readonly limit?: number | undefined
  readonly scheduledBefore?: Date | undefined
  /** PostgreSQL: whether to lock the runs, and to pass over those that another transaction has locked. */
  readonly lock: boolean
}

/** A poll of a queue as its statement is built: what stands for each value, and what changes the text. */
export interface QueuePollText {
  readonly workQueueId: RawBuilder<unknown>
  readonly limit: RawBuilder<unknown>
  /** `undefined`: every SCHEDULED run. */
  readonly scheduledBefore: RawBuilder<unknown> | undefined
  readonly lock: boolean
}

/**
 * How many runs the queue under the alias `queue` may hand out: the asked number, at most its open slots;
 * none when it is paused or takes runs by filter.
 *
 * @param concurrencyLimit - The queue's limit, as it may be said after `limit`.
 */
export function roomOf(
  scope: Scope,
  { limit }: QueuePollText,
  concurrencyLimit: RawBuilder<unknown>,
): RawBuilder<unknown> {
  const active = activeOfQueue(scope, QUEUE_POLL_SLOTS, concurrencyLimit)
  const open = mayStart(scope.dialect, limit, [{ limit: sql`queue.concurrency_limit`, active }])
  return sql`case when queue.is_paused or ${hasFilter('queue')} then 0 else ${open} end`
}
