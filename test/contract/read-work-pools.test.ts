import { addSeconds } from 'date-fns'
import {
  countWorkPools,
  readWorkPool,
  readWorkPoolByName,
  readWorkPools,
  type ReadWorkPoolsOptions,
  readWorkQueue,
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

describeOnDatabases('readWorkPool and readWorkPoolByName', (t) => {
  test('read every column that another program wrote', async () => {
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
    expect(await readWorkQueue(t.db, pool?.defaultQueueId ?? '')).toMatchObject({ name: 'default', workPoolId: id })
    expect(await readWorkPoolByName(t.db, '[1]')).toEqual(pool)
    expect(await readWorkPool(t.db, id.toUpperCase())).toEqual(pool)
  })

  test('read absent values as null', async () => {
    const id = await t.make.pool()
    await t.make.set('work_pool', id, { default_queue_id: null })
    expect(await readWorkPool(t.db, id)).toMatchObject({
      description: null,
      concurrencyLimit: null,
      defaultQueueId: null,
      lastTransitionedStatusAt: null,
      lastStatusEventId: null,
      baseJobTemplate: {},
      storageConfiguration: {},
      isPaused: false,
      status: 'NOT_READY',
    })
  })

  test('find nothing where there is nothing', async () => {
    await t.make.pool({ name: 'pool' })
    expect(await readWorkPool(t.db, testId(404))).toBeUndefined()
    for (const name of ['POOL', 'pool ', 'poo', 'p_ol']) expect(await readWorkPoolByName(t.db, name)).toBeUndefined()
    expect((await readWorkPoolByName(t.db, 'pool'))?.name).toBe('pool')
  })
})

describeOnDatabases('readWorkPools and countWorkPools', (t) => {
  const names = async (options?: ReadWorkPoolsOptions): Promise<string[]> =>
    (await readWorkPools(t.db, options)).map(({ name }) => name)
  /** Reads with a filter, and checks that counting with it agrees. */
  const matching = async (filter: WorkPoolFilter): Promise<string[]> => {
    const found = await names({ filter })
    expect(await countWorkPools(t.db, { filter })).toBe(found.length)
    return found
  }

  test('an empty database has no pools', async () => {
    expect(await readWorkPools(t.db)).toEqual([])
    expect(await countWorkPools(t.db)).toBe(0)
  })

  test('read pools as readWorkPool does, and change nothing', async () => {
    const id = await t.make.pool({ base_job_template: json, concurrency_limit: 2 })
    const before = await allRows(t.database)
    expect(await readWorkPools(t.db)).toEqual([await readWorkPool(t.db, id)])
    expect(await countWorkPools(t.db)).toBe(1)
    expect(await allRows(t.database)).toEqual(before)
  })

  test('names are ordered by their bytes, whatever the collation of the database', async () => {
    const unordered = ['b', 'B', 'a', 'Z', 'ä', '_', '10', '2', 'a b', 'ab', 'a-b', '😀', '｡']
    for (const name of unordered) await t.make.pool({ name })
    expect(await names()).toEqual(unordered.toSorted(byBytes))
    expect(await matching({ operator: 'or' })).toEqual(unordered.toSorted(byBytes))
  })

  test('a page is a part of that order', async () => {
    for (const name of ['d', 'b', 'a', 'e', 'c']) await t.make.pool({ name })
    expect(await names({ limit: 2, offset: 1 })).toEqual(['b', 'c'])
    expect(await names({ limit: 2 })).toEqual(['a', 'b'])
    expect(await names({ offset: 3 })).toEqual(['d', 'e'])
    expect(await names({ limit: 2 ** 31 - 1, offset: 4 })).toEqual(['e'])
    expect(await names({ offset: 2 ** 31 - 1 })).toEqual([])
    expect(await names({ limit: 0 })).toEqual([])
    expect(await names({ filter: { name: { any: ['e', 'c', 'a'] } }, limit: 1, offset: 1 })).toEqual(['c'])
  })

  test('filter by id, name and type', async () => {
    const a = await t.make.pool({ name: 'a', type: 'process' })
    const b = await t.make.pool({ name: 'b', type: 'docker' })
    await t.make.pool({ name: "c'", type: 'process' })
    expect(await matching({ id: { any: [b.toUpperCase(), testId(404)] } })).toEqual(['b'])
    expect(await matching({ id: { any: [b, a, b] } })).toEqual(['a', 'b'])
    expect(await matching({ name: { any: ["c'", 'a', 'x'] } })).toEqual(['a', "c'"])
    expect(await matching({ name: { any: ['A', 'c%'] } })).toEqual([])
    expect(await matching({ type: { any: ['process'] } })).toEqual(['a', "c'"])
    expect(await matching({ type: { any: ['docker', 'PROCESS'] } })).toEqual(['b'])
    expect(await matching({})).toEqual(['a', 'b', "c'"])
    expect(await matching({ id: {}, name: {}, type: {} })).toEqual(['a', 'b', "c'"])
  })

  test('all keys of a filter must match, or one of them with the operator `or`', async () => {
    const a = await t.make.pool({ name: 'a', type: 'process' })
    const b = await t.make.pool({ name: 'b', type: 'docker' })
    await t.make.pool({ name: 'c', type: 'process' })
    const criteria: WorkPoolFilter = { type: { any: ['process'] }, id: { any: [a, b] } }
    expect(await matching(criteria)).toEqual(['a'])
    expect(await matching({ ...criteria, operator: 'and' })).toEqual(['a'])
    expect(await matching({ ...criteria, operator: 'or' })).toEqual(['a', 'b', 'c'])
    expect(await matching({ operator: 'or', name: { any: ['b'] }, type: { any: ['x'] } })).toEqual(['b'])
  })

  test('an empty list matches nothing', async () => {
    const a = await t.make.pool({ name: 'a' })
    for (const key of ['id', 'name', 'type']) expect(await matching({ [key]: { any: [] } })).toEqual([])
    expect(await matching({ operator: 'or', name: { any: [] }, id: { any: [a] } })).toEqual(['a'])
    expect(await matching({ operator: 'or', name: { any: [] }, id: { any: [] } })).toEqual([])
  })
})
