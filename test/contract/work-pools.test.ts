import { addSeconds } from 'date-fns'
import {
  countWorkPools,
  createWorkPool,
  deleteWorkPool,
  readWorkPool,
  readWorkPoolByName,
  readWorkPools,
  type ReadWorkPoolsOptions,
  readWorkQueue,
  readWorkQueues,
  type WorkPoolCreate,
  type WorkPoolFilter,
} from 'kysely-work-queues'
import { expect, test } from 'vitest'
import { describeOnDatabases } from '../support/describe-databases.js'
import { allRows, testId } from '../support/factory.js'

const now = new Date('2035-01-01T12:00:00.123Z')
const byBytes = (a: string, b: string): number => Buffer.compare(Buffer.from(a), Buffer.from(b))

const json = {
  snake_case: { nested_key: [1, 2.5, null, true, { camelCase: 'é 😀 \\ " \n' }] },
  camelCase: {},
  'a key': '{"like": "JSON"}',
}

describeOnDatabases('createWorkPool', (t) => {
  test('stores every value that is given, and makes the queue `default`', async () => {
    const input: Required<WorkPoolCreate> = {
      name: 'kubernetes',
      type: 'kubernetes',
      description: 'big machines',
      baseJobTemplate: json,
      isPaused: false,
      concurrencyLimit: 50,
      storageConfiguration: { bundle_upload_step: json },
    }
    const pool = await createWorkPool(t.db, input, { now })
    expect(pool).toEqual({
      ...input,
      id: pool.id,
      created: now,
      updated: now,
      defaultQueueId: pool.defaultQueueId,
      status: 'NOT_READY',
      lastTransitionedStatusAt: null,
      lastStatusEventId: null,
    })
    expect(await readWorkPool(t.db, pool.id)).toEqual(pool)
    const queues = await readWorkQueues(t.db)
    expect(queues).toEqual([
      {
        id: pool.defaultQueueId,
        created: now,
        updated: now,
        name: 'default',
        description: expect.any(String),
        isPaused: false,
        concurrencyLimit: null,
        priority: 1,
        workPoolId: pool.id,
        filter: null,
        lastPolled: null,
        status: 'NOT_READY',
      },
    ])
  })

  test('gives defaults to what is absent', async () => {
    const pool = await createWorkPool(t.db, { name: 'pool' }, { now })
    expect(pool).toMatchObject({
      type: 'prefect-agent',
      description: null,
      baseJobTemplate: {},
      isPaused: false,
      concurrencyLimit: null,
      status: 'NOT_READY',
      storageConfiguration: {},
    })
    expect(await readWorkPool(t.db, pool.id)).toEqual(pool)
  })

  test('a pool created paused is PAUSED, but for one of type `prefect-agent`', async () => {
    const paused = { isPaused: true }
    expect(await createWorkPool(t.db, { name: 'a', type: 'process', ...paused })).toMatchObject({ status: 'PAUSED' })
    expect(await createWorkPool(t.db, { name: 'b', type: 'prefect-agent', ...paused })).toMatchObject({
      status: 'NOT_READY',
    })
    expect(await readWorkPoolByName(t.db, 'a')).toMatchObject({ status: 'PAUSED', isPaused: true })
  })

  test('a taken name is refused, and nothing is changed', async () => {
    await t.make.pool({ name: 'taken' })
    const before = await allRows(t.database)
    await expect(createWorkPool(t.db, { name: 'taken', type: 'process' })).rejects.toMatchObject({
      name: 'WorkPoolExistsError',
      code: 'WORK_POOL_EXISTS',
      workPoolName: 'taken',
    })
    expect(await allRows(t.database)).toEqual(before)
  })

  test('many of one name at once make one pool', async () => {
    const results = await Promise.allSettled(Array.from({ length: 10 }, () => createWorkPool(t.db, { name: 'same' })))
    const errors = results.flatMap((result) => (result.status === 'rejected' ? [result.reason.name] : []))
    expect(errors).toEqual(Array.from({ length: 9 }, () => 'WorkPoolExistsError'))
    expect(await readWorkQueues(t.db)).toHaveLength(1)
  })
})

describeOnDatabases('reading work pools', (t) => {
  const names = async (options?: ReadWorkPoolsOptions): Promise<string[]> => {
    const pools = await readWorkPools(t.db, options)
    if (options?.limit === undefined && options?.offset === undefined) {
      expect(await countWorkPools(t.db, { filter: options?.filter })).toBe(pools.length)
    }
    return pools.map(({ name }) => name)
  }
  const matching = (filter: WorkPoolFilter): Promise<string[]> => names({ filter })

  test('reads every column, by id and by name', async () => {
    const id = 'abcdefab-cdef-4abc-8def-abcdefabcdef'
    await t.make.pool({
      id,
      created: now,
      updated: addSeconds(now, 1),
      name: '[1]',
      description: 'null',
      type: 'process',
      base_job_template: json,
      is_paused: true,
      concurrency_limit: 0,
      status: 'PAUSED',
      last_transitioned_status_at: addSeconds(now, 2),
      last_status_event_id: testId(1),
      storage_configuration: { a_b: 1 },
    })
    await t.make.pool({ name: 'other' })
    const pool = await readWorkPool(t.db, id)
    expect(pool).toEqual({
      id,
      created: now,
      updated: addSeconds(now, 1),
      name: '[1]',
      description: 'null',
      type: 'process',
      baseJobTemplate: json,
      isPaused: true,
      concurrencyLimit: 0,
      defaultQueueId: pool?.defaultQueueId,
      status: 'PAUSED',
      lastTransitionedStatusAt: addSeconds(now, 2),
      lastStatusEventId: testId(1),
      storageConfiguration: { a_b: 1 },
    })
    expect((await readWorkQueue(t.db, pool?.defaultQueueId ?? ''))?.workPoolId).toBe(id)
    expect(await readWorkPoolByName(t.db, '[1]')).toEqual(pool)
    expect(await readWorkPool(t.db, id.toUpperCase())).toEqual(pool)
  })

  test('finds nothing where there is nothing', async () => {
    await t.make.pool({ name: 'pool' })
    expect(await readWorkPool(t.db, testId(404))).toBeUndefined()
    expect(await readWorkPoolByName(t.db, 'POOL')).toBeUndefined()
    expect(await deleteWorkPool(t.db, testId(404))).toBe(false)
  })

  test('orders names by their bytes, and reads a page', async () => {
    const unordered = ['b', 'B', 'a', 'Z', 'ä', '_', '10', '2', 'a b', '😀', '｡']
    for (const name of unordered) await t.make.pool({ name })
    const sorted = unordered.toSorted(byBytes)
    expect(await names()).toEqual(sorted)
    expect(await names({ limit: 3, offset: 2 })).toEqual(sorted.slice(2, 5))
    expect(await names({ offset: 9 })).toEqual(sorted.slice(9))
    expect(await names({ limit: 0 })).toEqual([])
  })

  test('filters by id, name and type', async () => {
    const ids = [
      await t.make.pool({ name: 'a', type: 'process' }),
      await t.make.pool({ name: 'b', type: 'docker' }),
      await t.make.pool({ name: "c'", type: 'process' }),
    ]
    const [a = '', b = ''] = ids
    expect(await matching({ id: { any: [b.toUpperCase(), testId(404)] } })).toEqual(['b'])
    expect(await matching({ name: { any: ["c'", 'a', 'x'] } })).toEqual(['a', "c'"])
    expect(await matching({ type: { any: ['process'] } })).toEqual(['a', "c'"])
    expect(await matching({ type: { any: ['process'] }, id: { any: [a, b] } })).toEqual(['a'])
    expect(await matching({ operator: 'or', name: { any: ['b'] }, type: { any: ['process'] } })).toEqual([
      'a',
      'b',
      "c'",
    ])
    expect(await matching({ operator: 'or', name: { any: [] }, id: { any: [a] } })).toEqual(['a'])
    expect(await matching({})).toHaveLength(3)
    for (const key of ['id', 'name', 'type']) expect(await matching({ [key]: { any: [] } })).toEqual([])
  })

  test('a deleted default agent pool is created again when it is needed', async () => {
    const first = await createWorkPool(t.db, { name: 'default-agent-pool' })
    expect(await deleteWorkPool(t.db, first.id.toUpperCase())).toBe(true)
    expect(await readWorkPools(t.db)).toEqual([])
    expect(await readWorkQueues(t.db)).toEqual([])
  })
})
