import { addSeconds } from 'date-fns'
import type { HandOut, SimulatePollingOptions } from 'kysely-work-queues/testing'

/** When simulations begin. */
export const start = new Date('2026-01-01T00:00:00.000Z')

/** So many seconds after the start. */
export const at = (seconds: number): Date => addSeconds(start, seconds)

/** Who was given what when, and what became of it. */
export function told(handOuts: readonly HandOut[]): string[] {
  return handOuts.map(({ at, poller, run, outcome }) => `${(+at - +start) / 1000} ${poller} ${run} ${outcome}`)
}

/** A pool `etl` with the queue `urgent` before `nightly`, and pollers that look every ten seconds and start at once. */
export const etl = {
  pools: [{ name: 'etl' }],
  queues: [{ name: 'urgent', priority: 1 }, { name: 'nightly' }],
  pollers: [{ everySeconds: 10, firstPollSeconds: 0, startLatencySeconds: 0 }],
} satisfies SimulatePollingOptions

/** A bit of everything that is drawn. */
export const mixed = {
  pools: [{ name: 'etl', concurrencyLimit: 3 }],
  queues: [{ name: 'urgent', priority: 1, concurrencyLimit: 2 }, { name: 'nightly' }],
  runs: [
    { queue: 'urgent', count: 15, startSeconds: [0, 300], durationSeconds: [5, 30] },
    {
      queue: 'nightly',
      count: 15,
      durationSeconds: [5, 60],
      failProbability: 0.4,
      retries: 1,
      retryDelaySeconds: [0, 30],
    },
  ],
  pollers: [
    { count: 2, everySeconds: [5, 15], startLatencySeconds: [0, 5], crashProbability: 0.2 },
    { name: 'agent', queue: 'nightly', limit: 1, capacity: 2 },
  ],
  events: [
    { atSeconds: 60, queue: 'urgent', isPaused: true },
    { atSeconds: 120, queue: 'urgent', isPaused: false },
    { atSeconds: 180, pool: 'etl', concurrencyLimit: 1 },
    { atSeconds: 240, pool: 'etl', concurrencyLimit: null },
  ],
} satisfies SimulatePollingOptions
