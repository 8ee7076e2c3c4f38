import type { HandOut, LeaseHistory, PollingHistory } from 'kysely-work-queues/testing'
import { at, start } from './simulations.js'

export const etl = { queue: 'nightly', pool: 'etl' }
export const queue = { kind: 'queue', ...etl } as const

export function handOut(poller: string, from: number, to: number | null, more: Partial<HandOut> = {}): HandOut {
  return {
    ...etl,
    run: `run-${from}`,
    at: at(from),
    poller,
    dueAt: start,
    attempt: 1,
    outcome: 'started',
    startedAt: at(from),
    finishedAt: to === null ? null : at(to),
    finishedAs: to === null ? null : 'COMPLETED',
    ...more,
  }
}

/** No poller died, and there were no leases. */
export const noLeases: LeaseHistory = {
  renewals: 0,
  failedRenewals: 0,
  deaths: [],
  stalls: [],
  releases: [],
  refusals: [],
  doubles: [],
  held: [],
}

/** A hundred seconds, so that a second is 7.86 pixels. */
export const history: PollingHistory = {
  startedAt: start,
  endedAt: at(100),
  polls: 9,
  handOuts: [],
  slots: [{ at: start, ...queue, limit: 2, active: 0 }],
  settings: [],
  overshoots: [],
  late: [],
  neverStarted: [],
  leases: noLeases,
}
