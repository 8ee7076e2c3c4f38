import type { Kysely } from 'kysely'
import { type FlowRun, readFlowRuns, readFlowRunStates, type WorkQueueTables } from 'kysely-work-queues'
import {
  createTestSession,
  simulatePolling,
  type SimulatePollingOptions,
  summarizePolling,
} from 'kysely-work-queues/testing'
import { describe, expect, test } from 'vitest'
import { one, pollers } from './leased.js'
import { at, told } from './simulations.js'

describe('simulatePolling of holders that stall', () => {
  const stalling = {
    ...one,
    leases: { ...one.leases, runningTo: 'SCHEDULED' },
    runs: [{ queue: 'nightly', durationSeconds: [20, 40] }],
    pollers: pollers({ stallProbability: 1, stallSeconds: 60 }),
  } satisfies SimulatePollingOptions

  test('refuses what they write when they come back', async () => {
    await using session = await createTestSession()
    const { handOuts, leases } = await simulatePolling({ ...stalling, session })
    const [stall] = leases.stalls
    expect(stall).toMatchObject({ poller: 'weak-1', runs: ['nightly-1'], until: new Date(+stall!.at + 60_000) })
    expect(handOuts.map(({ poller, finishedAs }) => [poller, finishedAs])).toEqual([
      ['weak-1', 'SCHEDULED'],
      ['strong-1', 'COMPLETED'],
    ])
    expect(leases.releases).toMatchObject([{ poller: 'weak-1', deadSeconds: null }])
    expect(leases.doubles).toEqual([])
    const [run] = await readFlowRuns(session)
    expect(await statesOf(session, run!)).toBe('SCHEDULED PENDING RUNNING SCHEDULED PENDING RUNNING COMPLETED')
  })

  test('without the fence, a run is run by two at once', async () => {
    // With this seed a renewal is due in the stall before the end is.
    const [seed, runs] = [2, [{ queue: 'nightly', durationSeconds: 50 }]]
    const fenced = await simulatePolling({ ...stalling, seed, runs })
    expect(fenced.leases.refusals).toEqual([
      {
        at: fenced.leases.stalls[0]!.until,
        run: 'nightly-1',
        queue: 'nightly',
        pool: 'etl',
        poller: 'weak-1',
        stateType: 'COMPLETED',
      },
    ])
    expect(summarizePolling(fenced).leases).toMatchObject({ refused: 1, doubles: 0, held: 0 })

    const { leases } = await simulatePolling({ ...stalling, seed, runs, leases: { ...stalling.leases, fence: false } })
    expect(leases.refusals).toEqual([])
    expect(leases.doubles).toEqual([{ ...fenced.leases.refusals[0]!, holder: 'strong-1' }])
  })

  test('one that learns from its renewal that it has lost a run stops the work, and writes nothing', async () => {
    const { leases, handOuts } = await simulatePolling({
      ...stalling,
      seed: 2,
      runs: [{ queue: 'nightly', durationSeconds: 500 }],
      pollers: pollers({ stallProbability: 1, stallSeconds: 20 }),
    })
    expect(leases.releases).toHaveLength(1)
    expect(leases.refusals).toEqual([])
    expect(handOuts.map(({ poller, finishedAs }) => [poller, finishedAs])).toEqual([
      ['weak-1', 'SCHEDULED'],
      ['strong-1', 'COMPLETED'],
    ])
  })

  test('a stall shorter than the lease costs nothing', async () => {
    const { leases, handOuts } = await simulatePolling({
      ...stalling,
      pollers: pollers({ stallProbability: 1, stallSeconds: 7 }),
    })
    expect(leases).toMatchObject({ stalls: [{ poller: 'weak-1' }], releases: [], refusals: [] })
    expect(told(handOuts)).toEqual(['0 weak-1 nightly-1 started'])
  })
})

describe('simulatePolling of renewals that fail', () => {
  test('nothing is lost while one succeeds before the release', async () => {
    const { leases, handOuts } = await simulatePolling({
      ...one,
      runs: [{ queue: 'nightly', count: 20, durationSeconds: 60 }],
      pollers: pollers({ renewalFailProbability: 0.2, renewalFailSeconds: 7 }),
      leases: { leaseSeconds: 12, renewSeconds: 2, sweepSeconds: 1 },
    })
    expect(leases.failedRenewals).toBeGreaterThan(5)
    expect(leases.failedRenewals).toBeLessThan(leases.renewals)
    expect(leases).toMatchObject({ releases: [], refusals: [] })
    expect(handOuts.every(({ finishedAs }) => finishedAs === 'COMPLETED')).toBe(true)
  })

  test('one that has expired is renewed as long as nobody has released it', async () => {
    const { leases } = await simulatePolling({
      ...one,
      runs: [{ queue: 'nightly', durationSeconds: 44 }],
      // Renewals at 20 and 40, of leases that end at 12 and 32; sweeps at 30 and 60.
      leases: { leaseSeconds: 12, renewSeconds: 20, sweepSeconds: 45 },
      pollers: pollers({}),
    })
    expect(leases).toMatchObject({ renewals: 2, releases: [] })
  })

  test('when all fail, all is lost', async () => {
    const { leases } = await simulatePolling({ ...one, pollers: pollers({ renewalFailProbability: 1 }) })
    expect(leases.releases).toMatchObject([{ at: at(15), poller: 'weak-1', to: 'CRASHED', deadSeconds: null }])
    expect(leases.failedRenewals).toBe(leases.renewals)
    expect(leases.refusals).toMatchObject([{ at: at(30), stateType: 'COMPLETED' }])
  })
})

async function statesOf(session: Kysely<WorkQueueTables>, run: FlowRun): Promise<string> {
  return (await readFlowRunStates(session, run.id)).map(({ type }) => type).join(' ')
}
