import { addSeconds } from 'date-fns'
import {
  InvalidInputError,
  readWorkPoolStats,
  type ReadWorkPoolStatsOptions,
  type WorkPoolStats,
} from 'kysely-work-queues'
import { expect, test } from 'vitest'
import { describeOnDatabases } from '../../support/describe-databases.js'
import { allRows, type Row, testId } from '../../support/factory.js'

const now = new Date('2035-01-01T12:00:00.000Z')
const due: Row = { next_scheduled_start_time: addSeconds(now, -60) }
const running: Row = { state_type: 'RUNNING' }
const times = (count: number, row: Row): Row[] => Array.from({ length: count }, () => row)

describeOnDatabases('readWorkPoolStats', (t) => {
  const read = async (id: string, options: ReadWorkPoolStatsOptions = {}): Promise<WorkPoolStats | undefined> =>
    (await readWorkPoolStats(t.db, { workPoolIds: [id], now, ...options }))[0]

  test('a row says what the pool is, and has every figure over all of its queues', async () => {
    const pool = await t.make.pool({ name: 'etl', status: 'READY', concurrency_limit: 7 })
    const a = await t.make.queue({ work_pool_id: pool })
    const paused = await t.make.queue({ work_pool_id: pool, is_paused: true })
    for (const status of ['ONLINE', 'ONLINE', 'OFFLINE']) await t.make.worker({ work_pool_id: pool, status })
    await t.make.worker({ work_pool_id: await t.make.pool() })
    await t.make.runs([
      { work_queue_id: a, next_scheduled_start_time: addSeconds(now, -20), state_name: 'Late' },
      { work_queue_id: a, next_scheduled_start_time: addSeconds(now, 20) },
      { work_queue_id: a, next_scheduled_start_time: null },
      { work_queue_id: paused, ...due, state_name: 'Late' },
      { work_queue_id: paused, ...running },
      { work_queue_id: a, state_type: 'CANCELLING' },
      { work_queue_id: await t.make.queue(), ...due },
    ])
    expect(await read(pool)).toEqual({
      workPoolId: pool,
      workPoolName: 'etl',
      isPaused: false,
      status: 'READY',
      concurrencyLimit: 7,
      due: 2,
      late: 2,
      scheduled: 4,
      active: 2,
      openSlots: 5,
      startable: 1,
      oldestDueTime: addSeconds(now, -60),
      nextStartTime: addSeconds(now, -60),
      workersOnline: 2,
    })
  })

  test('a pool with nothing in it has zeros and nulls', async () => {
    expect(await read(await t.make.pool())).toMatchObject({
      concurrencyLimit: null,
      due: 0,
      late: 0,
      scheduled: 0,
      active: 0,
      openSlots: null,
      startable: 0,
      oldestDueTime: null,
      nextStartTime: null,
      workersOnline: 0,
    })
  })

  test('startable is within the limits of each queue and of the pool', async () => {
    const pool = await t.make.pool({ concurrency_limit: 6 })
    const a = await t.make.queue({ work_pool_id: pool, concurrency_limit: 3 })
    const b = await t.make.queue({ work_pool_id: pool, concurrency_limit: 2 })
    await t.make.runs([a, b].flatMap((work_queue_id) => times(5, { work_queue_id, ...due })))
    expect(await read(pool)).toMatchObject({ due: 10, startable: 5, openSlots: 6 })
    await t.make.run({ work_queue_id: a, ...running })
    expect(await read(pool)).toMatchObject({ startable: 4, openSlots: 5 })
    await t.make.set('work_pool', pool, { concurrency_limit: 4 })
    expect(await read(pool)).toMatchObject({ startable: 3, openSlots: 3 })
    await t.make.set('work_pool', pool, { concurrency_limit: 1 })
    expect(await read(pool)).toMatchObject({ startable: 0, openSlots: 0 })
    await t.make.set('work_pool', pool, { concurrency_limit: null, is_paused: true })
    expect(await read(pool)).toMatchObject({ due: 10, startable: 0, openSlots: null, isPaused: true })
  })

  test('runs by name alone count in the default agent pool, against its limit too, and are not startable', async () => {
    const queue = await t.make.agentQueue({ name: 'etl' })
    const agents = (await readWorkPoolStats(t.db, { now })).find(
      ({ workPoolName }) => workPoolName === 'default-agent-pool',
    )
    const pool = agents?.workPoolId ?? ''
    await t.make.set('work_pool', pool, { concurrency_limit: 3 })
    const elsewhere = await t.make.pool()
    await t.make.queue({ name: 'etl', work_pool_id: elsewhere })
    const early = addSeconds(now, -90)
    await t.make.runs([
      ...times(4, { work_queue_id: queue, ...due }),
      { work_queue_name: 'etl', next_scheduled_start_time: early, state_name: 'Late' },
      { work_queue_name: 'etl', ...running },
      { work_queue_name: 'gone', ...due },
    ])
    expect(await read(pool)).toMatchObject({ due: 5, late: 1, scheduled: 5, active: 1, openSlots: 2, startable: 2 })
    expect(await read(pool)).toMatchObject({ oldestDueTime: early, nextStartTime: early })
    expect(await read(elsewhere)).toMatchObject({ due: 0, active: 0, nextStartTime: null })
  })

  test('counts end at the cap over all queues, but for active runs', async () => {
    const pool = await t.make.pool()
    const queues = [await t.make.queue({ work_pool_id: pool }), await t.make.queue({ work_pool_id: pool })]
    await t.make.runs(
      queues.flatMap((work_queue_id) => [
        ...times(3, { work_queue_id, ...due, state_name: 'Late' }),
        ...times(2, { work_queue_id, next_scheduled_start_time: addSeconds(now, 60) }),
        ...times(3, { work_queue_id, ...running }),
      ]),
    )
    expect(await read(pool)).toMatchObject({ due: 6, late: 6, scheduled: 10, active: 6, startable: 6 })
    expect(await read(pool, { cap: 8 })).toMatchObject({ due: 6, late: 6, scheduled: 8, active: 6, startable: 6 })
    expect(await read(pool, { cap: 5 })).toMatchObject({ due: 5, late: 5, scheduled: 5, active: 6, startable: 5 })
    expect(await read(pool, { cap: 0 })).toMatchObject({ due: 0, late: 0, scheduled: 0, active: 6, startable: 0 })
  })

  test('all pools by name in byte order, or those that are given; an empty list is none', async () => {
    const b = await t.make.pool({ name: 'b' })
    const upper = await t.make.pool({ name: 'B' })
    await t.make.pool({ name: 'a' })
    const names = async (workPoolIds?: string[]): Promise<string[]> =>
      (await readWorkPoolStats(t.db, { workPoolIds, now })).map(({ workPoolName }) => workPoolName)
    expect(await names()).toEqual(['B', 'a', 'b'])
    expect(await names([b, upper.toUpperCase(), testId(404), b])).toEqual(['B', 'b'])
    expect(await names([...Array.from({ length: 500 }, (_, n) => testId(n, 404)), b])).toEqual(['b'])
    expect(await names([])).toEqual([])
  })

  test('it is one statement, which changes nothing; without now, the clock says what is due', async () => {
    const pool = await t.make.pool({ concurrency_limit: 5 })
    const queue = await t.make.queue({ work_pool_id: pool, filter: { tags: [], deployment_ids: null } })
    await t.make.run({ work_queue_id: queue, next_scheduled_start_time: new Date(Date.now() - 60_000) })
    await t.make.run({ work_queue_id: queue, next_scheduled_start_time: new Date(Date.now() + 3_600_000) })
    const before = await allRows(t.database)
    t.database.statements.length = 0
    expect(await readWorkPoolStats(t.db, { workPoolIds: [pool] })).toMatchObject([
      { due: 1, scheduled: 2, startable: 1 },
    ])
    expect(t.database.statements).toHaveLength(1)
    expect(await allRows(t.database)).toEqual(before)
  })

  test('options that are not valid are refused', async () => {
    t.database.statements.length = 0
    for (const options of [{ cap: -1 }, { workPoolIds: ['x'] }, { workQueueIds: [] }]) {
      await expect(readWorkPoolStats(t.db, options as object)).rejects.toThrow(InvalidInputError)
    }
    expect(t.database.statements).toEqual([])
  })
})
