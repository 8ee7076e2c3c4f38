import { createWorkQueue, readWorkQueue, readWorkQueueByName, type WorkQueueStatus } from 'kysely-work-queues'
import { describe, expect, test } from 'vitest'
import { describeOnDatabases } from '../support/describe-databases.js'
import { testId } from '../support/factory.js'

const time = new Date('2035-01-01T12:00:00.123Z')

describeOnDatabases('readWorkQueue', (t) => {
  test('finds nothing where there is nothing', async () => {
    await t.make.queue()
    expect(await readWorkQueue(t.db, testId(404))).toBeUndefined()
  })

  test('reads every column', async () => {
    const work_pool_id = await t.make.pool()
    const id = await t.make.queue({
      created: time,
      updated: new Date(time.getTime() + 1),
      name: '[1, "two"]',
      description: '{"looks": "like JSON"}',
      is_paused: true,
      concurrency_limit: 0,
      priority: 2 ** 31 - 1,
      work_pool_id,
      filter: { tags: ['a_b', 'cD'], deployment_ids: [testId(1)] },
      last_polled: new Date(time.getTime() + 2),
      status: 'PAUSED',
    })
    expect(await readWorkQueue(t.db, id)).toEqual({
      id,
      created: time,
      updated: new Date(time.getTime() + 1),
      name: '[1, "two"]',
      description: '{"looks": "like JSON"}',
      isPaused: true,
      concurrencyLimit: 0,
      priority: 2 ** 31 - 1,
      workPoolId: work_pool_id,
      filter: { tags: ['a_b', 'cD'], deploymentIds: [testId(1)] },
      lastPolled: new Date(time.getTime() + 2),
      status: 'PAUSED',
    })
  })

  test('reads absent values as null, and a filter of one key with the other null', async () => {
    const id = await t.make.queue({ filter: { tags: ['a'] } })
    const queue = await readWorkQueue(t.db, id)
    expect(queue).toMatchObject({
      concurrencyLimit: null,
      lastPolled: null,
      filter: { tags: ['a'], deploymentIds: null },
    })
    expect((await readWorkQueue(t.db, await t.make.queue()))?.filter).toBeNull()
  })

  test.each<WorkQueueStatus>(['READY', 'NOT_READY', 'PAUSED'])('reads the status %s', async (status) => {
    const id = await t.make.queue({ status })
    expect((await readWorkQueue(t.db, id))?.status).toBe(status)
  })

  test('cuts off the microseconds that other programs write', async () => {
    const text = t.kind.dialect === 'postgres' ? '2035-01-01T12:00:00.123999Z' : '2035-01-01 12:00:00.123999'
    const id = await t.make.queue({ last_polled: text })
    expect((await readWorkQueue(t.db, id))?.lastPolled).toEqual(time)
  })

  test('takes an id in upper case', async () => {
    const id = 'abcdefab-cdef-4abc-8def-abcdefabcdef'
    await t.make.queue({ id, name: 'etl' })
    expect(await readWorkQueue(t.db, id.toUpperCase())).toMatchObject({ id, name: 'etl' })
  })
})

describeOnDatabases('readWorkQueueByName', (t) => {
  describe('when the default agent pool exists', () => {
    test('looks in that pool only', async () => {
      const elsewhere = await t.make.queue({ name: 'elsewhere' })
      await t.make.queue({ name: 'both' })
      const { id, workPoolId } = await createWorkQueue(t.db, { name: 'both' })
      await t.make.queue({ name: 'both' })
      expect(await readWorkQueueByName(t.db, 'both')).toMatchObject({ id, workPoolId })
      expect(await readWorkQueueByName(t.db, 'elsewhere')).toBeUndefined()
      expect(await readWorkQueue(t.db, elsewhere)).toBeDefined()
    })

    test('looks in the pool that is named', async () => {
      await createWorkQueue(t.db, { name: 'etl' })
      const work_pool_id = await t.make.pool({ name: 'other' })
      const id = await t.make.queue({ name: 'etl', work_pool_id })
      expect(await readWorkQueueByName(t.db, 'etl', { workPoolName: 'other' })).toMatchObject({ id })
      expect(await readWorkQueueByName(t.db, 'etl', { workPoolName: undefined })).not.toMatchObject({ id })
      expect(await readWorkQueueByName(t.db, 'etl', { workPoolName: 'missing' })).toBeUndefined()
    })
  })

  test('without a default agent pool, it looks in every pool, and takes the lowest id', async () => {
    const [low, high] = [testId(1), testId(2)]
    await t.make.queue({ id: high, name: 'etl' })
    await t.make.queue({ id: low, name: 'etl' })
    expect(await readWorkQueueByName(t.db, 'etl')).toMatchObject({ id: low })
    expect(await readWorkQueueByName(t.db, 'missing')).toBeUndefined()
  })

  test('tells upper from lower case, and takes wildcards as they are', async () => {
    await t.make.queue({ name: 'ETL' })
    expect(await readWorkQueueByName(t.db, 'etl')).toBeUndefined()
    expect(await readWorkQueueByName(t.db, 'E_L')).toBeUndefined()
  })
})
