import {
  countWorkPoolActiveSlots,
  countWorkQueueActiveSlots,
  readWorkPoolSlotHolders,
  readWorkQueueSlotHolders,
  type SlotHolder,
} from 'kysely-work-queues'
import { expect, test } from 'vitest'
import { describeOnDatabases } from '../support/describe-databases.js'
import { testId } from '../support/factory.js'

const at = (seconds: number): Date => new Date(Date.UTC(2035, 0, 1, 12) + seconds * 1000)
const ids = (holders: readonly SlotHolder[]): string[] => holders.map(({ flowRun }) => flowRun.id)

describeOnDatabases('slots', (t) => {
  test('of a queue are held by members that are PENDING, RUNNING or CANCELLING', async () => {
    const queue = await t.make.queue({ name: 'etl' })
    const other = await t.make.queue({ name: 'etl' })
    const states = ['SCHEDULED', 'PENDING', 'RUNNING', 'CANCELLING', 'COMPLETED', 'PAUSED', null]
    const runs = await t.make.runs(states.map((state_type) => ({ state_type, work_queue_id: queue })))
    const byName = await t.make.run({ state_type: 'RUNNING', work_queue_name: 'etl' })
    await t.make.run({ state_type: 'RUNNING', work_queue_id: other, work_queue_name: 'etl' })
    const counts = await countWorkQueueActiveSlots(t.db, [queue, other, testId(404), queue])
    expect(counts).toEqual(
      new Map([
        [queue, 4],
        [other, 2],
      ]),
    )
    expect(ids(await readWorkQueueSlotHolders(t.db, queue))).toEqual([runs[1], runs[2], runs[3], byName])
    expect(ids(await readWorkQueueSlotHolders(t.db, queue, { limit: 2, offset: 1 }))).toEqual([runs[2], runs[3]])
    expect(await readWorkQueueSlotHolders(t.db, testId(404))).toEqual([])
    expect(await countWorkQueueActiveSlots(t.db, [])).toEqual(new Map())
  })

  test('of a queue with a tag filter are held by its PENDING and RUNNING matches', async () => {
    const queue = await t.make.queue({ filter: { tags: ['x'], deployment_ids: null } })
    const deployment_id = testId(1, 5)
    const [match] = await t.make.runs([
      { state_type: 'RUNNING', tags: ['x', 'y'], deployment_id },
      { state_type: 'CANCELLING', tags: ['x'], deployment_id },
      { state_type: 'RUNNING', tags: ['x'] },
      { state_type: 'RUNNING', tags: ['y'], deployment_id, work_queue_id: queue },
    ])
    expect(await countWorkQueueActiveSlots(t.db, [queue])).toEqual(new Map([[queue, 1]]))
    expect(ids(await readWorkQueueSlotHolders(t.db, queue))).toEqual([match])
  })

  test('of a pool are held by PENDING and RUNNING runs of its queues by id, paused ones too', async () => {
    const pool = await t.make.pool()
    const a = await t.make.queue({ work_pool_id: pool, name: 'a', is_paused: true })
    const b = await t.make.queue({ work_pool_id: pool, name: 'b' })
    const [a1, a2, b1] = await t.make.runs([
      { state_type: 'RUNNING', work_queue_id: a },
      { state_type: 'PENDING', work_queue_id: a },
      { state_type: 'RUNNING', work_queue_id: b },
      { state_type: 'CANCELLING', work_queue_id: b },
      { state_type: 'RUNNING', work_queue_name: 'b' },
    ])
    const empty = await t.make.pool()
    expect(await countWorkPoolActiveSlots(t.db, [pool, empty, testId(404)])).toEqual(
      new Map([
        [pool, 3],
        [empty, 0],
      ]),
    )
    expect(ids(await readWorkPoolSlotHolders(t.db, pool))).toEqual([a1, a2, b1])
    expect(ids(await readWorkPoolSlotHolders(t.db, pool, { workQueueIds: [a, b], limitPerQueue: 1 }))).toEqual([a1, b1])
    expect(ids(await readWorkPoolSlotHolders(t.db, pool, { workQueueIds: [b] }))).toEqual([b1])
    expect(ids(await readWorkPoolSlotHolders(t.db, pool, { workQueueIds: [] }))).toEqual([])
    expect(ids(await readWorkPoolSlotHolders(t.db, pool, { limitPerQueue: 1 }))).toEqual([a1, a2, b1])
  })

  test('were acquired when the current unbroken occupation began', async () => {
    const queue = await t.make.queue()
    const since = async (...states: [type: string, seconds: number][]): Promise<Date | null | undefined> => {
      const run = await t.make.run({ state_type: 'RUNNING', work_queue_id: queue })
      for (const [type, seconds] of states)
        await t.make.state({ flow_run_id: run, type, name: type, timestamp: at(seconds) })
      return (await readWorkQueueSlotHolders(t.db, queue)).find(({ flowRun }) => flowRun.id === run)?.slotAcquiredAt
    }
    expect(await since(['SCHEDULED', 1], ['PENDING', 2], ['RUNNING', 3])).toEqual(at(2))
    expect(await since(['PENDING', 1], ['RUNNING', 2], ['FAILED', 3], ['SCHEDULED', 4], ['PENDING', 5])).toEqual(at(5))
    expect(await since(['RUNNING', 1], ['CANCELLING', 2])).toEqual(at(1))
    expect(await since()).toBeNull()
    expect(await since(['SCHEDULED', 1])).toBeNull()
  })
})
