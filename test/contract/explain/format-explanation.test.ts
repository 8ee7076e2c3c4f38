import {
  createFlowRuns,
  createWorkPool,
  createWorkQueue,
  explainFlowRun,
  explainWorkQueue,
  formatExplanation,
  recordWorkerHeartbeat,
  recordWorkQueuePolls,
  setFlowRunState,
} from 'kysely-work-queues'
import { expect, test } from 'vitest'
import { describeOnDatabases } from '../../support/describe-databases.js'
import { testId } from '../../support/factory.js'
import { ago, now } from './places.js'

describeOnDatabases('formatExplanation', (t) => {
  test('writes a line for the verdict and one for each reason', async () => {
    const pool = await createWorkPool(t.db, { name: 'etl', type: 'process' }, { now })
    const queue = await createWorkQueue(
      t.db,
      { name: 'say "hi"', workPoolId: pool.id, concurrencyLimit: 1, isPaused: true },
      { now },
    )
    await createFlowRuns(
      t.db,
      [
        { id: testId(1), name: 'holder', workQueueId: queue.id },
        { id: testId(2), name: 'first', workQueueId: queue.id, nextScheduledStartTime: ago(2) },
        { id: testId(3), name: 'second', workQueueId: queue.id, nextScheduledStartTime: ago(1) },
      ],
      { now: ago(9000) },
    )
    await setFlowRunState(t.db, testId(1), { type: 'RUNNING' }, { now: ago(8000) })
    expect(formatExplanation(await explainFlowRun(t.db, testId(3), { by: 'poll', now }))).toBe(
      `Flow run ${testId(3)} is not handed out:
  - The work queue "say \\"hi\\"" is paused.
  - The work queue "say \\"hi\\"" has no open slot of 1: held by "holder" (RUNNING since 2035-01-01T11:59:52.123Z).
  - It is behind 1 run in its queue (1 of "say \\"hi\\"", priority 2), and the next poll hands out 0.
  - The work queue "say \\"hi\\"" was never polled.
  - The work pool "etl" has no worker online.`,
    )
  })

  test('writes that a run is handed out', async () => {
    const pool = await createWorkPool(t.db, { name: 'etl' }, { now })
    await recordWorkQueuePolls(t.db, {
      polledWorkQueueIds: [pool.defaultQueueId as string],
      readyWorkQueueIds: [],
      now,
    })
    await createFlowRuns(t.db, [{ id: testId(1), workQueueId: pool.defaultQueueId, nextScheduledStartTime: now }])
    expect(formatExplanation(await explainFlowRun(t.db, testId(1), { by: 'poll', now }))).toBe(
      `Flow run ${testId(1)} is handed out:
  - The next poll hands it out.`,
    )
  })

  test('writes how a work queue is doing', async () => {
    const pool = await createWorkPool(t.db, { name: 'etl', type: 'process', concurrencyLimit: 3 }, { now })
    const queue = await createWorkQueue(t.db, { name: 'nightly', workPoolId: pool.id }, { now })
    expect(formatExplanation(await explainWorkQueue(t.db, queue.id, { now }))).toBe(
      `Work queue "nightly" of work pool "etl": NOT_READY
  scheduled 0, due 0, late 0, active 0
  slots: queue no limit, pool 3 open
  next start: none; last polled: never
  - No run is due, and none is scheduled to become due.
  - The work queue "nightly" was never polled.
  - The work pool "etl" has no worker online.`,
    )

    await createFlowRuns(t.db, [{ workQueueId: queue.id, nextScheduledStartTime: ago(5000) }], { now })
    await recordWorkQueuePolls(t.db, { polledWorkQueueIds: [queue.id], readyWorkQueueIds: [queue.id], now })
    await recordWorkerHeartbeat(t.db, pool.id, 'worker-1', { now })
    expect(formatExplanation(await explainWorkQueue(t.db, queue.id, { now }))).toBe(
      `Work queue "nightly" of work pool "etl": READY
  scheduled 1, due 1, late 0, active 0
  slots: queue no limit, pool 3 open
  next start: 2035-01-01T11:59:55.123Z; last polled: 2035-01-01T12:00:00.123Z
  Nothing holds it back.`,
    )
  })
})
