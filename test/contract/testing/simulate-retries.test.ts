import { readFlowRuns } from 'kysely-work-queues'
import { createTestSession, simulatePolling } from 'kysely-work-queues/testing'
import { describe, expect, test } from 'vitest'
import { at, etl, start, told } from './simulations.js'

describe('simulatePolling, of runs that fail,', () => {
  test('retries them as often and as late as it is told, each time with a start time of its own', async () => {
    await using session = await createTestSession()
    const { handOuts, late, neverStarted, endedAt } = await simulatePolling({
      ...etl,
      session,
      runs: [{ queue: 'nightly', durationSeconds: 5, failProbability: 1, retries: 2, retryDelaySeconds: 12 }],
      lateAfterSeconds: 2,
    })
    expect(
      handOuts.map(({ attempt, dueAt, startedAt, finishedAt, finishedAs }) => [
        attempt,
        dueAt,
        startedAt,
        finishedAt,
        finishedAs,
      ]),
    ).toEqual([
      [1, start, start, at(5), 'FAILED'],
      [2, at(17), at(20), at(25), 'FAILED'],
      [3, at(37), at(40), at(45), 'FAILED'],
    ])
    expect(late.map(({ attempt, dueAt, lateBySeconds }) => [attempt, dueAt, lateBySeconds])).toEqual([
      [2, at(17), 3],
      [3, at(37), 3],
    ])
    expect(neverStarted).toEqual([])
    expect(endedAt).toEqual(at(45))
    const [run] = await readFlowRuns(session)
    expect(run).toMatchObject({ stateType: 'FAILED', runCount: 3 })
    const states = await session
      .selectFrom('flow_run_state')
      .select('name')
      .orderBy('timestamp')
      .orderBy('id')
      .execute()
    const attempt = ['Pending', 'Running', 'Failed']
    expect(states.map(({ name }) => name).join(' ')).toBe(
      `Scheduled ${[attempt, attempt, attempt].map((names) => names.join(' ')).join(' AwaitingRetry ')}`,
    )
  })

  test('frees the slot between two attempts, for others too', async () => {
    const { handOuts, overshoots } = await simulatePolling({
      ...etl,
      queues: [{ name: 'nightly', concurrencyLimit: 1 }],
      runs: [
        { queue: 'nightly', name: 'failing', durationSeconds: 5, failProbability: 1, retries: 1, retryDelaySeconds: 1 },
        { queue: 'nightly', name: 'other', startSeconds: 1, durationSeconds: 15 },
      ],
    })
    expect(told(handOuts)).toEqual([
      '0 poller-1 failing-1 started',
      '10 poller-1 other-1 started',
      '30 poller-1 failing-1 started',
    ])
    expect(overshoots).toEqual([])
  })

  test('fails about as many as it is told', async () => {
    const options = { ...etl, runs: [{ queue: 'nightly', count: 80, durationSeconds: [1, 9] as const }] }
    const failing = { ...options, runs: options.runs.map((runs) => ({ ...runs, failProbability: 0.25 })) }
    const { handOuts } = await simulatePolling(failing)
    const failed = handOuts.filter(({ finishedAs }) => finishedAs === 'FAILED').length
    expect(failed).toBeGreaterThan(12)
    expect(failed).toBeLessThan(28)
    expect(handOuts).toHaveLength(80)
  })

  test('a retry that nobody takes up is late, and the run was started all the same', async () => {
    const { late, neverStarted } = await simulatePolling({
      ...etl,
      runs: [{ queue: 'nightly', durationSeconds: 5, failProbability: 1, retries: 1, retryDelaySeconds: 10 }],
      events: [{ atSeconds: 8, queue: 'nightly', isPaused: true }],
      endSeconds: 100,
    })
    expect(late).toMatchObject([{ attempt: 2, dueAt: at(15), startedAt: null, lateBySeconds: 85 }])
    expect(neverStarted).toEqual([])
  })

  test('by polls, a poller that comes too late does not start the retry of another’s run as well', async () => {
    const { handOuts } = await simulatePolling({
      ...etl,
      by: 'poll',
      runs: [{ queue: 'nightly', durationSeconds: 5, failProbability: 1, retries: 1, retryDelaySeconds: 0 }],
      pollers: [
        { name: 'slow', firstPollSeconds: 0, everySeconds: 100, startLatencySeconds: 12 },
        { name: 'fast', firstPollSeconds: 1, everySeconds: 9, startLatencySeconds: 0 },
      ],
    })
    expect(told(handOuts)).toEqual([
      '0 slow-1 nightly-1 refused',
      '1 fast-1 nightly-1 started',
      '10 fast-1 nightly-1 started',
    ])
  })
})

describe('simulatePolling, of pollers with a capacity,', () => {
  test('asks for what they have room for, and does not poll while they have none', async () => {
    const { handOuts, polls } = await simulatePolling({
      ...etl,
      runs: [{ queue: 'nightly', count: 5, durationSeconds: 25 }],
      pollers: [{ firstPollSeconds: 0, everySeconds: 10, startLatencySeconds: 12, capacity: 2 }],
    })
    expect(told(handOuts)).toEqual([
      '0 poller-1 nightly-1 started',
      '0 poller-1 nightly-2 started',
      '40 poller-1 nightly-3 started',
      '40 poller-1 nightly-4 started',
      '80 poller-1 nightly-5 started',
    ])
    // At 0, 40, 80, and at 90, 100 and 110 while there was room for one more.
    expect(polls).toBe(6)
  })

  test('asks for no more than the limit of a poll', async () => {
    const { handOuts } = await simulatePolling({
      ...etl,
      runs: [{ queue: 'nightly', count: 3, durationSeconds: 25 }],
      pollers: [{ firstPollSeconds: 0, everySeconds: 10, startLatencySeconds: 0, capacity: 2, limit: 1 }],
    })
    expect(handOuts.map(({ at: time }) => time)).toEqual([at(0), at(10), at(30)])
  })

  test('holds by polls too', async () => {
    const { handOuts } = await simulatePolling({
      ...etl,
      by: 'poll',
      runs: [{ queue: 'nightly', count: 3, durationSeconds: 25 }],
      pollers: [{ count: 2, firstPollSeconds: 0, everySeconds: 10, startLatencySeconds: 1, capacity: 1 }],
    })
    expect(told(handOuts)).toEqual([
      '0 poller-1 nightly-1 started',
      '0 poller-2 nightly-1 refused',
      '10 poller-2 nightly-2 started',
      '30 poller-1 nightly-3 started',
    ])
  })

  test('a poller of no capacity never polls, and one that crashed has room again', async () => {
    const none = await simulatePolling({
      ...etl,
      runs: [{ queue: 'nightly' }],
      pollers: [{ capacity: 0 }],
      endSeconds: 100,
    })
    expect(none).toMatchObject({ polls: 0, handOuts: [], endedAt: at(100) })
    const started: number[] = []
    for (const seed of [1, 2, 3, 4]) {
      const { handOuts } = await simulatePolling({
        ...etl,
        seed,
        runs: [{ queue: 'nightly', count: 20, durationSeconds: 1000 }],
        pollers: [{ firstPollSeconds: 0, startLatencySeconds: 0, capacity: 2, limit: 1, crashProbability: 0.5 }],
        endSeconds: 900,
      })
      started.push(handOuts.filter(({ outcome }) => outcome === 'started').length)
    }
    // One that counted what it had started before would never start more than two.
    expect(Math.max(...started)).toBeGreaterThan(2)
  })
})
