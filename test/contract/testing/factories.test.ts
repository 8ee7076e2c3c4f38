import { addMinutes } from 'date-fns'
import {
  createWorkQueue,
  getRunsInWorkQueue,
  readFlowRuns,
  readWorkPool,
  readWorkPoolByName,
  readWorkQueue,
  readWorkQueueByName,
} from 'kysely-work-queues'
import { makeFlowRun, makeFlowRuns, makeWorkPool, makeWorkQueue } from 'kysely-work-queues/testing'
import { expect, test } from 'vitest'
import { describeOnDatabases } from '../../support/describe-databases.js'
import { testId } from '../../support/factory.js'

const now = new Date('2035-01-01T12:00:00.123Z')

describeOnDatabases('makeWorkPool', (t) => {
  test('makes pools with names by their number', async () => {
    const first = await makeWorkPool(t.db)
    const second = await makeWorkPool(t.db, { concurrencyLimit: 2, name: undefined }, { now })
    expect(first).toMatchObject({ name: 'pool-1', type: 'process', concurrencyLimit: null, isPaused: false })
    expect(second).toMatchObject({ name: 'pool-2', type: 'process', concurrencyLimit: 2, created: now })
    expect(await readWorkPool(t.db, second.id)).toEqual(second)
    expect(await readWorkQueue(t.db, second.defaultQueueId as string)).toMatchObject({ name: 'default' })
  })

  test('takes everything that a pool can have, and passes over names that are taken', async () => {
    await makeWorkPool(t.db, { name: 'pool-2', type: 'docker', isPaused: true, baseJobTemplate: { a: 1 } })
    expect(await readWorkPoolByName(t.db, 'pool-2')).toMatchObject({
      type: 'docker',
      isPaused: true,
      status: 'PAUSED',
      baseJobTemplate: { a: 1 },
    })
    expect(await makeWorkPool(t.db)).toMatchObject({ name: 'pool-3' })
  })

  test('refuses what createWorkPool refuses', async () => {
    await makeWorkPool(t.db, { name: 'etl' })
    await expect(makeWorkPool(t.db, { name: 'etl' })).rejects.toMatchObject({ code: 'WORK_POOL_EXISTS' })
    await expect(makeWorkPool(t.db, { name: '' })).rejects.toMatchObject({ code: 'INVALID_INPUT' })
  })
})

describeOnDatabases('makeWorkQueue', (t) => {
  test('makes queues of the default pool, or of a pool', async () => {
    const first = await makeWorkQueue(t.db)
    const pool = await readWorkPoolByName(t.db, 'default-agent-pool')
    expect(first).toMatchObject({ name: 'queue-1', workPoolId: pool?.id, priority: 2, concurrencyLimit: null })

    const { id: workPoolId } = await makeWorkPool(t.db)
    const second = await makeWorkQueue(t.db, { workPoolId, concurrencyLimit: 3, isPaused: true }, { now })
    // Every pool has the queue `default`.
    expect(second).toMatchObject({ name: 'queue-4', workPoolId, concurrencyLimit: 3, status: 'PAUSED', created: now })
    expect(await readWorkQueue(t.db, second.id)).toEqual(second)
  })

  test('passes over names that are taken', async () => {
    await createWorkQueue(t.db, { name: 'queue-3' })
    expect(await makeWorkQueue(t.db)).toMatchObject({ name: 'queue-4' })
  })

  test('refuses what createWorkQueue refuses', async () => {
    await expect(makeWorkQueue(t.db, { workPoolId: testId(404) })).rejects.toMatchObject({
      code: 'WORK_POOL_NOT_FOUND',
    })
    await expect(makeWorkQueue(t.db, { priority: 0 })).rejects.toMatchObject({ code: 'INVALID_INPUT' })
  })
})

describeOnDatabases('makeFlowRun', (t) => {
  test('makes a run that the next poll of the default queue hands out', async () => {
    const run = await makeFlowRun(t.db, {}, { now })
    const queue = await readWorkQueueByName(t.db, 'default', { workPoolName: 'default-agent-pool' })
    expect(run).toMatchObject({
      name: 'run-1',
      stateType: 'SCHEDULED',
      workQueueId: queue?.id,
      workQueueName: 'default',
      nextScheduledStartTime: now,
      expectedStartTime: now,
      created: now,
    })
    const polled = await getRunsInWorkQueue(t.db, queue?.id as string, { scheduledBefore: now })
    expect(polled.runs).toEqual([run])
  })

  test('is due at the clock’s time when it is not told the time', async () => {
    const before = Date.now()
    const { nextScheduledStartTime } = await makeFlowRun(t.db)
    expect(nextScheduledStartTime?.getTime()).toBeGreaterThanOrEqual(before)
    expect(nextScheduledStartTime?.getTime()).toBeLessThanOrEqual(Date.now())
  })

  test('takes everything that a run can have; null is none', async () => {
    const queue = await makeWorkQueue(t.db)
    const run = await makeFlowRun(
      t.db,
      { name: 'mine', workQueueId: queue.id, nextScheduledStartTime: null, stateType: 'RUNNING', tags: ['a'] },
      { now },
    )
    expect(run).toMatchObject({ name: 'mine', workQueueId: queue.id, nextScheduledStartTime: null, tags: ['a'] })
    expect(await makeFlowRun(t.db, { workQueueId: null })).toMatchObject({ workQueueId: null, workQueueName: null })
    expect(await makeFlowRun(t.db, { workQueueName: 'any' })).toMatchObject({ workQueueId: null, workQueueName: 'any' })
    await expect(makeFlowRun(t.db, { workQueueId: testId(404) })).rejects.toMatchObject({
      code: 'WORK_QUEUE_NOT_FOUND',
    })
  })
})

describeOnDatabases('makeFlowRuns', (t) => {
  test('makes runs alike, named by their number, in the order of their ids', async () => {
    const queue = await makeWorkQueue(t.db)
    await makeFlowRun(t.db)
    const runs = await makeFlowRuns(t.db, 12, { workQueueId: queue.id, tags: ['a'] }, { now })
    expect(runs.map(({ name }) => name)).toEqual(Array.from({ length: 12 }, (_, index) => `run-${index + 2}`))
    expect(runs.map(({ id }) => id)).toEqual(runs.map(({ id }) => id).toSorted())
    for (const run of runs)
      expect(run).toMatchObject({ workQueueId: queue.id, tags: ['a'], nextScheduledStartTime: now })
    expect(await readFlowRuns(t.db)).toHaveLength(13)
  })

  test('makes each by a function of its index', async () => {
    const queue = await makeWorkQueue(t.db)
    const runs = await makeFlowRuns(
      t.db,
      3,
      (index) => ({
        nextScheduledStartTime: addMinutes(now, -index),
        ...(index === 0 ? {} : { workQueueId: queue.id }),
      }),
      { now },
    )
    expect(runs.map((run) => run.nextScheduledStartTime)).toEqual([now, addMinutes(now, -1), addMinutes(now, -2)])
    expect(runs.map((run) => run.workQueueName)).toEqual(['default', queue.name, queue.name])
    const { runs: polled } = await getRunsInWorkQueue(t.db, queue.id, { scheduledBefore: now })
    expect(polled.map((run) => run.name)).toEqual(['run-3', 'run-2'])
  })

  test('makes none, and refuses a number that is none', async () => {
    expect(await makeFlowRuns(t.db, 0)).toEqual([])
    await expect(makeFlowRuns(t.db, -1)).rejects.toMatchObject({ issues: [{ path: 'count' }] })
    await expect(makeFlowRuns(t.db, 2, { runCount: -1 })).rejects.toMatchObject({
      issues: [{ path: '0.runCount' }, { path: '1.runCount' }],
    })
  })

  test('makes them in the caller’s transaction', async () => {
    await t.db
      .transaction()
      .execute(async (trx) => {
        await makeWorkPool(trx)
        await makeFlowRuns(trx, 2)
        expect(await readFlowRuns(trx)).toHaveLength(2)
        throw new Error('undo')
      })
      .catch(() => {})
    expect(await readFlowRuns(t.db)).toEqual([])
  })
})
