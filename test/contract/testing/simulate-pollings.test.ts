import { createWorkPool, createWorkQueue, readFlowRuns, readWorkPools, readWorkQueueByName } from 'kysely-work-queues'
import {
  createTestSession,
  formatPolling,
  makeFlowRun,
  makeWorkPool,
  simulatePolling,
  simulatePollings,
  type SimulatePollingsOptions,
} from 'kysely-work-queues/testing'
import { describe, expect, test } from 'vitest'
import { describeOnDatabases } from '../../support/describe-databases.js'
import { at, etl, mixed } from './simulations.js'

const small = {
  ...etl,
  runs: [{ queue: 'nightly', count: 6, startSeconds: [0, 60], durationSeconds: [5, 30] }],
} satisfies SimulatePollingsOptions

describe('simulatePollings', () => {
  test('simulates with each seed as simulatePolling does', async () => {
    const { simulations } = await simulatePollings({ ...mixed, seeds: [7, 3] })
    expect(simulations.map(({ seed }) => seed)).toEqual([7, 3])
    for (const { seed, history } of simulations) expect(history).toEqual(await simulatePolling({ ...mixed, seed }))
  })

  test('takes ten seeds, or a number of them', async () => {
    const ten = await simulatePollings(small)
    expect(ten.simulations.map(({ seed }) => seed)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10])
    const two = await simulatePollings({ ...small, seeds: 2 })
    expect(two.simulations).toEqual(ten.simulations.slice(0, 2))
  })

  test('tells the least, the median and the most of every figure', async () => {
    const { simulations, spread } = await simulatePollings({ ...small, seeds: 3 })
    const waits = simulations.map(({ summary }) => summary.waits.p95Seconds ?? NaN).toSorted((a, b) => a - b)
    expect(new Set(waits).size).toBe(3)
    expect(spread.waits.p95Seconds).toEqual({ least: waits[0], median: waits[1], most: waits[2] })
    expect(spread.queues.find(({ queue }) => queue === 'nightly')).toMatchObject({
      pool: 'etl',
      started: { least: 6, median: 6, most: 6 },
      waits: spread.waits,
    })
    expect(spread.queues.find(({ queue }) => queue === 'urgent')?.waits.medianSeconds).toBe(null)
    expect(spread.slots[0]).toMatchObject({ kind: 'pool', queue: null, limit: null, utilization: null })
    expect(Object.keys(spread)).toEqual(Object.keys(simulations[0]!.summary))
  })

  test('a figure that some seeds do not have is that of the others', async () => {
    // With each seed the run is due at another time, before or after the end.
    const options = { ...etl, runs: [{ queue: 'nightly', startSeconds: [0, 100] as const }], endSeconds: 50, seeds: 8 }
    const { simulations, spread } = await simulatePollings(options)
    const waits = simulations.flatMap(({ summary }) => summary.waits.medianSeconds ?? [])
    expect(waits.length).toBeGreaterThan(0)
    expect(waits.length).toBeLessThan(8)
    expect(spread.waits.medianSeconds).toMatchObject({ least: Math.min(...waits), most: Math.max(...waits) })
  })

  test('makes a table of medians with the least and the most', async () => {
    const pollings = await simulatePollings({ ...small, seeds: 3 })
    const table = formatPolling(pollings)
    expect(table).toMatch(/^3 seeds: median \(least\.\.most\)\nSimulated [\d.]+ \([\d.]+\.\.[\d.]+\) s, /)
    expect(table).toMatch(/^etl\/nightly +6 +0 +\d/m)
    const { least, median, most } = pollings.spread.waits.longestSeconds!
    const short = (number: number): number => Math.round(number * 10) / 10
    expect(table).toContain(`${short(median)} s (${short(least)}..${short(most)})`)
    expect(formatPolling(await simulatePollings({ ...small, seeds: 1 }))).toMatch(/^1 seed: /)
  })

  test.each<[string, object]>([
    ['seeds', { seeds: 0 }],
    ['seeds', { seeds: [] }],
    ['seeds', { seeds: 10_001 }],
    ['seeds', { seeds: [0.5] }],
    ['seed', { seed: 1 }],
    ['claim', { by: 'poll', claim: async () => [] }],
    ['session', { session: 7 }],
    ['pollers', { pollers: undefined }],
  ])('refuses %s of %j', async (path, options) => {
    await expect(simulatePollings({ ...small, ...options })).rejects.toMatchObject({
      code: 'INVALID_INPUT',
      issues: [{ path }],
    })
  })
})

describeOnDatabases('simulatePollings in a session', (t) => {
  test('begins each time with what is there, and undoes it', async () => {
    const pool = await createWorkPool(t.db, { name: 'etl' })
    await createWorkQueue(t.db, { name: 'nightly', workPoolId: pool.id, concurrencyLimit: 1 })
    await makeFlowRun(t.db, { name: 'theirs', workQueueId: pool.defaultQueueId }, { now: at(0) })
    const before = [await readFlowRuns(t.db), await readWorkPools(t.db)]
    const { simulations } = await simulatePollings({ ...small, session: t.db, seeds: [4, 4, 5] })
    expect(await Promise.all([readFlowRuns(t.db), readWorkPools(t.db)])).toEqual(before)
    expect(simulations[0]!.history.handOuts.map(({ run }) => run)).toContain('theirs')
    expect(simulations[1]).toEqual(simulations[0])
    expect(simulations[2]!.history).not.toEqual(simulations[0]!.history)
  })

  test('undoes it in a transaction too, which goes on', async () => {
    await t.db.transaction().execute(async (session) => {
      await makeWorkPool(session, { name: 'mine' })
      const { simulations } = await simulatePollings({ ...small, session, seeds: [4, 4] })
      expect(simulations[1]).toEqual(simulations[0])
    })
    expect((await readWorkPools(t.db)).map(({ name }) => name)).toEqual(['mine'])
  })

  test('a claim that fails leaves nothing behind, in a transaction either', async () => {
    const claim = async (): Promise<string[]> => {
      throw new Error('mine')
    }
    await expect(simulatePollings({ ...small, session: t.db, claim })).rejects.toThrow('mine')
    await t.db.transaction().execute(async (session) => {
      await expect(simulatePollings({ ...small, session, claim })).rejects.toThrow('mine')
      await makeWorkPool(session, { name: 'mine' })
    })
    expect((await readWorkPools(t.db)).map(({ name }) => name)).toEqual(['mine'])
  })

  test('a claim of the host is made in the transaction that is undone', async () => {
    await createWorkPool(t.db, { name: 'etl' })
    const claim = async (session: typeof t.db): Promise<string[]> => {
      expect(session.isTransaction).toBe(true)
      expect(await readWorkQueueByName(session, 'nightly', { workPoolName: 'etl' })).toBeDefined()
      return []
    }
    await simulatePollings({ ...small, session: t.db, claim, seeds: 1, endSeconds: 20 })
  })
})

test('in a session of its own is what it is in another', async () => {
  await using session = await createTestSession()
  const { simulations } = await simulatePollings({ ...mixed, seeds: 1 })
  expect((await simulatePollings({ ...mixed, session, seeds: 1 })).simulations).toEqual(simulations)
})
