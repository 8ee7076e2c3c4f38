import { claimScheduledFlowRuns, readFlowRuns, readLeases } from 'kysely-work-queues'
import {
  createTestSession,
  type HandOut,
  makeFlowRuns,
  makeWorkPool,
  simulatePolling,
  summarizePolling,
} from 'kysely-work-queues/testing'
import { describe, expect, test } from 'vitest'
import { one, pollers } from './leased.js'
import { at, start, told } from './simulations.js'

const ends = (handOuts: readonly HandOut[]): unknown[] =>
  handOuts.map(({ finishedAt, finishedAs }) => [finishedAt && (+finishedAt - +start) / 1000, finishedAs])

describe('simulatePolling with leases', () => {
  test('holds what goes well until it ends, however often that needs a renewal', async () => {
    await using session = await createTestSession()
    const { handOuts, leases, endedAt } = await simulatePolling({ ...one, session, pollers: pollers({}) })
    expect(told(handOuts)).toEqual(['0 weak-1 nightly-1 started'])
    // At 4, 8 and so on, a third of the lease.
    expect(leases).toMatchObject({ renewals: 7, failedRenewals: 0, deaths: [], releases: [], held: [] })
    expect(endedAt).toEqual(at(30))
  })

  test('a poller that dies while it runs something leaves it CRASHED, and its slot free after lease and sweep', async () => {
    await using session = await createTestSession()
    const history = await simulatePolling({ ...one, session, pollers: pollers({ deathProbability: 1 }) })
    const { leases, handOuts, slots } = history
    const [death] = leases.deaths
    expect(leases.deaths).toEqual([{ at: death!.at, poller: 'weak-1', runs: ['nightly-1'] }])
    const diedAt = (+death!.at - +start) / 1000
    expect(diedAt).toBeGreaterThan(0)
    expect(diedAt).toBeLessThan(30)
    // The last renewal was at a multiple of 4; the first sweep after its 12 s is at one of 5.
    const releasedAt = Math.ceil((Math.floor(diedAt / 4) * 4 + 12) / 5) * 5
    expect(leases.releases).toEqual([
      {
        at: at(releasedAt),
        run: 'nightly-1',
        queue: 'nightly',
        pool: 'etl',
        poller: 'weak-1',
        from: 'RUNNING',
        to: 'CRASHED',
        deadSeconds: (+at(releasedAt) - +death!.at) / 1000,
      },
    ])
    expect(told(handOuts)).toEqual(['0 weak-1 nightly-1 started'])
    expect(ends(handOuts)).toEqual([[releasedAt, 'CRASHED']])
    expect(slots.filter(({ queue }) => queue === 'nightly').map(({ active }) => active)).toEqual([0, 1, 0])
    expect(await readFlowRuns(session)).toMatchObject([{ stateType: 'CRASHED' }])
    expect(history.endedAt).toEqual(at(releasedAt))
    expect(summarizePolling(history).leases).toMatchObject({
      deaths: 1,
      released: 1,
      held: 0,
      longestHeldSeconds: leases.releases[0]!.deadSeconds,
    })
  })

  test('where runs may be started twice, the next poller does so', async () => {
    const { leases, handOuts, late } = await simulatePolling({
      ...one,
      leases: { ...one.leases, runningTo: 'SCHEDULED' },
      pollers: pollers({ deathProbability: 1 }),
    })
    const [release] = leases.releases
    expect(release).toMatchObject({ from: 'RUNNING', to: 'SCHEDULED' })
    expect(handOuts.map(({ poller, attempt, finishedAs }) => [poller, attempt, finishedAs])).toEqual([
      ['weak-1', 1, 'SCHEDULED'],
      ['strong-1', 2, 'COMPLETED'],
    ])
    expect(handOuts[1]!.dueAt).toEqual(release!.at)
    expect(late).toEqual([])
  })

  test('a retry is not used up by a release', async () => {
    const { handOuts } = await simulatePolling({
      ...one,
      runs: [{ queue: 'nightly', durationSeconds: 30, failProbability: 1, retries: 1 }],
      leases: { ...one.leases, runningTo: 'SCHEDULED' },
      pollers: pollers({ deathProbability: 1 }),
    })
    expect(handOuts.map(({ poller, finishedAs }) => [poller, finishedAs])).toEqual([
      ['weak-1', 'SCHEDULED'],
      ['strong-1', 'FAILED'],
      ['strong-1', 'FAILED'],
    ])
  })

  test('a poller that crashes before it starts what it was given dies with all that it runs', async () => {
    const runs = [
      { queue: 'nightly', durationSeconds: 100 },
      { queue: 'nightly', startSeconds: 5, durationSeconds: 10 },
    ]
    // With this seed it crashes when it is given its second run, and not the first.
    const { handOuts, leases } = await simulatePolling({
      ...one,
      runs,
      seed: 5,
      pollers: [
        {
          name: 'weak',
          firstPollSeconds: 0,
          everySeconds: 5,
          startLatencySeconds: 2,
          crashProbability: 0.5,
          restartSeconds: null,
        },
        { name: 'strong', firstPollSeconds: 6, everySeconds: 10, startLatencySeconds: 0 },
      ],
    })
    expect(leases.deaths).toEqual([{ at: at(5), poller: 'weak-1', runs: ['nightly-1', 'nightly-2'] }])
    expect(leases.releases.map(({ run, from, to }) => [run, from, to])).toEqual([
      ['nightly-1', 'RUNNING', 'CRASHED'],
      ['nightly-2', 'PENDING', 'SCHEDULED'],
    ])
    expect(told(handOuts)).toEqual([
      '0 weak-1 nightly-1 started',
      '5 weak-1 nightly-2 abandoned',
      '26 strong-1 nightly-2 started',
    ])
  })

  test('one that comes back claims in another name, and leaves what it had before alone', async () => {
    const holders = new Set<string | undefined>()
    const { leases } = await simulatePolling({
      ...one,
      runs: [{ queue: 'nightly', count: 4, startSeconds: [0, 200], durationSeconds: 30 }],
      pollers: [
        { firstPollSeconds: 0, everySeconds: 5, startLatencySeconds: 0, deathProbability: 1, restartSeconds: 1 },
      ],
      claim: async (session, { holder, leaseSeconds, workPoolIds, limit, now }) => {
        holders.add(holder)
        const claimed = await claimScheduledFlowRuns(session, { holder, leaseSeconds, workPoolIds, limit, now })
        return claimed.map(({ flowRun }) => flowRun.id)
      },
    })
    expect([...holders].slice(0, 2)).toEqual(['poller-1', 'poller-1 (2)'])
    expect(leases.releases).toHaveLength(4)
    for (const { deadSeconds } of leases.releases) expect(deadSeconds).toBeLessThanOrEqual(12 + 5)
  })

  test('without leases the slots of the dead are never free', async () => {
    const history = await simulatePolling({
      ...one,
      leases: undefined,
      queues: [{ name: 'nightly', concurrencyLimit: 1 }],
      runs: [{ queue: 'nightly', count: 2, durationSeconds: 30 }],
      pollers: pollers({ deathProbability: 1 }),
      endSeconds: 500,
    })
    const { held, deaths } = history.leases
    expect(told(history.handOuts)).toEqual(['0 weak-1 nightly-1 started'])
    expect(held).toEqual([{ run: 'nightly-1', queue: 'nightly', pool: 'etl', poller: 'weak-1', since: deaths[0]!.at }])
    expect(history.neverStarted.map(({ run }) => run)).toEqual(['nightly-2'])
    expect(summarizePolling(history).leases.longestHeldSeconds).toBe((+at(500) - +deaths[0]!.at) / 1000)
  })
})

describe('simulatePolling of leases in a session', () => {
  test('a run that kills all who claim it comes to an end', async () => {
    const { handOuts, leases, neverStarted } = await simulatePolling({
      ...one,
      leases: { ...one.leases, maxReleases: 2 },
      pollers: [{ firstPollSeconds: 0, everySeconds: 10, crashProbability: 1, restartSeconds: 1 }],
    })
    expect(handOuts.map(({ outcome }) => outcome)).toEqual(['abandoned', 'abandoned', 'abandoned'])
    expect(leases.releases.map(({ to }) => to)).toEqual(['SCHEDULED', 'SCHEDULED', 'CRASHED'])
    expect(neverStarted.map(({ run }) => run)).toEqual(['nightly-1'])
  })

  test('leases of others that nobody renews any more are released, and waited for', async () => {
    await using session = await createTestSession()
    const pool = await makeWorkPool(session, { name: 'etl' })
    await makeFlowRuns(session, 1, { name: 'theirs', workQueueId: pool.defaultQueueId }, { now: at(-90) })
    await claimScheduledFlowRuns(session, { holder: 'gone', leaseSeconds: 100, now: at(-60) })
    const { handOuts, leases, endedAt } = await simulatePolling({
      session,
      leases: { sweepSeconds: 30 },
      pollers: [{ firstPollSeconds: 1, everySeconds: 10, startLatencySeconds: 0 }],
    })
    expect(handOuts.map(({ at: time, poller }) => [time, poller])).toEqual([[at(61), 'poller-1']])
    expect(leases.releases).toEqual([])
    expect(endedAt).toEqual(at(121))
    expect(await readLeases(session)).toEqual([])
  })
})
