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
import { allRows } from '../support/factory.js'

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
})
