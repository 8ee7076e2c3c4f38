import { addSeconds } from 'date-fns'
import { simulatePolling } from 'kysely-work-queues/testing'
import { describe, expect, test } from 'vitest'
import { noLeases } from './hand-made-history.js'
import { at, etl, mixed, start, told } from './simulations.js'

describe('simulatePolling', () => {
  test('returns the history of who got what when, slots over time, and what was late', async () => {
    const history = await simulatePolling({
      pools: [{ name: 'etl', concurrencyLimit: 5 }],
      queues: [{ name: 'nightly', concurrencyLimit: 1 }],
      runs: [{ queue: 'nightly', count: 2, startSeconds: 3, durationSeconds: 15 }],
      pollers: [{ everySeconds: 10, firstPollSeconds: 0, startLatencySeconds: 2 }],
    })
    const place = { queue: 'nightly', pool: 'etl' }
    const handOut = {
      ...place,
      poller: 'poller-1',
      dueAt: at(3),
      attempt: 1,
      outcome: 'started',
      finishedAs: 'COMPLETED',
    }
    const pool = { kind: 'pool', queue: null, pool: 'etl', limit: 5 }
    const queue = { kind: 'queue', ...place, limit: 1 }
    expect(history).toEqual({
      startedAt: start,
      endedAt: at(47),
      polls: 5,
      handOuts: [
        { ...handOut, run: 'nightly-1', at: at(10), startedAt: at(12), finishedAt: at(27) },
        { ...handOut, run: 'nightly-2', at: at(30), startedAt: at(32), finishedAt: at(47) },
      ],
      slots: [
        { at: start, ...pool, active: 0 },
        { at: start, kind: 'queue', queue: 'default', pool: 'etl', limit: null, active: 0 },
        { at: start, ...queue, active: 0 },
        { at: at(10), ...queue, active: 1 },
        { at: at(10), ...pool, active: 1 },
        { at: at(27), ...pool, active: 0 },
        { at: at(27), ...queue, active: 0 },
        { at: at(30), ...queue, active: 1 },
        { at: at(30), ...pool, active: 1 },
        { at: at(47), ...pool, active: 0 },
        { at: at(47), ...queue, active: 0 },
      ],
      settings: [],
      overshoots: [],
      late: [{ ...place, run: 'nightly-2', attempt: 1, dueAt: at(3), startedAt: at(32), lateBySeconds: 29 }],
      neverStarted: [],
      leases: noLeases,
    })
    expect(structuredClone(history)).toEqual(history)
    expect(JSON.parse(JSON.stringify(history))).toMatchObject({ startedAt: start.toISOString(), polls: 5 })
  })

  test.each(['claim', 'poll'] as const)('repeats exactly for the same seed, by %s', async (by) => {
    const history = await simulatePolling({ ...mixed, by, seed: 7 })
    expect(await simulatePolling({ ...mixed, by, seed: 7 })).toEqual(history)
    expect(await simulatePolling({ ...mixed, by, seed: 8 })).not.toEqual(history)
    const first = history.handOuts.filter(({ outcome, attempt }) => outcome === 'started' && attempt === 1)
    expect(first).toHaveLength(30)
    expect(history.handOuts.filter(({ finishedAs }) => finishedAs === 'FAILED').length).toBeGreaterThan(0)
  })

  test('the seed is 1 when it is not given', async () => {
    expect(await simulatePolling(mixed)).toEqual(await simulatePolling({ ...mixed, seed: 1 }))
  })

  test('hands out by priority, within the pool’s limit', async () => {
    const { handOuts } = await simulatePolling({
      ...etl,
      pools: [{ name: 'etl', concurrencyLimit: 2 }],
      runs: [
        { queue: 'nightly', count: 3, durationSeconds: 5 },
        { queue: 'urgent', count: 3, startSeconds: 5, durationSeconds: 5 },
      ],
    })
    expect(told(handOuts)).toEqual([
      '0 poller-1 nightly-1 started',
      '0 poller-1 nightly-2 started',
      '10 poller-1 urgent-1 started',
      '10 poller-1 urgent-2 started',
      '20 poller-1 urgent-3 started',
      '20 poller-1 nightly-3 started',
    ])
  })

  test('pauses, resumes and changes queues and pools while it goes on', async () => {
    const { handOuts, slots, settings } = await simulatePolling({
      ...etl,
      pools: [{ name: 'etl', isPaused: true }],
      runs: [
        { queue: 'nightly', durationSeconds: 5 },
        { queue: 'urgent', count: 2, durationSeconds: 5 },
      ],
      events: [
        { atSeconds: 15, pool: 'etl', isPaused: false },
        { atSeconds: 15, queue: 'urgent', pool: 'etl', isPaused: true },
        { atSeconds: 25, queue: 'urgent', concurrencyLimit: 1, isPaused: false },
      ],
    })
    expect(told(handOuts)).toEqual([
      '20 poller-1 nightly-1 started',
      '30 poller-1 urgent-1 started',
      '40 poller-1 urgent-2 started',
    ])
    expect(slots).toContainEqual({ at: at(25), kind: 'queue', queue: 'urgent', pool: 'etl', limit: 1, active: 0 })
    const urgent = { kind: 'queue', queue: 'urgent', pool: 'etl' }
    expect(settings).toEqual([
      { at: at(15), kind: 'pool', queue: null, pool: 'etl', isPaused: false },
      { at: at(15), ...urgent, isPaused: true },
      { at: at(25), ...urgent, isPaused: false, concurrencyLimit: 1 },
    ])
  })

  test('changes priorities while it goes on', async () => {
    const { handOuts } = await simulatePolling({
      ...etl,
      pools: [{ name: 'etl', concurrencyLimit: 1 }],
      runs: [
        { queue: 'nightly', durationSeconds: 5 },
        { queue: 'urgent', count: 2, durationSeconds: 5 },
      ],
      events: [{ atSeconds: 5, queue: 'nightly', priority: 1 }],
    })
    expect(told(handOuts)).toEqual([
      '0 poller-1 urgent-1 started',
      '10 poller-1 nightly-1 started',
      '20 poller-1 urgent-2 started',
    ])
  })

  test('tells what was late, and what was never started', async () => {
    const { late, neverStarted, endedAt } = await simulatePolling({
      ...etl,
      runs: [
        { queue: 'nightly', startSeconds: 5 },
        { queue: 'urgent', name: 'blocked', startSeconds: 40 },
        { queue: 'urgent', name: 'future', startSeconds: 200 },
      ],
      queues: [{ name: 'urgent', isPaused: true }, { name: 'nightly' }],
      lateAfterSeconds: 4.9,
      endSeconds: 100,
    })
    const blocked = { run: 'blocked-1', queue: 'urgent', pool: 'etl', dueAt: at(40) }
    expect(late).toEqual([
      { ...blocked, run: 'nightly-1', queue: 'nightly', attempt: 1, dueAt: at(5), startedAt: at(10), lateBySeconds: 5 },
      { ...blocked, attempt: 1, startedAt: null, lateBySeconds: 60 },
    ])
    expect(neverStarted).toEqual([blocked, { ...blocked, run: 'future-1', dueAt: at(200) }])
    expect(endedAt).toEqual(at(100))
  })

  test('begins when it is told, with the pool for agents by default, and ends at once when there is nothing to do', async () => {
    const begin = new Date('2035-05-05T05:05:05.555Z')
    const { handOuts } = await simulatePolling({
      start: begin,
      queues: [{ name: 'default', concurrencyLimit: 1 }],
      runs: [{ queue: 'default', startSeconds: 1 }],
      pollers: [{ firstPollSeconds: 1 }],
    })
    expect(handOuts).toMatchObject([{ at: addSeconds(begin, 1), queue: 'default', pool: 'default-agent-pool' }])
    expect(await simulatePolling({ pollers: [{}] })).toMatchObject({ endedAt: start, polls: 0, handOuts: [] })
  })
})
