import { simulatePolling } from 'kysely-work-queues/testing'
import { describe, expect, test } from 'vitest'
import { at, etl, start, told } from './simulations.js'

describe('simulatePolling, of pollers that crash or come too late,', () => {
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
})
