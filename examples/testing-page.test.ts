// The code of docs/testing.md, run. `npm run docs:pictures` draws its pictures anew.
// Runs under vitest; any other test runner does as well.

import { type Kysely } from 'kysely'
import { claimScheduledFlowRuns, type WorkQueueTables } from 'kysely-work-queues'
import {
  completeFlowRun,
  createTestClock,
  createTestSession,
  drawPolling,
  formatPolling,
  makeFlowRuns,
  makeWorkPool,
  makeWorkQueue,
  type SimulatedPolicy,
  simulatePolling,
  simulatePollings,
  startFlowRun,
  summarizePolling,
} from 'kysely-work-queues/testing'
import { expect, test } from 'vitest'

test('one at a time', async () => {
  await using session = await createTestSession()
  const { now, advance } = createTestClock()
  const { id: workPoolId } = await makeWorkPool(session, { concurrencyLimit: 1 })
  const { id: workQueueId } = await makeWorkQueue(session, { workPoolId })
  await makeFlowRuns(session, 2, { workQueueId }, { now: now() })

  const [first] = await claimScheduledFlowRuns(session, { now: now() })
  expect(first?.flowRun.name).toBe('run-1')
  expect(await claimScheduledFlowRuns(session, { now: now() })).toEqual([])

  await startFlowRun(session, first!.flowRun.id, { now: now() })
  advance({ minutes: 5 })
  await completeFlowRun(session, first!.flowRun.id, { now: now() })
  expect(await claimScheduledFlowRuns(session, { now: now() })).toHaveLength(1)
})

interface Database extends WorkQueueTables {
  invoice: { id: string; flow_run_id: string }
}

const invoices = {
  '2026-12-01_invoices': {
    async up(db: Kysely<any>) {
      await db.schema.createTable('invoice').addColumn('id', 'text').addColumn('flow_run_id', 'text').execute()
    },
  },
}

test('tables of mine beside the queues', async () => {
  await using session = await createTestSession<Database>({ migrations: invoices })
  const [run] = await makeFlowRuns(session, 1)
  await session.insertInto('invoice').values({ id: '1', flow_run_id: run!.id }).execute()
  expect(await session.selectFrom('invoice').selectAll().execute()).toHaveLength(1)
})

const busyHour: SimulatedPolicy = {
  pools: [{ name: 'etl', concurrencyLimit: 3 }],
  queues: [{ name: 'urgent', priority: 1, concurrencyLimit: 2 }, { name: 'nightly' }],
  runs: [
    { queue: 'urgent', count: 20, startSeconds: [0, 3000], durationSeconds: [10, 60] },
    { queue: 'nightly', count: 90, durationSeconds: [20, 60], failProbability: 0.1, retries: 2, retryDelaySeconds: 60 },
  ],
  pollers: [{ count: 3, capacity: 2, everySeconds: 10, crashProbability: 0.02 }],
  // At the worst of the backlog somebody pauses the queue, for ten minutes.
  events: [
    { atSeconds: 600, queue: 'nightly', isPaused: true },
    { atSeconds: 1200, queue: 'nightly', isPaused: false },
  ],
  lateAfterSeconds: 120,
}

test('a busy hour', async () => {
  const history = await simulatePolling({ seed: 42, ...busyHour })
  const { handOuts, overshoots, late, neverStarted, settings } = history
  expect(overshoots).toEqual([])
  expect(late.filter(({ queue }) => queue === 'urgent')).toEqual([])
  expect(neverStarted).toEqual([])

  const [paused, resumed] = settings.map(({ at }) => at)
  const whilePaused = handOuts.filter(({ at }) => at > paused! && at < resumed!)
  expect(whilePaused.map(({ queue }) => queue)).toContain('urgent')
  expect(whilePaused.map(({ queue }) => queue)).not.toContain('nightly')

  expect(formatPolling(history)).toMatchInlineSnapshot(`
    "Simulated 2631.7 s, 696 polls. Hand-outs: started 116, abandoned 1.

    queue        started  failed  late  never started  wait median      95 %   longest
    etl/default        0       0     0              0            -         -         -
    etl/nightly       96       6    87              0     1300.9 s  1924.8 s  1998.1 s
    etl/urgent        20       0     0              0        4.8 s    29.8 s    88.8 s
    all              116       6    87              0      568.9 s  1901.2 s  1998.1 s

    slots of           limit  most  mean  utilization  overshoots
    pool etl               3     3   1.8       58.6 %           0
    queue etl/default      -     0     0            -           0
    queue etl/nightly      -     3   1.5            -           0
    queue etl/urgent       2     2   0.3       14.1 %           0"
  `)
  await expect(drawPolling(history, { title: 'A busy hour' })).toMatchFileSnapshot('../docs/pictures/busy-hour.svg')
})

test('a busy hour, whatever the dice say', async () => {
  const { spread } = await simulatePollings({ seeds: 5, ...busyHour })
  expect(spread.overshoots.most).toBe(0)
  const urgent = spread.queues.find(({ queue }) => queue === 'urgent')
  expect(urgent?.waits.p95Seconds?.most).toBeLessThan(120)
})

const dyingWorkers: SimulatedPolicy = {
  queues: [{ name: 'nightly', concurrencyLimit: 3 }],
  runs: [{ queue: 'nightly', count: 30, startSeconds: [0, 900], durationSeconds: [30, 90] }],
  pollers: [{ count: 3, capacity: 2, deathProbability: 0.1, stallProbability: 0.2, stallSeconds: [30, 180] }],
  leases: { leaseSeconds: 60, sweepSeconds: 15, runningTo: 'SCHEDULED' },
}

test('workers that die, and some that come back', async () => {
  const { leases } = summarizePolling(await simulatePolling({ seed: 7, ...dyingWorkers }))
  expect(leases).toMatchInlineSnapshot(`
    {
      "deaths": 2,
      "doubles": 0,
      "failedRenewals": 0,
      "held": 0,
      "longestHeldSeconds": 68.403,
      "refused": 3,
      "released": 6,
      "renewals": 63,
      "stalls": 4,
    }
  `)

  const unfenced = { ...dyingWorkers, leases: { ...dyingWorkers.leases, fence: false } }
  const { leases: without } = summarizePolling(await simulatePolling({ seed: 7, ...unfenced }))
  expect(without.doubles).toBeGreaterThan(0)
})
