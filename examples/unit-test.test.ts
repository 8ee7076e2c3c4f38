// A host's queue policy, tested in-process: urgent runs start before nightly ones, and never more than two run at once.
// Runs under vitest; any other test runner does as well.

import type { Kysely } from 'kysely'
import {
  claimScheduledFlowRuns,
  createWorkPool,
  createWorkQueue,
  explainFlowRun,
  type WorkQueueTables,
} from 'kysely-work-queues'
import {
  completeFlowRun,
  createTestClock,
  createTestSession,
  makeFlowRuns,
  simulatePolling,
  startFlowRun,
} from 'kysely-work-queues/testing'
import { expect, test } from 'vitest'

/** The host's code under test: how it sets up its pool and queues. */
async function setUpQueues(db: Kysely<WorkQueueTables>) {
  const pool = await createWorkPool(db, { name: 'etl', concurrencyLimit: 2 })
  const nightly = await createWorkQueue(db, { name: 'nightly', workPoolId: pool.id, priority: 20 })
  const urgent = await createWorkQueue(db, { name: 'urgent', workPoolId: pool.id, priority: 10 })
  return { pool, nightly, urgent }
}

test('urgent runs start before nightly ones, two at once', async () => {
  await using db = await createTestSession()
  const clock = createTestClock()
  const { pool, nightly, urgent } = await setUpQueues(db)
  const claim = async (): Promise<string[]> => {
    const now = clock.now()
    const claimed = await claimScheduledFlowRuns(db, { workPoolIds: [pool.id], scheduledBefore: now, now })
    return claimed.map(({ flowRun }) => flowRun.name)
  }

  await makeFlowRuns(db, 2, { workQueueId: nightly.id }, { now: clock.now() })
  clock.advance({ minutes: 5 })
  const [first] = await makeFlowRuns(db, 3, { workQueueId: urgent.id }, { now: clock.now() })
  expect(await claim()).toEqual(['run-3', 'run-4'])
  expect(await claim()).toEqual([])

  await startFlowRun(db, first!.id, { now: clock.now() })
  clock.advance({ minutes: 1 })
  await completeFlowRun(db, first!.id, { now: clock.now() })
  expect(await claim()).toEqual(['run-5'])
})

test('a nightly run that waits says what it waits for', async () => {
  await using db = await createTestSession()
  const { now } = createTestClock()
  const { nightly, urgent } = await setUpQueues(db)
  await makeFlowRuns(db, 2, { workQueueId: urgent.id }, { now: now() })
  const [waiting] = await makeFlowRuns(db, 1, { workQueueId: nightly.id }, { now: now() })
  const { handedOut, reasons } = await explainFlowRun(db, waiting!.id, { now: now() })
  expect(handedOut).toBe(false)
  expect(reasons).toContainEqual(expect.objectContaining({ kind: 'behind', scope: 'pool', runs: 2, openSlots: 2 }))
})

test('an hour of a busy night: nothing urgent is late, and never more than two runs are active', async () => {
  await using session = await createTestSession()
  await setUpQueues(session)
  const { handOuts, late, overshoots, slots } = await simulatePolling({
    session,
    seed: 42,
    runs: [
      { queue: 'nightly', count: 40, durationSeconds: [30, 90] },
      { queue: 'urgent', count: 10, startSeconds: [0, 3000], durationSeconds: [10, 30] },
    ],
    // Three workers, which now and then crash with what they have claimed.
    pollers: [{ count: 3, everySeconds: 10, crashProbability: 0.02 }],
    lateAfterSeconds: 120,
  })
  expect(handOuts.length).toBeGreaterThan(50)
  expect(overshoots).toEqual([])
  expect(Math.max(...slots.filter(({ kind }) => kind === 'pool').map(({ active }) => active))).toBe(2)
  expect(late.filter(({ queue }) => queue === 'urgent')).toEqual([])
})
