import {
  countWorkQueues,
  createWorkQueue,
  readWorkPoolByName,
  readWorkQueue,
  readWorkQueueByName,
  readWorkQueues,
  type WorkQueueCreate,
} from 'kysely-work-queues'
import { addSeconds } from 'date-fns'
import { expect, test } from 'vitest'
import { describeOnDatabases } from '../support/describe-databases.js'
import { allRows, testId } from '../support/factory.js'

const now = new Date('2035-01-01T12:00:00.123Z')
const maxPriority = 2 ** 31 - 1

describeOnDatabases('createWorkQueue', (t) => {
  /** The priorities in a pool, by the names of the queues. */
  const priorities = async (workPoolId: string): Promise<Record<string, number>> => {
    const queues = await readWorkQueues(t.db, { workPoolId })
    return Object.fromEntries(queues.map(({ name, priority }) => [name, priority]))
  }

  test('stores every value that is given', async () => {
    const workPoolId = await t.make.pool()
    const input: WorkQueueCreate = {
      name: 'etl',
      description: 'nightly loads',
      isPaused: false,
      concurrencyLimit: 7,
      priority: 3,
      workPoolId,
      filter: { tags: ['a', 'é'], deploymentIds: [testId(1), testId(2)] },
      lastPolled: addSeconds(now, -5),
    }
    const queue = await createWorkQueue(t.db, input, { now })
    expect(queue).toEqual({ ...input, id: queue.id, created: now, updated: now, status: 'NOT_READY' })
    expect(queue.id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
    expect(await readWorkQueue(t.db, queue.id)).toEqual(queue)
  })

  test('gives defaults to what is absent or null', async () => {
    const workPoolId = await t.make.pool()
    const expected = {
      created: now,
      updated: now,
      description: '',
      isPaused: false,
      concurrencyLimit: null,
      workPoolId,
      filter: null,
      lastPolled: null,
      status: 'NOT_READY',
    }
    const absent = await createWorkQueue(t.db, { name: 'absent', workPoolId }, { now })
    expect(absent).toEqual({ ...expected, id: absent.id, name: 'absent', priority: 2 })

    const nulls: WorkQueueCreate = {
      name: 'nulls',
      workPoolId,
      description: null,
      concurrencyLimit: null,
      priority: null,
      filter: null,
      lastPolled: null,
    }
    const cleared = await createWorkQueue(t.db, nulls, { now })
    expect(cleared).toEqual({ ...expected, id: cleared.id, name: 'nulls', priority: 3 })
    expect(await readWorkQueue(t.db, cleared.id)).toEqual(cleared)
  })

  test('keeps a filter of one key, the other being null', async () => {
    const tagged = await createWorkQueue(t.db, { name: 'tagged', filter: { tags: [] } })
    const deployed = await createWorkQueue(t.db, { name: 'deployed', filter: { deploymentIds: [], tags: null } })
    expect((await readWorkQueue(t.db, tagged.id))?.filter).toEqual({ tags: [], deploymentIds: null })
    expect((await readWorkQueue(t.db, deployed.id))?.filter).toEqual({ tags: null, deploymentIds: [] })
  })

  test('asks the clock when no time is given', async () => {
    const before = Date.now()
    const { created, updated } = await createWorkQueue(t.db, { name: 'etl' })
    expect(created.getTime()).toBeGreaterThanOrEqual(before)
    expect(created.getTime()).toBeLessThanOrEqual(Date.now())
    expect(updated).toEqual(created)
  })

  test('a queue created paused is PAUSED', async () => {
    const queue = await createWorkQueue(t.db, { name: 'etl', isPaused: true, lastPolled: now }, { now })
    expect(queue).toMatchObject({ isPaused: true, status: 'PAUSED' })
    expect(await readWorkQueue(t.db, queue.id)).toEqual(queue)
  })

  test('without a pool, the default agent pool is created with its queue', async () => {
    const queue = await createWorkQueue(t.db, { name: 'etl' }, { now })
    const pool = await readWorkPoolByName(t.db, 'default-agent-pool')
    expect(pool).toMatchObject({ id: queue.workPoolId, type: 'prefect-agent', status: 'NOT_READY', created: now })
    expect(await readWorkQueueByName(t.db, 'default')).toMatchObject({
      id: pool?.defaultQueueId,
      priority: 1,
      workPoolId: queue.workPoolId,
    })
    expect(await priorities(queue.workPoolId)).toEqual({ default: 1, etl: 2 })
  })

  test('asked for `default` while there was no default pool, it returns the queue just created with it', async () => {
    const queue = await createWorkQueue(t.db, { name: 'default', priority: 9, isPaused: true })
    const pool = await readWorkPoolByName(t.db, 'default-agent-pool')
    expect(pool?.defaultQueueId).toBe(queue.id)
    expect(queue).toMatchObject({ priority: 1, isPaused: false })
    expect(await readWorkQueues(t.db)).toEqual([queue])
    await expect(createWorkQueue(t.db, { name: 'default' })).rejects.toMatchObject({
      name: 'WorkQueueExistsError',
      workPoolId: queue.workPoolId,
    })
  })

  test('without a pool, it goes to the default agent pool that exists', async () => {
    await t.make.pool()
    const workPoolId = await t.make.pool({ name: 'default-agent-pool', type: 'process' })
    expect(await createWorkQueue(t.db, { name: 'etl' })).toMatchObject({ workPoolId, priority: 2 })
    expect(await createWorkQueue(t.db, { name: 'other', workPoolId: null })).toMatchObject({ workPoolId, priority: 3 })
    expect(await countWorkQueues(t.db)).toBe(4)
  })

  test('without a priority, it takes the first free one of its pool', async () => {
    await t.make.queue({ name: 'elsewhere', priority: 3 })
    const workPoolId = await t.make.pool()
    await t.make.queue({ name: 'five', priority: 5, work_pool_id: workPoolId })
    await t.make.queue({ name: 'two', priority: 2, work_pool_id: workPoolId })
    const taken: number[] = []
    for (const name of ['a', 'b', 'c']) taken.push((await createWorkQueue(t.db, { name, workPoolId })).priority)
    expect(taken).toEqual([3, 4, 6])
  })

  test('takes a given priority, and the queues in its way move down by as little as needed', async () => {
    const elsewhere = await t.make.queue({ priority: 2 })
    const workPoolId = await t.make.pool()
    for (const [name, priority] of Object.entries({ b: 2, c: 3, e: 5, f: 6 })) {
      await t.make.queue({ name, priority, work_pool_id: workPoolId, updated: addSeconds(now, -60) })
    }
    const before = await readWorkQueues(t.db)
    const queue = await createWorkQueue(t.db, { name: 'new', workPoolId, priority: 2 }, { now })
    expect(queue.priority).toBe(2)
    expect(await priorities(workPoolId)).toEqual({ default: 1, new: 2, b: 3, c: 4, e: 5, f: 6 })
    expect((await readWorkQueue(t.db, elsewhere))?.priority).toBe(2)
    // Nothing else is written, and nothing at all where nothing moves.
    const moved = new Map([
      ['b', 3],
      ['c', 4],
    ])
    const after = (await readWorkQueues(t.db)).filter(({ id }) => id !== queue.id)
    expect(after).toEqual(
      before.map((row) => {
        const priority = row.workPoolId === workPoolId ? moved.get(row.name) : undefined
        return priority === undefined ? row : { ...row, priority, updated: now }
      }),
    )
  })

  test('a free priority moves no queue', async () => {
    const workPoolId = await t.make.pool()
    await t.make.queue({ name: 'b', priority: 2, work_pool_id: workPoolId })
    const before = await readWorkQueues(t.db, { workPoolId })
    const queue = await createWorkQueue(t.db, { name: 'last', workPoolId, priority: 1000 })
    expect(await readWorkQueues(t.db, { workPoolId })).toEqual([...before, queue])
  })

  test('priorities that were equal or not positive are unique and positive afterwards', async () => {
    const workPoolId = await t.make.pool()
    for (const [name, priority] of Object.entries({ a: -4, b: 0, c: 3, d: 3 })) {
      await t.make.queue({ name, priority, work_pool_id: workPoolId })
    }
    const queue = await createWorkQueue(t.db, { name: 'new', workPoolId, priority: 3 })
    expect(queue.priority).toBe(3)
    const { new: _, ...others } = await priorities(workPoolId)
    const inOrder = Object.entries(others).toSorted(([, a], [, b]) => a - b)
    expect(inOrder.map(([name]) => name)).toEqual(['a', 'b', 'default', 'c', 'd'])
    const values = inOrder.map(([, priority]) => priority)
    expect(new Set([...values, 3]).size).toBe(6)
    expect(Math.min(...values)).toBe(1)
  })

  test('a name taken in the pool is refused, and nothing is changed', async () => {
    const workPoolId = await t.make.pool()
    await t.make.queue({ name: 'etl', priority: 2, work_pool_id: workPoolId })
    const before = await allRows(t.database)
    await expect(createWorkQueue(t.db, { name: 'etl', workPoolId, priority: 1 })).rejects.toMatchObject({
      name: 'WorkQueueExistsError',
      code: 'WORK_QUEUE_EXISTS',
      workQueueName: 'etl',
      workPoolId,
    })
    expect(await allRows(t.database)).toEqual(before)
  })

  test('a name in another pool, or in another case, is another name', async () => {
    const [one, two] = [await t.make.pool(), await t.make.pool()]
    await t.make.queue({ name: 'etl', work_pool_id: one })
    expect(await createWorkQueue(t.db, { name: 'etl', workPoolId: two })).toMatchObject({ name: 'etl' })
    expect(await createWorkQueue(t.db, { name: 'ETL', workPoolId: one })).toMatchObject({ name: 'ETL' })
  })

  test('a pool that does not exist is refused', async () => {
    const id = testId(404)
    await expect(createWorkQueue(t.db, { name: 'etl', workPoolId: id })).rejects.toMatchObject({
      name: 'WorkPoolNotFoundError',
      code: 'WORK_POOL_NOT_FOUND',
      id,
    })
    expect(await countWorkQueues(t.db)).toBe(0)
  })

  test('a queue that would have to move past the largest priority is a refusal, and nothing is changed', async () => {
    const workPoolId = await t.make.pool()
    await t.make.queue({ priority: maxPriority - 1, work_pool_id: workPoolId })
    await t.make.queue({ priority: maxPriority, work_pool_id: workPoolId })
    const before = await allRows(t.database)
    await expect(createWorkQueue(t.db, { name: 'new', workPoolId, priority: maxPriority - 1 })).rejects.toMatchObject({
      name: 'InvalidInputError',
      issues: [{ path: 'priority' }],
    })
    expect(await allRows(t.database)).toEqual(before)
  })
})
