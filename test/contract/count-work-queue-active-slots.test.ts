import { countWorkQueueActiveSlots, getRunsInWorkQueue, readWorkQueueSlotHolders } from 'kysely-work-queues'
import { STATE_TYPES } from 'kysely-work-queues/rules'
import { expect, test } from 'vitest'
import { describeOnDatabases } from '../support/describe-databases.js'
import { allRows, type Row, testId } from '../support/factory.js'

const running: Row = { state_type: 'RUNNING' }

describeOnDatabases('countWorkQueueActiveSlots', (t) => {
  /** Counts the slots of one queue, and checks that as many runs hold them. */
  const count = async (id: string): Promise<number | undefined> => {
    const active = (await countWorkQueueActiveSlots(t.db, [id])).get(id)
    expect(await readWorkQueueSlotHolders(t.db, id)).toHaveLength(active ?? 0)
    return active
  }

  test('PENDING, RUNNING and CANCELLING runs are counted, and no others', async () => {
    const id = await t.make.agentQueue({ name: 'etl' })
    for (const state_type of [...STATE_TYPES, null]) {
      const before = (await count(id)) ?? NaN
      await t.make.run({ work_queue_id: id, state_type })
      await t.make.run({ work_queue_name: 'etl', state_type })
      const occupies = ['PENDING', 'RUNNING', 'CANCELLING'].includes(state_type ?? '')
      expect(await count(id), String(state_type)).toBe(before + (occupies ? 2 : 0))
    }
  })

  test('runs are counted by the queue’s id, or without one by its name in the default agent pool', async () => {
    const id = await t.make.agentQueue({ name: 'etl' })
    const sameName = await t.make.queue({ name: 'etl' })
    const other = await t.make.agentQueue({ name: 'other' })
    await t.make.runs([
      { ...running, work_queue_id: id },
      { ...running, work_queue_id: id, work_queue_name: 'other' },
      { ...running, work_queue_name: 'etl' },
      { ...running, work_queue_id: sameName, work_queue_name: 'etl' },
      { ...running, work_queue_id: sameName },
      { ...running, work_queue_name: 'ETL' },
      running,
    ])
    expect(await countWorkQueueActiveSlots(t.db, [id, sameName, other])).toEqual(
      new Map([
        [id, 3],
        [sameName, 2],
        [other, 0],
      ]),
    )
  })

  test('a queue with a tag filter has the PENDING and RUNNING runs of its filter, whatever their queue', async () => {
    const deployment_id = testId(1)
    const id = await t.make.queue({ name: 'etl', filter: { tags: ['a', 'b'], deployment_ids: [deployment_id] } })
    const match: Row = { ...running, deployment_id, tags: ['b', 'c', 'a'] }
    await t.make.runs([
      match,
      { ...match, state_type: 'PENDING', work_queue_id: await t.make.queue() },
      { ...match, state_type: 'CANCELLING' },
      { ...match, state_type: 'SCHEDULED' },
      { ...match, tags: ['a'] },
      { ...match, deployment_id: testId(2) },
      { ...match, deployment_id: null },
      { ...match, tags: [], work_queue_id: id, work_queue_name: 'etl' },
    ])
    expect(await count(id)).toBe(2)
  })

  test('a filter without deployments has runs of any, and one with none has none', async () => {
    const any = await t.make.queue({ filter: { tags: null, deployment_ids: null } })
    const none = await t.make.queue({ filter: { tags: null, deployment_ids: [] } })
    const empty = await t.make.queue({ filter: { tags: [], deployment_ids: null } })
    await t.make.runs([{ ...running, deployment_id: testId(1) }, { ...running, deployment_id: testId(2) }, running])
    expect([await count(any), await count(none), await count(empty)]).toEqual([2, 0, 2])
  })

  test('many queues are counted in one statement, each once, under its own spelling', async () => {
    const ids = [await t.make.queue(), await t.make.queue(), await t.make.queue()]
    const [a = '', b = '', c = ''] = ids
    await t.make.runs([a, a, c].map((work_queue_id) => ({ ...running, work_queue_id })))
    t.database.statements.length = 0
    expect(await countWorkQueueActiveSlots(t.db, [c, a.toUpperCase(), testId(404), b, a])).toEqual(
      new Map([
        [a, 2],
        [b, 0],
        [c, 1],
      ]),
    )
    expect(t.database.statements).toHaveLength(1)
    const missing = Array.from({ length: 1000 }, (_, n) => testId(n, 404))
    expect((await countWorkQueueActiveSlots(t.db, [...missing, ...ids])).size).toBe(3)
  })

  test('no ids and missing ones have no entry', async () => {
    await t.make.queue()
    expect(await countWorkQueueActiveSlots(t.db, [])).toEqual(new Map())
    expect(await countWorkQueueActiveSlots(t.db, [testId(404)])).toEqual(new Map())
  })

  test('the counts are those by which polls of the queue keep its limit, and change nothing', async () => {
    const plain = await t.make.agentQueue({ name: 'etl', concurrency_limit: 5 })
    const filtered = await t.make.queue({ concurrency_limit: 5, filter: { tags: ['a'], deployment_ids: null } })
    const row: Row = { work_queue_name: 'etl', deployment_id: testId(1), tags: ['a'] }
    await t.make.runs(Array.from({ length: 9 }, () => row))
    for (const state_type of ['PENDING', 'CANCELLING', 'RUNNING', 'COMPLETED']) {
      await t.make.run({ ...row, state_type })
      const before = await allRows(t.database)
      const active = await countWorkQueueActiveSlots(t.db, [plain, filtered])
      for (const id of [plain, filtered]) {
        const { runs } = await getRunsInWorkQueue(t.db, id)
        expect(runs).toHaveLength(5 - (active.get(id) ?? NaN))
      }
      expect(await allRows(t.database)).toEqual(before)
    }
    expect([await count(plain), await count(filtered)]).toEqual([3, 2])
  })
})
