import {
  bulkUpdateWorkQueuePriorities,
  countWorkQueueActiveSlots,
  createFlowRun,
  createFlowRuns,
  createWorkPool,
  createWorkQueue,
  getRunsInWorkQueue,
  readFlowRun,
  readWorkPool,
  readWorkQueue,
  retryFlowRun,
  updateWorkPool,
  updateWorkQueue,
} from 'kysely-work-queues'
import { expect, test } from 'vitest'
import { describeOnDatabases } from '../../support/describe-databases.js'

// A call is about what it was given when it was made, though it awaits before it writes: a host goes on with its own objects.
describeOnDatabases('inputs are taken as they were when the call was made', (t) => {
  test('JSON that the host changes meanwhile, also into what is none', async () => {
    const shared: Record<string, unknown> = { nested: { list: [0] } }
    const calls = [1, 2, 3].map(async (n) => {
      shared['nested'] = { list: [n] }
      const call = createFlowRun(t.db, { parameters: shared, context: shared, jobVariables: shared })
      shared['nested'] = { list: [Number.NaN, n] }
      return await call
    })
    for (const [n, { flowRun }] of (await Promise.all(calls)).entries()) {
      const was = { nested: { list: [n + 1] } }
      expect(await readFlowRun(t.db, flowRun.id)).toMatchObject({ parameters: was, context: was, jobVariables: was })
    }
  })

  test('job templates', async () => {
    const baseJobTemplate: Record<string, unknown> = { a: 1 }
    const created = createWorkPool(t.db, { name: 'kept', baseJobTemplate })
    baseJobTemplate['a'] = undefined
    const { id } = await created
    expect((await readWorkPool(t.db, id))?.baseJobTemplate).toEqual({ a: 1 })
    baseJobTemplate['a'] = 2
    const updated = updateWorkPool(t.db, id, { baseJobTemplate })
    baseJobTemplate['a'] = 3
    expect(await updated).toBe(true)
    expect((await readWorkPool(t.db, id))?.baseJobTemplate).toEqual({ a: 2 })
  })

  test('keys that a copy might lose are kept', async () => {
    const text = '{"__proto__":{"x":[1,{"__proto__":null}]},"constructor":2,"toString":"x","":{}}'
    const { flowRun } = await createFlowRun(t.db, { parameters: JSON.parse(text) as Record<string, unknown> })
    const { parameters } = (await readFlowRun(t.db, flowRun.id)) ?? {}
    expect(new Map(Object.entries(parameters ?? {}))).toEqual(new Map(Object.entries(JSON.parse(text) as object)))
    expect(Object.keys(parameters?.['__proto__'] ?? {})).toEqual(['x'])
  })

  test('times, lists, filters, patches and maps', async () => {
    const workPoolId = await t.make.pool()
    const id = await t.make.queue({ work_pool_id: workPoolId })
    const [start, tags] = [new Date('2035-01-01T12:00:00Z'), ['x']]
    const runs = createFlowRuns(t.db, [{ workQueueId: id, nextScheduledStartTime: start, tags }])
    start.setFullYear(1999)
    tags.push('y')
    expect(await runs).toMatchObject([{ nextScheduledStartTime: new Date('2035-01-01T12:00:00Z'), tags: ['x'] }])

    const scheduledBefore = new Date('2036-01-01T12:00:00Z')
    const polled = getRunsInWorkQueue(t.db, id, { scheduledBefore })
    scheduledBefore.setFullYear(1999)
    expect((await polled).runs).toHaveLength(1)

    const scheduledTime = new Date('2036-01-01T12:00:00Z')
    const retried = retryFlowRun(t.db, await t.make.run({ state_type: 'FAILED' }), { scheduledTime })
    scheduledTime.setFullYear(1999)
    expect((await retried).nextScheduledStartTime).toEqual(new Date('2036-01-01T12:00:00Z'))

    const ids = [id]
    const counted = countWorkQueueActiveSlots(t.db, ids)
    ids.length = 0
    expect(await counted).toEqual(new Map([[id, 0]]))

    const patch = { description: 'one', filter: { tags: ['x'] } }
    const updated = updateWorkQueue(t.db, id, patch)
    patch.description = 'two'
    patch.filter.tags.push('y')
    await updated
    expect(await readWorkQueue(t.db, id)).toMatchObject({ description: 'one', filter: { tags: ['x'] } })

    const priorities = new Map([[id, 5]])
    const moved = bulkUpdateWorkQueuePriorities(t.db, workPoolId, priorities)
    priorities.set(id, 7)
    await moved
    expect((await readWorkQueue(t.db, id))?.priority).toBe(5)
  })

  test('what a call returned is the host’s to change', async () => {
    const queue = await createWorkQueue(t.db, { name: 'returned' })
    Object.assign(queue, { isPaused: true, concurrencyLimit: 0, name: 'changed' })
    const polled = await getRunsInWorkQueue(t.db, queue.id)
    Object.assign(polled.workQueue, { isPaused: true, concurrencyLimit: 0 })
    await t.make.run({ work_queue_id: queue.id })
    const again = await getRunsInWorkQueue(t.db, queue.id)
    expect(again.runs).toHaveLength(1)
    expect(again.workQueue).toMatchObject({ isPaused: false, concurrencyLimit: null, name: 'returned' })
  })
})
