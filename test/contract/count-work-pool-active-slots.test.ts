import { countWorkPoolActiveSlots, getScheduledFlowRuns, readWorkPoolSlotHolders } from 'kysely-work-queues'
import { STATE_TYPES } from 'kysely-work-queues/rules'
import { expect, test } from 'vitest'
import { describeOnDatabases } from '../support/describe-databases.js'
import { allRows, type Row, testId } from '../support/factory.js'

const running: Row = { state_type: 'RUNNING' }

describeOnDatabases('countWorkPoolActiveSlots', (t) => {
  /** Counts the slots of one pool, and checks that as many runs hold them. */
  const count = async (id: string): Promise<number | undefined> => {
    const active = (await countWorkPoolActiveSlots(t.db, [id])).get(id)
    expect(await readWorkPoolSlotHolders(t.db, id)).toHaveLength(active ?? 0)
    return active
  }

  test('PENDING and RUNNING runs are counted, and no others', async () => {
    const id = await t.make.pool()
    const work_queue_id = await t.make.queue({ work_pool_id: id })
    for (const state_type of [...STATE_TYPES, null]) {
      const before = (await count(id)) ?? NaN
      await t.make.run({ work_queue_id, state_type })
      const occupies = state_type === 'PENDING' || state_type === 'RUNNING'
      expect(await count(id), String(state_type)).toBe(before + (occupies ? 1 : 0))
    }
  })

  test('runs of all queues of the pool are counted, paused ones and those with a tag filter too', async () => {
    const id = await t.make.pool({ is_paused: true })
    const queues = [
      await t.make.queue({ work_pool_id: id }),
      await t.make.queue({ work_pool_id: id, is_paused: true }),
      await t.make.queue({ work_pool_id: id, filter: { tags: ['a'], deployment_ids: null } }),
    ]
    await t.make.runs(queues.map((work_queue_id) => ({ ...running, work_queue_id })))
    expect(await count(id)).toBe(3)
  })

  test('runs are counted by the id of their queue, and never by its name', async () => {
    const id = await t.make.pool()
    const neighbour = await t.make.pool()
    const work_queue_id = await t.make.queue({ work_pool_id: id, name: 'etl' })
    const sameName = await t.make.queue({ work_pool_id: neighbour, name: 'etl' })
    await t.make.runs([
      { ...running, work_queue_id, work_queue_name: 'other' },
      { ...running, work_queue_id: sameName, work_queue_name: 'etl' },
      { ...running, work_queue_id: sameName },
      { ...running, work_queue_name: 'etl' },
      { ...running, work_queue_name: 'default' },
      running,
    ])
    expect(await countWorkPoolActiveSlots(t.db, [id, neighbour])).toEqual(
      new Map([
        [id, 1],
        [neighbour, 2],
      ]),
    )
  })

  test('many pools are counted in one statement, each once, under its own spelling', async () => {
    const ids = [await t.make.pool(), await t.make.pool(), await t.make.pool()]
    const [a = '', b = '', c = ''] = ids
    for (const work_pool_id of [a, a, c]) {
      await t.make.run({ ...running, work_queue_id: await t.make.queue({ work_pool_id }) })
    }
    t.database.statements.length = 0
    expect(await countWorkPoolActiveSlots(t.db, [c, a.toUpperCase(), testId(404), b, a])).toEqual(
      new Map([
        [a, 2],
        [b, 0],
        [c, 1],
      ]),
    )
    expect(t.database.statements).toHaveLength(1)
  })

  test('no ids and missing ones have no entry', async () => {
    await t.make.pool()
    expect(await countWorkPoolActiveSlots(t.db, [])).toEqual(new Map())
    expect(await countWorkPoolActiveSlots(t.db, [testId(404)])).toEqual(new Map())
  })

  test('the counts are those by which polls of the pool keep its limit, and change nothing', async () => {
    const id = await t.make.pool({ concurrency_limit: 4 })
    const work_queue_id = await t.make.queue({ work_pool_id: id })
    await t.make.runs(Array.from({ length: 9 }, () => ({ work_queue_id })))
    for (const state_type of ['PENDING', 'CANCELLING', 'RUNNING', 'COMPLETED']) {
      await t.make.run({ work_queue_id, state_type })
      const before = await allRows(t.database)
      const active = (await count(id)) ?? NaN
      expect(await getScheduledFlowRuns(t.db)).toHaveLength(4 - active)
      expect(await allRows(t.database)).toEqual(before)
    }
    expect(await count(id)).toBe(2)
  })
})
