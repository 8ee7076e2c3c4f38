import { addSeconds } from 'date-fns'
import { InvalidInputError, readNextStartTime } from 'kysely-work-queues'
import { expect, test } from 'vitest'
import { describeOnDatabases } from '../../support/describe-databases.js'
import { allRows, type Row, testId } from '../../support/factory.js'

const now = new Date('2035-01-01T12:00:00.000Z')
const at = (seconds: number, row: Row = {}): Row => ({ next_scheduled_start_time: addSeconds(now, seconds), ...row })

describeOnDatabases('readNextStartTime', (t) => {
  test('the earliest start of a SCHEDULED run, come or not; null when none has one', async () => {
    const queue = await t.make.queue()
    expect(await readNextStartTime(t.db)).toBeNull()
    await t.make.runs([
      { work_queue_id: queue, next_scheduled_start_time: null },
      at(-90, { work_queue_id: queue, state_type: 'RUNNING' }),
      at(-90, { work_queue_id: queue, state_type: 'COMPLETED' }),
      at(-90),
    ])
    expect(await readNextStartTime(t.db)).toBeNull()
    await t.make.runs([at(60, { work_queue_id: queue }), at(30, { work_queue_id: await t.make.queue() })])
    expect(await readNextStartTime(t.db)).toEqual(addSeconds(now, 30))
    await t.make.run(at(-3600, { work_queue_id: queue }))
    expect(await readNextStartTime(t.db)).toEqual(addSeconds(now, -3600))
  })

  test('paused queues and queues of paused pools are passed over', async () => {
    const paused = await t.make.queue({ is_paused: true })
    const inPaused = await t.make.queue({ work_pool_id: await t.make.pool({ is_paused: true }) })
    await t.make.runs([at(10, { work_queue_id: paused }), at(20, { work_queue_id: inPaused })])
    expect(await readNextStartTime(t.db)).toBeNull()
    expect(await readNextStartTime(t.db, { workQueueIds: [paused, inPaused] })).toBeNull()
    await t.make.set('work_queue', paused, { is_paused: false })
    expect(await readNextStartTime(t.db)).toEqual(addSeconds(now, 10))
  })

  test('of the queues and pools that are given; an empty list is none', async () => {
    const pool = await t.make.pool()
    const a = await t.make.queue({ work_pool_id: pool })
    const b = await t.make.queue({ work_pool_id: pool })
    const other = await t.make.queue()
    await t.make.runs([at(10, { work_queue_id: other }), at(20, { work_queue_id: a }), at(30, { work_queue_id: b })])
    const seconds = async (options: Parameters<typeof readNextStartTime>[1]): Promise<number | undefined> => {
      const next = await readNextStartTime(t.db, options)
      return next === null ? undefined : (next.getTime() - now.getTime()) / 1000
    }
    const missing = Array.from({ length: 500 }, (_, n) => testId(n, 404))
    expect(await seconds({})).toBe(10)
    expect(await seconds({ workPoolIds: [pool] })).toBe(20)
    expect(await seconds({ workQueueIds: [b.toUpperCase()] })).toBe(30)
    expect(await seconds({ workQueueIds: [...missing, b], workPoolIds: [...missing, pool] })).toBe(30)
    expect(await seconds({ workQueueIds: [other], workPoolIds: [pool] })).toBeUndefined()
    expect(await seconds({ workQueueIds: [] })).toBeUndefined()
    expect(await seconds({ workPoolIds: [], workQueueIds: [a] })).toBeUndefined()
    expect(await seconds({ workQueueIds: missing })).toBeUndefined()
  })

  test('runs by name alone count in the default agent pool, and nowhere else', async () => {
    const namesake = await t.make.queue({ name: 'etl' })
    await t.make.run(at(10, { work_queue_name: 'etl' }))
    expect(await readNextStartTime(t.db)).toBeNull()
    const queue = await t.make.agentQueue({ name: 'etl' })
    expect(await readNextStartTime(t.db, { workQueueIds: [queue] })).toEqual(addSeconds(now, 10))
    expect(await readNextStartTime(t.db, { workQueueIds: [namesake] })).toBeNull()
  })

  test('what a tag filter selects counts for its queue, by one statement more', async () => {
    const filter = { tags: ['a'], deployment_ids: null }
    const queue = await t.make.queue({ filter })
    const empty = await t.make.queue({ filter: { tags: null, deployment_ids: [] } })
    const closed = await t.make.queue({ is_paused: true })
    const paused = await t.make.queue({ filter, is_paused: true })
    await t.make.runs([
      at(10, { work_queue_id: closed, deployment_id: testId(1), tags: ['a'] }),
      at(5, { work_queue_id: closed, deployment_id: testId(1), tags: [] }),
      at(20, { work_queue_id: queue, tags: [] }),
    ])
    t.database.statements.length = 0
    expect(await readNextStartTime(t.db, { workQueueIds: [queue, empty] })).toEqual(addSeconds(now, 10))
    expect(t.database.statements).toHaveLength(3)
    expect(await readNextStartTime(t.db, { workQueueIds: [empty, paused] })).toBeNull()
  })

  test('it is one statement, which changes nothing', async () => {
    const queue = await t.make.queue()
    await t.make.run(at(10, { work_queue_id: queue }))
    const before = await allRows(t.database)
    t.database.statements.length = 0
    expect(await readNextStartTime(t.db)).toEqual(addSeconds(now, 10))
    expect(t.database.statements).toHaveLength(1)
    expect(await allRows(t.database)).toEqual(before)
  })

  test('options that are not valid are refused', async () => {
    t.database.statements.length = 0
    for (const options of [{ workQueueIds: ['x'] }, { workPoolIds: ['x'] }, { cap: 1 }]) {
      await expect(readNextStartTime(t.db, options as object)).rejects.toThrow(InvalidInputError)
    }
    expect(t.database.statements).toEqual([])
  })
})
