import type { SimulatePollingOptions } from 'kysely-work-queues/testing'
import { etl } from './simulations.js'

/** One run of 30 s, or of as many as are given. */
export const one = {
  ...etl,
  runs: [{ queue: 'nightly', durationSeconds: 30 }],
  leases: { leaseSeconds: 12, sweepSeconds: 5 },
} satisfies SimulatePollingOptions

/** The first poller that polls falls, the second takes up what it leaves. */
export const pollers = (first: object): SimulatePollingOptions['pollers'] => [
  { name: 'weak', firstPollSeconds: 0, everySeconds: 1000, startLatencySeconds: 0, restartSeconds: null, ...first },
  { name: 'strong', firstPollSeconds: 1, everySeconds: 10, startLatencySeconds: 0 },
]
