import type { WorkQueueTables } from '../model/tables.js'
import { check } from '../model/checks.js'
import type { RequiredTables } from '../session.js'
import { simulatePollingsSchema } from './simulation/options-schema.js'
import type { PollingHistory } from './simulation/history.js'
import type { SimulatePollingsOptions } from './simulation/options.js'
import { type Spread, spreadOf } from './simulation/quantiles.js'
import { simulateSeeds } from './simulation/simulate-in.js'
import { type PollingSummary, summarizePolling } from './summarize-polling.js'

/** The figures of several summaries, each as the least, the median and the most of them. */
export type SpreadOf<T> = T extends number
  ? Spread
  : T extends (infer E)[]
    ? SpreadOf<E>[]
    : T extends object
      ? { [K in keyof T]: SpreadOf<T[K]> }
      : T

/** Several simulations of the same pools, queues, runs and pollers. */
export interface Pollings {
  /** Each seed, in the order asked. */
  simulations: { seed: number; summary: PollingSummary; history: PollingHistory }[]
  /**
   * Every figure of the summaries, as the least, the median and the most of it. One that is `null` with some
   * seeds is that of the others.
   */
  spread: SpreadOf<PollingSummary>
}

/**
 * Simulates pollers with several seeds, one after the other, and tells the spread: what a policy does, and
 * what was chance.
 *
 * Each is a {@link simulatePolling} of the same options. In a `session` each begins with the same rows, and
 * all is undone.
 *
 * @throws {InvalidInputError} when an option is not valid, or names a queue or pool that is not there.
 * @throws {MissingTableError} when there are to be leases, and no table of them in the session.
 * @throws {TestDriverMissingError} when no session is given and there is no driver for SQLite.
 *
 * @example
 * ```ts
 * const { simulations, spread } = await simulatePollings({
 *   seeds: 20,
 *   queues: [{ name: 'etl', concurrencyLimit: 2 }],
 *   runs: [{ queue: 'etl', count: 40, startSeconds: [0, 1200], durationSeconds: [10, 90] }],
 *   pollers: [{ count: 2 }],
 * })
 * spread.waits.p95Seconds // { least: 61.234, median: 98.7, most: 190.5 }
 * const worst = simulations.toSorted((a, b) => b.summary.late - a.summary.late)[0]
 * ```
 */
export async function simulatePollings<DB extends RequiredTables = WorkQueueTables>(
  options: SimulatePollingsOptions<DB>,
): Promise<Pollings> {
  const { session, seeds, ...checked } = check(simulatePollingsSchema, options)
  const histories = await simulateSeeds(session, checked, seeds)
  const summaries = histories.map((history) => summarizePolling(history))
  return {
    simulations: histories.flatMap((history, index) =>
      summaries.slice(index, index + 1).map((summary) => ({ seed: seeds[index] ?? 0, summary, history })),
    ),
    spread: spreadThrough(summaries) as SpreadOf<PollingSummary>,
  }
}

/** The spread of every number in values of one shape. */
function spreadThrough(values: readonly unknown[]): unknown {
  const first = values.find((value) => value !== null)
  if (Array.isArray(first)) {
    return first.map((_, index) => spreadThrough(values.map((value) => (value as unknown[])[index])))
  }
  if (typeof first === 'object') {
    const keys = Object.keys(first ?? {})
    return Object.fromEntries(keys.map((key) => [key, spreadThrough(values.map((value) => (value as any)[key]))]))
  }
  const numbers = values.filter((value) => typeof value === 'number')
  return numbers.length > 0 ? spreadOf(numbers) : (first ?? null)
}
