import {
  createWorkPool,
  deleteWorkPool,
  readWorkPool,
  readWorkPoolByName,
  readWorkPools,
  readWorkQueues,
  type WorkPoolCreate,
} from 'kysely-work-queues'
import { expect, test } from 'vitest'
import { describeOnDatabases } from '../support/describe-databases.js'
import { allRows } from '../support/factory.js'

const now = new Date('2035-01-01T12:00:00.123Z')

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

  test('a deleted pool is gone with its queue, and its name is free again', async () => {
    const first = await createWorkPool(t.db, { name: 'default-agent-pool' })
    expect(await deleteWorkPool(t.db, first.id.toUpperCase())).toBe(true)
    expect(await deleteWorkPool(t.db, first.id)).toBe(false)
    expect(await readWorkPools(t.db)).toEqual([])
    expect(await readWorkQueues(t.db)).toEqual([])
    const second = await createWorkPool(t.db, { name: 'default-agent-pool' })
    expect(second.id).not.toBe(first.id)
    expect(await readWorkPools(t.db)).toEqual([second])
  })
})
