import {
  type FlowRun,
  readFlowRuns,
  readFlowRunStates,
  readLeases,
  readWorkers,
  readWorkPoolStats,
  readWorkQueueStats,
} from 'kysely-work-queues'
import { RELEASED } from 'kysely-work-queues/rules'
import { createTestClock, createTestSession } from 'kysely-work-queues/testing'
import { expect, test } from 'vitest'
import { Load } from '../../../examples/dashboard/load.js'

const SECONDS = 64

/** What was to be seen at each step, in words. */
async function watchLoad(seed: number): Promise<{ seen: string[]; runs: string[]; messages: string[] }> {
  await using db = await createTestSession()
  const clock = createTestClock()
  const load = await Load.setUp(db, { seed, start: clock.now() })
  const seen: string[] = []
  for (let step = 0; step < SECONDS * 2; step++) {
    const now = clock.advance({ seconds: 0.5 })
    await load.step(now)
    const pools = await readWorkPoolStats(db, { now })
    const queues = await readWorkQueueStats(db, { now })
    for (const { concurrencyLimit, active } of [...pools, ...queues]) {
      expect(active).toBeLessThanOrEqual(concurrencyLimit ?? Infinity)
    }
    const expired = (await readLeases(db)).filter(({ expiresAt }) => expiresAt <= now).length
    const [etl] = pools
    const online = (await readWorkers(db, etl?.workPoolId ?? '', { status: ['ONLINE'] })).map(({ name }) => name)
    const backfill = queues.find(({ workQueueName }) => workQueueName === 'backfill')
    seen.push(
      `held ${etl?.active}, waiting ${backfill?.scheduled}, expired ${expired}, online ${online.toSorted().join(' ')}`,
    )
  }
  const runs = await readFlowRuns(db, { orderBy: 'created' })
  const messages: string[] = []
  for (const { id } of runs) {
    for (const { message } of await readFlowRunStates(db, id)) if (message !== null) messages.push(message)
  }
  return { seen, runs: runs.map(inWords).toSorted(), messages }
}

function inWords({ name, stateType, endTime, runCount }: FlowRun): string {
  return `${name} ${stateType} ${endTime?.toISOString()} ${runCount}`
}

test('the load is the same for the same seed: a queue fills, limits hold, a worker dies and its slots come back', async () => {
  const { seen, runs, messages } = await watchLoad(1)
  const again = await watchLoad(1)
  expect(again.seen).toEqual(seen)
  expect(again.runs).toEqual(runs)
  expect((await watchLoad(2)).seen).not.toEqual(seen)

  const of = (what: string): number[] => seen.map((line) => Number(new RegExp(`${what} (\\d+)`).exec(line)?.[1]))
  expect(Math.max(...of('held'))).toBe(6)
  expect(Math.max(...of('waiting'))).toBeGreaterThan(15)
  expect(runs.filter((run) => run.includes('COMPLETED')).length).toBeGreaterThan(30)

  // Its leases expire, upkeep releases them, it is OFFLINE, and another comes in its place.
  const expired = of('expired')
  expect(Math.max(...expired)).toBeGreaterThan(0)
  expect(expired.at(-1)).toBe(0)
  expect(messages.filter((message) => message.startsWith(RELEASED)).length).toBeGreaterThan(0)
  const [, first] = /online (.*)/.exec(seen[10] ?? '') ?? []
  expect(first).toBe('ada grace')
  expect(seen.some((line) => /online (ada|grace)$/.test(line))).toBe(true)
  expect(seen.some((line) => /online .*-2/.test(line))).toBe(true)
})
