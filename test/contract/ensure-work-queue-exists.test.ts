import {
  countWorkPools,
  countWorkQueues,
  createWorkQueue,
  ensureWorkQueueExists,
  readWorkPoolByName,
  readWorkQueue,
  readWorkQueues,
  updateWorkQueue,
} from 'kysely-work-queues'
import { expect, test } from 'vitest'
import { describeOnDatabases } from '../support/describe-databases.js'
import { allRows, testId } from '../support/factory.js'

const now = new Date('2035-01-01T12:00:00.123Z')

describeOnDatabases('ensureWorkQueueExists', (t) => {
  const priorities = async (): Promise<Record<string, number>> =>
    Object.fromEntries((await readWorkQueues(t.db)).map(({ name, priority }) => [name, priority]))

  test('creates the queue in the default pool, with priority 1', async () => {
    const queue = await ensureWorkQueueExists(t.db, 'etl', { now })
    const pool = await readWorkPoolByName(t.db, 'default-agent-pool')
    expect(queue).toEqual({
      id: queue.id,
      created: now,
      updated: now,
      name: 'etl',
      description: '',
      isPaused: false,
      concurrencyLimit: null,
      priority: 1,
      workPoolId: pool?.id,
      filter: null,
      lastPolled: null,
      status: 'NOT_READY',
    })
    expect(await readWorkQueue(t.db, queue.id)).toEqual(queue)
    expect(await priorities()).toEqual({ etl: 1, default: 2 })
  })

  test('returns the queue that is there, and writes nothing', async () => {
    const queue = await createWorkQueue(t.db, { name: 'etl', isPaused: true, priority: 7 })
    const before = await allRows(t.database)
    t.database.statements.length = 0
    expect(await ensureWorkQueueExists(t.db, 'etl')).toEqual(queue)
    expect(t.database.statements).toHaveLength(1)
    expect(t.database.statements[0]).toMatch(/^\s*select\b/)
    expect(await allRows(t.database)).toEqual(before)
  })

  test('each new queue pushes the earlier ones down', async () => {
    for (const name of ['a', 'b', 'c', 'a']) await ensureWorkQueueExists(t.db, name)
    expect(await priorities()).toEqual({ c: 1, b: 2, a: 3, default: 4 })
  })

  test('`default` is the default queue of the default pool, which is created if absent', async () => {
    const queue = await ensureWorkQueueExists(t.db, 'default', { now })
    expect(queue).toMatchObject({ name: 'default', priority: 1, created: now })
    expect((await readWorkPoolByName(t.db, 'default-agent-pool'))?.defaultQueueId).toBe(queue.id)
    expect(await ensureWorkQueueExists(t.db, 'default')).toEqual(queue)
    expect(await countWorkQueues(t.db)).toBe(1)
  })

  test('`default` is that queue also under a new name', async () => {
    const { id } = await ensureWorkQueueExists(t.db, 'default')
    await updateWorkQueue(t.db, id, { name: 'main' })
    expect(await ensureWorkQueueExists(t.db, 'default')).toEqual(await readWorkQueue(t.db, id))
    expect((await ensureWorkQueueExists(t.db, 'main')).id).toBe(id)
    expect(await countWorkQueues(t.db)).toBe(1)
  })

  test('a queue of another pool does not count when the default pool exists', async () => {
    const elsewhere = await t.make.queue({ name: 'etl' })
    await createWorkQueue(t.db, { name: 'other' })
    const queue = await ensureWorkQueueExists(t.db, 'etl')
    expect(queue.id).not.toBe(elsewhere)
    expect(queue.workPoolId).toBe((await readWorkPoolByName(t.db, 'default-agent-pool'))?.id)
  })

  test('a queue of any pool counts when there is no default pool', async () => {
    const elsewhere = await t.make.queue({ name: 'etl' })
    expect((await ensureWorkQueueExists(t.db, 'etl')).id).toBe(elsewhere)
    expect(await countWorkPools(t.db)).toBe(1)
  })

  test('many calls at once all get the same queue', async () => {
    const queues = await Promise.all(Array.from({ length: 20 }, () => ensureWorkQueueExists(t.db, 'etl')))
    expect(new Set(queues.map(({ id }) => id)).size).toBe(1)
    expect(await priorities()).toEqual({ etl: 1, default: 2 })
    expect(await countWorkPools(t.db)).toBe(1)
  })

  test('in a given pool, takes the first free priority, so that no other queue moves', async () => {
    const workPoolId = await t.make.pool()
    await t.make.queue({ name: 'low', priority: 3, work_pool_id: workPoolId })
    const queue = await ensureWorkQueueExists(t.db, 'etl', { workPoolId, now })
    expect(queue).toMatchObject({ name: 'etl', priority: 2, workPoolId, created: now, status: 'NOT_READY' })
    expect(await readWorkQueue(t.db, queue.id)).toEqual(queue)
    expect(await priorities()).toEqual({ default: 1, etl: 2, low: 3 })
    expect((await ensureWorkQueueExists(t.db, 'more', { workPoolId })).priority).toBe(4)
    expect(await countWorkPools(t.db)).toBe(1)
  })

  test('in a given pool, returns the queue of that name there, and of no other pool, and writes nothing', async () => {
    const { id: elsewhere } = await createWorkQueue(t.db, { name: 'etl' })
    const workPoolId = await t.make.pool()
    const queue = await ensureWorkQueueExists(t.db, 'etl', { workPoolId })
    expect(queue.id).not.toBe(elsewhere)
    expect(queue.workPoolId).toBe(workPoolId)
    await updateWorkQueue(t.db, queue.id, { isPaused: true })
    const before = await allRows(t.database)
    t.database.statements.length = 0
    expect(await ensureWorkQueueExists(t.db, 'etl', { workPoolId: workPoolId.toUpperCase() })).toEqual(
      await readWorkQueue(t.db, queue.id),
    )
    expect(t.database.statements.slice(0, -1)).toHaveLength(1)
    expect(await allRows(t.database)).toEqual(before)
  })

  test('in a given pool, `default` is a name like any other', async () => {
    const workPoolId = await t.make.pool()
    const existing = await ensureWorkQueueExists(t.db, 'default', { workPoolId })
    await updateWorkQueue(t.db, existing.id, { name: 'main' })
    const queue = await ensureWorkQueueExists(t.db, 'default', { workPoolId })
    expect(queue.id).not.toBe(existing.id)
    expect(queue).toMatchObject({ name: 'default', priority: 2 })
  })

  test('refuses a pool that does not exist, and leaves the caller’s transaction usable', async () => {
    const error = { name: 'WorkPoolNotFoundError', code: 'WORK_POOL_NOT_FOUND', id: testId(404) }
    await expect(ensureWorkQueueExists(t.db, 'etl', { workPoolId: testId(404) })).rejects.toMatchObject(error)
    await t.db.transaction().execute(async (trx) => {
      await expect(ensureWorkQueueExists(trx, 'etl', { workPoolId: testId(404) })).rejects.toMatchObject(error)
      await ensureWorkQueueExists(trx, 'etl')
    })
    expect(await priorities()).toEqual({ etl: 1, default: 2 })
  })

  test('many calls at once, in a given pool, all get the same queues', async () => {
    const workPoolId = await t.make.pool()
    const names = Array.from({ length: 20 }, (_, n) => `q${n % 4}`)
    const queues = await Promise.all(names.map((name) => ensureWorkQueueExists(t.db, name, { workPoolId })))
    expect(new Set(queues.map(({ id }) => id)).size).toBe(4)
    expect(queues.map(({ name }) => name)).toEqual(names)
    expect(new Set(Object.values(await priorities()))).toEqual(new Set([1, 2, 3, 4, 5]))
  })
})
