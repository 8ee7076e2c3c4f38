import type { WorkQueueTables } from '../model/tables.js'
import { check } from '../model/checks.js'
import type { RequiredTables } from '../session.js'
import { simulatePollingSchema } from './simulation/options-schema.js'
import type { PollingHistory } from './simulation/history.js'
import type { SimulatePollingOptions } from './simulation/options.js'
import { simulateIn } from './simulation/simulate-in.js'

/**
 * Simulates pollers over virtual time, to try out priorities, limits and pauses: who is given what when, how
 * many slots are occupied, what is late.
 *
 * The pollers use the library's own claims (or polls, with `by: 'poll'`, or a `claim` of yours) in a real
 * database. Only time is made up: nothing waits, and an hour of a few hundred runs takes about a second. The
 * same options and seed give the same history.
 *
 * A poller polls, starts what it was given after its latency (RUNNING), and each run ends after its duration
 * (COMPLETED, or FAILED, and then it may be retried). A crashed poller leaves its runs PENDING, and they are
 * given back when they are stale. A run that was started goes on without its poller.
 *
 * With `leases` the pollers claim in their names and renew, and what they leave behind when they die or stall
 * is released; `leases` of the history tells what became of it.
 *
 * {@link summarizePolling}, {@link formatPolling} and {@link drawPolling} show what happened;
 * {@link simulatePollings} tells how much of it was chance.
 *
 * @param options - Times are in seconds, from the start or of a span. A pair of them is a range, from which
 *   each is drawn.
 * @returns The history, plain data.
 * @throws {InvalidInputError} when an option is not valid, or names a queue or pool that is not there.
 * @throws {MissingTableError} when there are to be leases, and no table of them in the session.
 * @throws {TestDriverMissingError} when no session is given and there is no driver for SQLite.
 *
 * @example
 * ```ts
 * const { overshoots, late } = await simulatePolling({
 *   pools: [{ name: 'etl', concurrencyLimit: 3 }],
 *   queues: [{ name: 'urgent', priority: 1 }, { name: 'nightly' }],
 *   runs: [
 *     { queue: 'urgent', count: 20, startSeconds: [0, 600], durationSeconds: [10, 60] },
 *     { queue: 'nightly', count: 50, durationSeconds: 30, failProbability: 0.1, retries: 2 },
 *   ],
 *   pollers: [{ count: 3, everySeconds: 10, capacity: 2, crashProbability: 0.05 }],
 *   events: [{ atSeconds: 300, queue: 'nightly', isPaused: true }],
 * })
 * ```
 */
export async function simulatePolling<DB extends RequiredTables = WorkQueueTables>(
  options: SimulatePollingOptions<DB>,
): Promise<PollingHistory> {
  const { session, ...checked } = check(simulatePollingSchema, options)
  return await simulateIn(session, checked)
}
