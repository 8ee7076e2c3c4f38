import { addSeconds } from 'date-fns'
import {
  claimScheduledFlowRuns,
  InvalidInputError,
  readWorkQueueStats,
  type ReadWorkQueueStatsOptions,
  type WorkQueueStats,
} from 'kysely-work-queues'
import { STATE_TYPES } from 'kysely-work-queues/rules'
import { describe, expect, test } from 'vitest'
import { type Contract, describeOnDatabases } from '../../support/describe-databases.js'
import { allRows, type Row, testId } from '../../support/factory.js'

const now = new Date('2035-01-01T12:00:00.000Z')
const due: Row = { next_scheduled_start_time: addSeconds(now, -60) }
const running: Row = { state_type: 'RUNNING' }
const times = (count: number, row: Row): Row[] => Array.from({ length: count }, () => row)

describeOnDatabases('readWorkQueueStats', (t: Contract) => {
  const read = async (id: string, options: ReadWorkQueueStatsOptions = {}): Promise<WorkQueueStats | undefined> =>
    (await readWorkQueueStats(t.db, { workQueueIds: [id], now, ...options }))[0]

  test('a row says what the queue is, and has every figure', async () => {
    const pool = await t.make.pool({ name: 'etl' })
    const id = await t.make.queue({
      work_pool_id: pool,
      name: 'nightly',
      priority: 3,
      status: 'READY',
      concurrency_limit: 5,
      last_polled: addSeconds(now, -7),
    })
    await t.make.runs(
      [
        { next_scheduled_start_time: addSeconds(now, -60), state_name: 'Late' },
        { next_scheduled_start_time: addSeconds(now, -30) },
        { next_scheduled_start_time: addSeconds(now, 30) },
        { next_scheduled_start_time: null },
        running,
        { state_type: 'COMPLETED' },
      ].map((row) => ({ work_queue_id: id, ...row })),
    )
    expect(await read(id)).toEqual({
      workQueueId: id,
      workQueueName: 'nightly',
      workPoolId: pool,
      workPoolName: 'etl',
      priority: 3,
      isPaused: false,
      status: 'READY',
      concurrencyLimit: 5,
      lastPolled: addSeconds(now, -7),
      due: 2,
      late: 1,
      scheduled: 4,
      active: 1,
      openSlots: 4,
      startable: 2,
      oldestDueTime: addSeconds(now, -60),
      nextStartTime: addSeconds(now, -60),
    })
  })

  test('a queue without runs, limit and poll has zeros and nulls', async () => {
    const id = await t.make.queue()
    expect(await read(id)).toMatchObject({
      concurrencyLimit: null,
      lastPolled: null,
      due: 0,
      late: 0,
      scheduled: 0,
      active: 0,
      openSlots: null,
      startable: 0,
      oldestDueTime: null,
      nextStartTime: null,
    })
  })

  test('what starts later is the next start, and due from its very time on', async () => {
    const id = await t.make.queue()
    const start = addSeconds(now, 1)
    await t.make.run({ work_queue_id: id, next_scheduled_start_time: start })
    expect(await read(id)).toMatchObject({ due: 0, scheduled: 1, oldestDueTime: null, nextStartTime: start })
    expect(await read(id, { now: start })).toMatchObject({ due: 1, oldestDueTime: start, nextStartTime: start })
  })

  test('PENDING, RUNNING and CANCELLING runs are active, as for claims, and take open slots', async () => {
    const id = await t.make.queue({ concurrency_limit: 2 })
    for (const state_type of [...STATE_TYPES, null]) await t.make.run({ work_queue_id: id, state_type })
    await t.make.runs(times(3, { work_queue_id: id, ...due }))
    expect(await read(id)).toMatchObject({ active: 3, openSlots: 0, startable: 0, due: 3 })
    await t.make.set('work_queue', id, { concurrency_limit: 5 })
    expect(await read(id)).toMatchObject({ active: 3, openSlots: 2, startable: 2, due: 3 })
  })

  test('the pool’s limit holds back what the queue has slots for, and each queue is told what it alone could take', async () => {
    const pool = await t.make.pool({ concurrency_limit: 3 })
    const a = await t.make.queue({ work_pool_id: pool, concurrency_limit: 10 })
    const b = await t.make.queue({ work_pool_id: pool })
    await t.make.runs([a, b].flatMap((work_queue_id) => times(5, { work_queue_id, ...due })))
    await t.make.run({ work_queue_id: b, ...running })
    expect(await read(a)).toMatchObject({ openSlots: 10, startable: 2, due: 5 })
    expect(await read(b)).toMatchObject({ openSlots: null, startable: 2, due: 5 })
  })

  test('a paused queue, and a queue of a paused pool, start nothing; the figures stay', async () => {
    const pool = await t.make.pool({ is_paused: true })
    const inPaused = await t.make.queue({ work_pool_id: pool, concurrency_limit: 4 })
    const paused = await t.make.queue({ is_paused: true, status: 'PAUSED' })
    await t.make.runs([inPaused, paused].flatMap((work_queue_id) => times(2, { work_queue_id, ...due })))
    expect(await read(inPaused)).toMatchObject({ isPaused: false, due: 2, startable: 0, openSlots: 4 })
    expect(await read(paused)).toMatchObject({ isPaused: true, status: 'PAUSED', due: 2, startable: 0 })
  })

  test('counts end at the cap, but for active runs', async () => {
    const id = await t.make.agentQueue({ name: 'etl', concurrency_limit: 9 })
    for (const row of [{ work_queue_id: id }, { work_queue_name: 'etl' }]) {
      await t.make.runs(times(3, { ...row, ...due, state_name: 'Late' }))
      await t.make.runs(times(3, { ...row, next_scheduled_start_time: addSeconds(now, 60) }))
      await t.make.runs(times(2, { ...row, ...running }))
    }
    expect(await read(id)).toMatchObject({ due: 6, late: 6, scheduled: 12, active: 4, startable: 3, openSlots: 5 })
    expect(await read(id, { cap: 5 })).toMatchObject({ due: 5, late: 5, scheduled: 5, active: 4, startable: 3 })
    expect(await read(id, { cap: 2 })).toMatchObject({ due: 2, late: 2, scheduled: 2, active: 4, startable: 2 })
    expect(await read(id, { cap: 0 })).toMatchObject({ due: 0, late: 0, scheduled: 0, active: 4, startable: 0 })
  })

  test('the cap is a thousand unless it is said', async () => {
    const id = await t.make.queue()
    await t.make.runs(times(1001, { work_queue_id: id, ...due, state_name: 'Late' }))
    expect(await read(id)).toMatchObject({ due: 1000, late: 1000, scheduled: 1000, startable: 1000 })
    expect(await read(id, { cap: 2000 })).toMatchObject({ due: 1001, late: 1001, scheduled: 1001, startable: 1001 })
  })

  test('runs by name alone belong to a queue of the default agent pool, and to no namesake', async () => {
    const id = await t.make.agentQueue({ name: 'etl', concurrency_limit: 9 })
    const namesake = await t.make.queue({ name: 'etl' })
    const early = addSeconds(now, -90)
    await t.make.runs([
      { work_queue_id: id, ...due },
      { work_queue_name: 'etl', next_scheduled_start_time: early, state_name: 'Late' },
      { work_queue_name: 'etl', ...running },
    ])
    // A claim of pools does not take runs that are known by name alone.
    expect(await read(id)).toMatchObject({ due: 2, late: 1, scheduled: 2, active: 1, openSlots: 8, startable: 1 })
    expect(await read(id)).toMatchObject({ oldestDueTime: early, nextStartTime: early })
    expect(await read(namesake)).toMatchObject({ due: 0, late: 0, scheduled: 0, active: 0, nextStartTime: null })
  })

  test('a run that is retried in its process is due, and not startable', async () => {
    const id = await t.make.queue()
    const retried = { ...due, empirical_policy: { retry_type: 'in_process' } }
    await t.make.runs(times(3, { work_queue_id: id, ...retried }))
    await t.make.runs(times(2, { work_queue_id: id, ...due }))
    expect(await read(id)).toMatchObject({ due: 5, startable: 2 })
    expect(await read(id, { cap: 2 })).toMatchObject({ due: 2, startable: 2 })
  })

  test('a queue with a tag filter has the figures of its filter’s runs, by one statement more', async () => {
    const deployment_id = testId(1)
    const filter = { tags: ['a'], deployment_ids: [deployment_id] }
    const id = await t.make.queue({ name: 'a', concurrency_limit: 5, filter })
    const match: Row = { ...due, deployment_id, tags: ['a', 'b'], work_queue_id: await t.make.queue() }
    await t.make.runs([
      { ...match, state_name: 'Late' },
      match,
      { ...match, next_scheduled_start_time: addSeconds(now, 60) },
      { ...match, ...running },
      { ...match, state_type: 'CANCELLING' },
      { ...match, tags: [] },
      { ...match, deployment_id: null },
    ])
    await t.make.run({ work_queue_id: id, ...due })
    t.database.statements.length = 0
    expect(await read(id)).toMatchObject({
      due: 2,
      late: 1,
      scheduled: 3,
      active: 2,
      openSlots: 3,
      oldestDueTime: due['next_scheduled_start_time'],
      nextStartTime: due['next_scheduled_start_time'],
      // A claim of pools goes by queue id, whatever the filter.
      startable: 1,
    })
    expect(t.database.statements).toHaveLength(2)
    expect(await claimScheduledFlowRuns(t.db, { workQueueIds: [id], now })).toHaveLength(1)
    expect(await read(id, { cap: 1 })).toMatchObject({ due: 1, late: 1, scheduled: 1, active: 2 })
  })

  describe('which queues', () => {
    test('all of them, by pool name in byte order, then priority', async () => {
      const b = await t.make.pool({ name: 'b' })
      const upper = await t.make.pool({ name: 'B' })
      await t.make.queue({ work_pool_id: b, name: 'third', priority: 3 })
      await t.make.queue({ work_pool_id: b, name: 'second', priority: 2 })
      await t.make.queue({ work_pool_id: upper, name: 'other', priority: 9 })
      const rows = await readWorkQueueStats(t.db, { now })
      expect(rows.map(({ workPoolName, workQueueName }) => [workPoolName, workQueueName])).toEqual([
        ['B', 'default'],
        ['B', 'other'],
        ['b', 'default'],
        ['b', 'second'],
        ['b', 'third'],
      ])
    })

    test('those of the pools and the ids that are given, each once; an empty list is none', async () => {
      const pool = await t.make.pool({ name: 'a' })
      const a = await t.make.queue({ work_pool_id: pool, name: 'a' })
      const other = await t.make.queue({ name: 'other' })
      const names = async (options: ReadWorkQueueStatsOptions): Promise<string[]> =>
        (await readWorkQueueStats(t.db, { now, ...options })).map(({ workQueueName }) => workQueueName)
      expect(await names({ workPoolIds: [pool, pool, testId(404)] })).toEqual(['default', 'a'])
      expect(await names({ workQueueIds: [other, a.toUpperCase(), a, testId(404)] })).toEqual(['a', 'other'])
      expect(await names({ workPoolIds: [pool], workQueueIds: [a, other] })).toEqual(['a'])
      const missing = Array.from({ length: 500 }, (_, n) => testId(n, 404))
      expect(await names({ workPoolIds: [...missing, pool], workQueueIds: [...missing, a, other] })).toEqual(['a'])
      expect(await names({ workPoolIds: [...missing, pool] })).toEqual(['default', 'a'])
      for (const options of [{ workQueueIds: [] }, { workPoolIds: [] }, { workPoolIds: [], workQueueIds: [a] }]) {
        expect(await names(options)).toEqual([])
      }
    })
  })

  test('it is one statement, which changes nothing; without now, the clock says what is due', async () => {
    const id = await t.make.agentQueue({ name: 'etl', concurrency_limit: 5 })
    await t.make.queue({ name: 'other' })
    await t.make.runs(times(3, { work_queue_id: id, next_scheduled_start_time: new Date(Date.now() - 60_000) }))
    await t.make.run({ work_queue_id: id, next_scheduled_start_time: new Date(Date.now() + 3_600_000) })
    const before = await allRows(t.database)
    t.database.statements.length = 0
    const rows = await readWorkQueueStats(t.db)
    expect(t.database.statements).toHaveLength(1)
    expect(rows.find(({ workQueueId }) => workQueueId === id)).toMatchObject({ due: 3, scheduled: 4, startable: 3 })
    expect(await allRows(t.database)).toEqual(before)
  })

  test('options that are not valid are refused', async () => {
    t.database.statements.length = 0
    for (const options of [{ cap: -1 }, { cap: 1.5 }, { workQueueIds: ['x'] }, { workPoolIds: ['x'] }, { limit: 1 }]) {
      await expect(readWorkQueueStats(t.db, options as object)).rejects.toThrow(InvalidInputError)
    }
    expect(t.database.statements).toEqual([])
  })
})
