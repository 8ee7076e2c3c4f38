import {
  formatPolling,
  type HandOut,
  type PollingHistory,
  simulatePolling,
  summarizePolling,
} from 'kysely-work-queues/testing'
import { describe, expect, test } from 'vitest'
import { databases } from '../../support/databases.js'
import { describeOnDatabases } from '../../support/describe-databases.js'
import { noLeases } from './hand-made-history.js'
import { at, mixed, start } from './simulations.js'

const nightly = { queue: 'nightly', pool: 'etl' }
const urgent = { queue: 'urgent', pool: 'etl' }

/** A run that was due at the start, and started and ended so many seconds later. */
function started(
  place: typeof nightly,
  run: string,
  from: number,
  to: number | null,
  more: Partial<HandOut> = {},
): HandOut {
  return {
    ...place,
    run,
    at: at(from),
    poller: 'poller-1',
    dueAt: start,
    attempt: 1,
    outcome: 'started',
    startedAt: at(from),
    finishedAt: to === null ? null : at(to),
    finishedAs: to === null ? null : 'COMPLETED',
    ...more,
  }
}

const queue = { kind: 'queue', ...nightly } as const
const pool = { kind: 'pool', queue: null, pool: 'etl' } as const

/** A hundred seconds that were never simulated. */
const history: PollingHistory = {
  startedAt: start,
  endedAt: at(100),
  polls: 12,
  handOuts: [
    started(nightly, 'a', 0, 50),
    started(nightly, 'b', 10, 60, { finishedAs: 'FAILED' }),
    started(nightly, 'b', 70, 80, { attempt: 2, dueAt: at(61) }),
    started(urgent, 'c', 40, null, { dueAt: null }),
    { ...started(urgent, 'd', 20, null), startedAt: null, outcome: 'abandoned' },
    { ...started(urgent, 'd', 90, null), startedAt: null, outcome: 'open' },
  ],
  slots: [
    { at: start, ...pool, limit: null, active: 0 },
    { at: start, ...queue, limit: 2, active: 0 },
    { at: start, ...queue, queue: 'urgent', limit: 0, active: 0 },
    { at: start, ...queue, limit: 2, active: 1 },
    { at: at(10), ...queue, limit: 2, active: 2 },
    { at: at(40), ...queue, queue: 'urgent', limit: 0, active: 1 },
    { at: at(50), ...queue, limit: 4, active: 3 },
    { at: at(50), ...pool, limit: 1, active: 1 },
    { at: at(60), ...queue, limit: null, active: 1 },
  ],
  settings: [],
  overshoots: [
    { at: at(40), ...queue, queue: 'urgent', limit: 0, active: 1, run: 'c', poller: 'poller-1' },
    { at: at(50), ...pool, limit: 0, active: 1, run: 'c', poller: 'poller-1' },
  ],
  late: [{ ...urgent, run: 'd', attempt: 1, dueAt: start, startedAt: null, lateBySeconds: 100 }],
  neverStarted: [{ ...urgent, run: 'd', dueAt: start }],
  leases: {
    renewals: 9,
    failedRenewals: 2,
    deaths: [{ at: at(10), poller: 'poller-1', runs: ['a', 'b'] }],
    stalls: [],
    releases: [
      { ...nightly, at: at(30), run: 'a', poller: 'poller-1', from: 'RUNNING', to: 'CRASHED', deadSeconds: 20 },
      { ...nightly, at: at(30), run: 'c', poller: 'poller-2', from: 'PENDING', to: 'SCHEDULED', deadSeconds: null },
    ],
    refusals: [{ ...nightly, at: at(40), run: 'c', poller: 'poller-2', stateType: 'RUNNING' }],
    doubles: [],
    held: [
      { ...nightly, run: 'b', poller: 'poller-1', since: at(10) },
      { ...nightly, run: 'd', poller: null, since: at(95) },
    ],
  },
}

describe('summarizePolling', () => {
  test('tells waits, the use of slots, and what went wrong', () => {
    const noWait = { medianSeconds: null, p95Seconds: null, longestSeconds: null }
    const ofNightly = { started: 3, completed: 2, failed: 1, late: 0, neverStarted: 0 }
    const waits = { medianSeconds: 9, p95Seconds: 9.9, longestSeconds: 10 }
    expect(summarizePolling(history)).toEqual({
      seconds: 100,
      polls: 12,
      handOuts: { started: 4, refused: 0, abandoned: 1, released: 0, duplicate: 0, open: 1 },
      overshoots: 2,
      started: 4,
      completed: 2,
      failed: 1,
      late: 1,
      neverStarted: 1,
      waits,
      queues: [
        { ...nightly, ...ofNightly, waits },
        { ...urgent, started: 1, completed: 0, failed: 0, late: 1, neverStarted: 1, waits: noWait },
      ],
      slots: [
        // One of one, for the last half.
        { ...pool, limit: 1, most: 1, mean: 0.5, utilization: 1, overshoots: 1 },
        // 10 s of 1 and 40 s of 2 in 2 slots, 10 s of 3 in 4; 40 s of 1 without a limit.
        { ...queue, limit: null, most: 3, mean: 1.6, utilization: 0.857, overshoots: 0 },
        { ...queue, queue: 'urgent', limit: 0, most: 1, mean: 0.6, utilization: null, overshoots: 1 },
      ],
      leases: {
        renewals: 9,
        failedRenewals: 2,
        deaths: 1,
        stalls: 0,
        released: 2,
        refused: 1,
        doubles: 0,
        held: 2,
        // Until the end, and so longer than the 20 s until the release.
        longestHeldSeconds: 90,
      },
    })
  })

  test('takes a wait between two for the median and the 95 %', () => {
    const handOuts = [1, 2, 3, 4].map((seconds) => started(nightly, `${seconds}`, seconds, 9))
    expect(summarizePolling({ ...history, handOuts }).waits).toEqual({
      medianSeconds: 2.5,
      p95Seconds: 3.85,
      longestSeconds: 4,
    })
  })

  test('of nothing is nothing', () => {
    const none = {
      ...history,
      endedAt: start,
      polls: 0,
      handOuts: [],
      slots: [],
      overshoots: [],
      late: [],
      neverStarted: [],
      leases: noLeases,
    }
    expect(summarizePolling(none)).toMatchObject({ seconds: 0, started: 0, queues: [], slots: [], overshoots: 0 })
    expect(summarizePolling(none).leases).toMatchObject({ deaths: 0, held: 0, longestHeldSeconds: null })
    const slots = history.slots.slice(0, 1)
    expect(summarizePolling({ ...none, slots }).slots).toMatchObject([{ most: 0, mean: 0, utilization: null }])
  })
})

describe('formatPolling', () => {
  test('makes a table', () => {
    expect(`\n${formatPolling(history)}\n`).toBe(`
Simulated 100 s, 12 polls. Hand-outs: started 4, abandoned 1, open 1.

queue        started  failed  late  never started  wait median   95 %  longest
etl/nightly        3       1     0              0          9 s  9.9 s     10 s
etl/urgent         1       0     1              1            -      -        -
all                4       1     1              1          9 s  9.9 s     10 s

slots of           limit  most  mean  utilization  overshoots
pool etl               1     1   0.5        100 %           1
queue etl/nightly      -     3   1.6       85.7 %           0
queue etl/urgent       0     1   0.6            -           1

Pollers: died 1, stalled 0. Renewals: 9, failed 2.

leases  released  late writes refused  run by two  slots held  longest held
all            2                    1           0           2          90 s
`)
  })

  test('says nothing of leases where there were none', () => {
    expect(formatPolling({ ...history, leases: noLeases })).not.toMatch(/lease|died/)
  })

  test('says that nothing was handed out', () => {
    expect(formatPolling({ ...history, handOuts: [] })).toContain('Hand-outs: none.')
  })
})

describeOnDatabases(
  'summarizePolling',
  (t) => {
    test('is the same for a seed as in a session of its own', async () => {
      const options = { ...mixed, by: 'poll', seed: 11 } as const
      const summary = summarizePolling(await simulatePolling(options))
      expect(summary.failed).toBeGreaterThan(0)
      expect(summarizePolling(await simulatePolling({ ...options, session: t.db }))).toEqual(summary)
    })
  },
  databases.filter(({ name }) => name === 'SQLite in memory' || name === 'PostgreSQL'),
)
