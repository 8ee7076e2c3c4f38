import { addSeconds } from 'date-fns'
import {
  type EmitWorkQueueStatusChange,
  readWorkQueue,
  readWorkQueues,
  updateWorkQueue,
  type WorkQueue,
  type WorkQueueUpdate,
} from 'kysely-work-queues'
import { expect, test, vi } from 'vitest'
import { describeOnDatabases } from '../support/describe-databases.js'
import { allRows, type Row, testId } from '../support/factory.js'

const past = new Date('2035-01-01T11:00:00.000Z')
const now = new Date('2035-01-01T12:00:00.123Z')
const maxPriority = 2 ** 31 - 1

const full: Row = {
  created: past,
  updated: past,
  name: 'etl',
  description: 'nightly',
  concurrency_limit: 5,
  priority: 2,
  filter: { tags: ['a'], deployment_ids: null },
  last_polled: past,
  status: 'READY',
}

describeOnDatabases('updateWorkQueue', (t) => {
  const read = async (id: string): Promise<WorkQueue> => {
    const queue = await readWorkQueue(t.db, id)
    if (queue === undefined) throw new Error('no such queue')
    return queue
  }
  /** Makes a pool with queues of these names and priorities, next to its default queue with priority 1. */
  const makePool = async (
    queues: Record<string, number>,
  ): Promise<{ workPoolId: string; id: Record<string, string> }> => {
    const workPoolId = await t.make.pool()
    const id: Record<string, string> = {}
    for (const [name, priority] of Object.entries(queues)) {
      id[name] = await t.make.queue({ name, priority, work_pool_id: workPoolId, updated: past })
    }
    return { workPoolId, id }
  }
  const priorities = async (workPoolId: string): Promise<Record<string, number>> => {
    const queues = await readWorkQueues(t.db, { workPoolId })
    return Object.fromEntries(queues.map(({ name, priority }) => [name, priority]))
  }

  test('is false when there is no such queue, and changes nothing', async () => {
    await t.make.queue(full)
    const before = await allRows(t.database)
    const emitStatusChange = vi.fn<EmitWorkQueueStatusChange>()
    for (const patch of [{}, { name: 'x' }, { priority: 1 }, { isPaused: true }] satisfies WorkQueueUpdate[]) {
      expect(await updateWorkQueue(t.db, testId(404), patch, { emitStatusChange })).toBe(false)
    }
    expect(await allRows(t.database)).toEqual(before)
    expect(emitStatusChange).not.toHaveBeenCalled()
  })

  test.each<WorkQueueUpdate>([
    { name: 'renamed' },
    { description: 'other' },
    { isPaused: false },
    { concurrencyLimit: 0 },
    { priority: 7 },
    { filter: { tags: null, deploymentIds: [testId(1)] } },
    { lastPolled: now },
    { name: 'renamed', description: '', concurrencyLimit: 9, priority: 1000, lastPolled: addSeconds(now, 3) },
  ])('changes the keys present, and no others: %j', async (patch) => {
    const id = await t.make.queue(full)
    const neighbour = await read(await t.make.queue({ name: 'neighbour', priority: 2 }))
    const before = await read(id)
    expect(await updateWorkQueue(t.db, id, patch, { now })).toBe(true)
    expect(await read(id)).toEqual({ ...before, ...patch, updated: now })
    expect(await read(neighbour.id)).toEqual(neighbour)
  })

  test('undefined counts as absent, and an empty patch sets the time of the update', async () => {
    const id = await t.make.queue(full)
    const before = await read(id)
    const patch: WorkQueueUpdate = {
      name: undefined,
      description: undefined,
      isPaused: undefined,
      concurrencyLimit: undefined,
      priority: undefined,
      filter: undefined,
      lastPolled: undefined,
    }
    expect(await updateWorkQueue(t.db, id, patch, { now })).toBe(true)
    expect(await read(id)).toEqual({ ...before, updated: now })
    expect(await updateWorkQueue(t.db, id, {}, { now: addSeconds(now, 1) })).toBe(true)
    expect(await read(id)).toEqual({ ...before, updated: addSeconds(now, 1) })
  })

  test('null clears', async () => {
    const id = await t.make.queue(full)
    const before = await read(id)
    const patch: WorkQueueUpdate = { description: null, concurrencyLimit: null, filter: null, lastPolled: null }
    expect(await updateWorkQueue(t.db, id, patch, { now })).toBe(true)
    expect(await read(id)).toEqual({ ...before, ...patch, description: '', updated: now })
  })

  test('a name taken in the pool is refused, and nothing is changed', async () => {
    const { workPoolId, id } = await makePool({ a: 2, b: 3 })
    const before = await allRows(t.database)
    const emitStatusChange = vi.fn<EmitWorkQueueStatusChange>()
    const patch: WorkQueueUpdate = { name: 'b', priority: 1, isPaused: true }
    await expect(updateWorkQueue(t.db, id['a'] ?? '', patch, { emitStatusChange })).rejects.toMatchObject({
      name: 'WorkQueueExistsError',
      workQueueName: 'b',
      workPoolId,
    })
    expect(await allRows(t.database)).toEqual(before)
    expect(emitStatusChange).not.toHaveBeenCalled()
  })

  test('a queue may keep its name, and take one of another pool', async () => {
    const { id } = await makePool({ a: 2 })
    await makePool({ b: 2 })
    expect(await updateWorkQueue(t.db, id['a'] ?? '', { name: 'a' })).toBe(true)
    expect(await updateWorkQueue(t.db, id['a'] ?? '', { name: 'b' })).toBe(true)
    expect((await read(id['a'] ?? '')).name).toBe('b')
  })

  test('a new priority moves the queues in its way down, as few and as little as possible', async () => {
    const { workPoolId, id } = await makePool({ a: 2, b: 3, c: 4, d: 6, e: 7 })
    const other = await makePool({ x: 2 })
    const unmoved = [await read(id['d'] ?? ''), await read(id['e'] ?? '')]
    expect(await updateWorkQueue(t.db, id['c'] ?? '', { priority: 2 }, { now })).toBe(true)
    expect(await priorities(workPoolId)).toEqual({ default: 1, c: 2, a: 3, b: 4, d: 6, e: 7 })
    expect([await read(id['d'] ?? ''), await read(id['e'] ?? '')]).toEqual(unmoved)
    expect((await read(id['a'] ?? '')).updated).toEqual(now)
    expect(await priorities(other.workPoolId)).toEqual({ default: 1, x: 2 })
  })

  test('moving a queue down closes no gap, and the priority it left may be taken', async () => {
    const { workPoolId, id } = await makePool({ a: 2, b: 3, c: 4 })
    await updateWorkQueue(t.db, id['a'] ?? '', { priority: 4 })
    expect(await priorities(workPoolId)).toEqual({ default: 1, b: 3, a: 4, c: 5 })
    await updateWorkQueue(t.db, id['b'] ?? '', { priority: 1 })
    expect(await priorities(workPoolId)).toEqual({ b: 1, default: 2, a: 4, c: 5 })
  })

  test('a priority that would push a queue past the largest one is refused, and nothing is changed', async () => {
    const { id } = await makePool({ a: 2, b: maxPriority })
    const before = await allRows(t.database)
    await expect(
      updateWorkQueue(t.db, id['a'] ?? '', { priority: maxPriority, name: 'renamed' }),
    ).rejects.toMatchObject({ name: 'InvalidInputError', issues: [{ path: 'priority' }] })
    expect(await allRows(t.database)).toEqual(before)
  })

  test('equal priorities that something else left are repaired by a new priority', async () => {
    const { workPoolId, id } = await makePool({ a: 2, b: 2, c: 2 })
    await updateWorkQueue(t.db, id['c'] ?? '', { priority: 2 })
    expect(await priorities(workPoolId)).toEqual({ default: 1, c: 2, a: 3, b: 4 })
  })
})
