import { addSeconds } from 'date-fns'
import { readFlowRuns, readWorkQueueByName } from 'kysely-work-queues'
import {
  createTestSession,
  type HandOut,
  makeFlowRun,
  makeWorkPool,
  makeWorkQueue,
  simulatePolling,
  type SimulatePollingOptions,
} from 'kysely-work-queues/testing'
import { describe, expect, test } from 'vitest'
import { databases } from '../support/databases.js'
import { describeOnDatabases } from '../support/describe-databases.js'

const start = new Date('2026-01-01T00:00:00.000Z')
const at = (seconds: number): Date => addSeconds(start, seconds)

/** Who was given what when, and what became of it. */
function told(handOuts: readonly HandOut[]): string[] {
  return handOuts.map(({ at, poller, run, outcome }) => `${(+at - +start) / 1000} ${poller} ${run} ${outcome}`)
}

/** A pool `etl` with the queue `urgent` before `nightly`, and pollers that look every ten seconds and start at once. */
const etl = {
  pools: [{ name: 'etl' }],
  queues: [{ name: 'urgent', priority: 1 }, { name: 'nightly' }],
  pollers: [{ everySeconds: 10, firstPollSeconds: 0, startLatencySeconds: 0 }],
} satisfies SimulatePollingOptions

/** A bit of everything that is drawn. */
const mixed = {
  pools: [{ name: 'etl', concurrencyLimit: 3 }],
  queues: [{ name: 'urgent', priority: 1, concurrencyLimit: 2 }, { name: 'nightly' }],
  runs: [
    { queue: 'urgent', count: 15, startSeconds: [0, 300], durationSeconds: [5, 30] },
    { queue: 'nightly', count: 15, durationSeconds: [5, 60] },
  ],
  pollers: [
    { count: 2, everySeconds: [5, 15], startLatencySeconds: [0, 5], crashProbability: 0.2 },
    { name: 'agent', queue: 'nightly', limit: 1 },
  ],
  events: [
    { atSeconds: 60, queue: 'urgent', isPaused: true },
    { atSeconds: 120, queue: 'urgent', isPaused: false },
    { atSeconds: 180, pool: 'etl', concurrencyLimit: 1 },
    { atSeconds: 240, pool: 'etl', concurrencyLimit: null },
  ],
} satisfies SimulatePollingOptions

describe('simulatePolling', () => {
  test('returns the history of who got what when, slots over time, and what was late', async () => {
    const history = await simulatePolling({
      pools: [{ name: 'etl', concurrencyLimit: 5 }],
      queues: [{ name: 'nightly', concurrencyLimit: 1 }],
      runs: [{ queue: 'nightly', count: 2, startSeconds: 3, durationSeconds: 15 }],
      pollers: [{ everySeconds: 10, firstPollSeconds: 0, startLatencySeconds: 2 }],
    })
    const place = { queue: 'nightly', pool: 'etl' }
    const handOut = { ...place, poller: 'poller-1', outcome: 'started' }
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
      overshoots: [],
      late: [{ ...place, run: 'nightly-2', dueAt: at(3), startedAt: at(32), lateBySeconds: 29 }],
      neverStarted: [],
    })
    expect(structuredClone(history)).toEqual(history)
    expect(JSON.parse(JSON.stringify(history))).toMatchObject({ startedAt: start.toISOString(), polls: 5 })
  })

  test.each(['claim', 'poll'] as const)('repeats exactly for the same seed, by %s', async (by) => {
    const history = await simulatePolling({ ...mixed, by, seed: 7 })
    expect(await simulatePolling({ ...mixed, by, seed: 7 })).toEqual(history)
    expect(await simulatePolling({ ...mixed, by, seed: 8 })).not.toEqual(history)
    expect(history.handOuts.filter(({ outcome }) => outcome === 'started')).toHaveLength(30)
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
    const { handOuts, slots } = await simulatePolling({
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

  test('a crashed poller leaves its runs PENDING, and they are given back when they are stale', async () => {
    const { handOuts, slots } = await simulatePolling({
      ...etl,
      queues: [{ name: 'nightly', concurrencyLimit: 1 }],
      runs: [{ queue: 'nightly', durationSeconds: 5 }],
      pollers: [
        { name: 'weak', firstPollSeconds: 0, crashProbability: 1, restartSeconds: null },
        { name: 'strong', firstPollSeconds: 5, everySeconds: 10, startLatencySeconds: 0 },
      ],
      staleAfterSeconds: 30,
    })
    expect(told(handOuts)).toEqual(['0 weak-1 nightly-1 abandoned', '35 strong-1 nightly-1 started'])
    const active = slots
      .filter(({ queue }) => queue === 'nightly')
      .map(({ at, active }) => [(+at - +start) / 1000, active])
    expect(active).toEqual([
      [0, 0],
      [0, 1],
      [30.001, 0],
      [35, 1],
      [40, 0],
    ])
  })

  test('a crashed poller polls again after its restart', async () => {
    const { handOuts, neverStarted, endedAt } = await simulatePolling({
      ...etl,
      runs: [{ queue: 'nightly' }],
      pollers: [{ everySeconds: 1, firstPollSeconds: 0, crashProbability: 1, restartSeconds: 100 }],
      staleAfterSeconds: 10,
      endSeconds: 250,
    })
    expect(told(handOuts)).toEqual([
      '0 poller-1 nightly-1 abandoned',
      '100 poller-1 nightly-1 abandoned',
      '200 poller-1 nightly-1 abandoned',
    ])
    expect(neverStarted).toEqual([{ run: 'nightly-1', queue: 'nightly', pool: 'etl', dueAt: start }])
    expect(endedAt).toEqual(at(250))
  })

  test('a claim that is given back before its poller starts it is lost to that poller', async () => {
    const { handOuts } = await simulatePolling({
      ...etl,
      runs: [{ queue: 'nightly', durationSeconds: 5 }],
      pollers: [
        { name: 'slow', firstPollSeconds: 0, everySeconds: 1000, startLatencySeconds: 60 },
        { name: 'fast', firstPollSeconds: 1, startLatencySeconds: 0 },
      ],
      staleAfterSeconds: 30,
    })
    expect(told(handOuts)).toEqual(['0 slow-1 nightly-1 released', '31 fast-1 nightly-1 started'])
  })

  test('by polls, the poller that comes second is refused, and asks no more for what it is about to start', async () => {
    const { handOuts } = await simulatePolling({
      ...etl,
      by: 'poll',
      runs: [{ queue: 'nightly', durationSeconds: 60 }],
      pollers: [
        { name: 'slow', firstPollSeconds: 0, everySeconds: 1, startLatencySeconds: 5 },
        { name: 'fast', firstPollSeconds: 1, everySeconds: 10, startLatencySeconds: 2 },
      ],
    })
    expect(told(handOuts)).toEqual(['0 slow-1 nightly-1 refused', '1 fast-1 nightly-1 started'])
  })

  test('by polls, what is lost is lost to a crash only once it is PENDING', async () => {
    const { handOuts } = await simulatePolling({
      ...etl,
      by: 'poll',
      runs: [{ queue: 'nightly', durationSeconds: 5 }],
      pollers: [
        { name: 'weak', firstPollSeconds: 0, startLatencySeconds: 2, crashProbability: 1, restartSeconds: null },
        { name: 'strong', firstPollSeconds: 5, everySeconds: 10, startLatencySeconds: 0 },
      ],
      staleAfterSeconds: 30,
    })
    expect(told(handOuts)).toEqual(['0 weak-1 nightly-1 abandoned', '35 strong-1 nightly-1 started'])
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
      { run: 'nightly-1', queue: 'nightly', pool: 'etl', dueAt: at(5), startedAt: at(10), lateBySeconds: 5 },
      { ...blocked, startedAt: null, lateBySeconds: 60 },
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

  test('simulates in the caller’s session with what that has, and leaves it as it ends', async () => {
    await using session = await createTestSession()
    const pool = await makeWorkPool(session, { name: 'etl', concurrencyLimit: 9 })
    const queue = await makeWorkQueue(session, { name: 'nightly', workPoolId: pool.id, concurrencyLimit: 1 })
    await makeFlowRun(session, { name: 'holder', workQueueId: queue.id, stateType: 'RUNNING' }, { now: at(-60) })
    await makeFlowRun(session, { name: 'theirs', workQueueId: queue.id }, { now: at(-60) })
    await makeFlowRun(session, { name: 'by-name', workQueueName: 'nightly' }, { now: at(-30) })
    const { handOuts, slots, overshoots, late } = await simulatePolling({
      session,
      pools: [{ name: 'etl', concurrencyLimit: 3 }],
      queues: [{ name: 'nightly', concurrencyLimit: 2 }],
      runs: [{ queue: 'nightly', durationSeconds: 5 }],
      pollers: [
        { firstPollSeconds: 0, startLatencySeconds: 0, queue: 'nightly' },
        { name: 'late', firstPollSeconds: 3000, pool: 'etl' },
      ],
    })
    expect(told(handOuts)).toEqual([
      '0 poller-1 theirs started',
      '60 poller-1 by-name started',
      '120 poller-1 nightly-1 started',
    ])
    expect(slots.slice(0, 3).map(({ kind, limit, active }) => [kind, limit, active])).toEqual([
      ['pool', 3, 1],
      ['queue', null, 0],
      ['queue', 2, 1],
    ])
    expect(overshoots).toEqual([])
    expect(late.map(({ run }) => run)).toEqual(['theirs', 'by-name', 'nightly-1'])

    const runs = await readFlowRuns(session)
    expect(runs.map(({ name, stateType, endTime }) => [name, stateType, endTime])).toEqual([
      ['holder', 'RUNNING', null],
      ['theirs', 'COMPLETED', at(60)],
      ['by-name', 'COMPLETED', at(120)],
      ['nightly-1', 'COMPLETED', at(125)],
    ])
    expect(await readWorkQueueByName(session, 'nightly', { workPoolName: 'etl' })).toMatchObject({
      concurrencyLimit: 2,
    })
  })
})

describeOnDatabases(
  'simulatePolling in a session',
  (t) => {
    test.each(['claim', 'poll'] as const)('has the same history on every database, by %s', async (by) => {
      const options = { ...mixed, by, pollSeconds: 2 }
      expect(await simulatePolling({ ...options, session: t.db })).toEqual(await simulatePolling(options))
    })
  },
  databases.filter(({ dialect, name }) => dialect === 'postgres' || name.includes('plugins')),
)
