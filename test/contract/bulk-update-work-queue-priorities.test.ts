import { bulkUpdateWorkQueuePriorities, readWorkQueues } from 'kysely-work-queues'
import { expect, test } from 'vitest'
import { describeOnDatabases } from '../support/describe-databases.js'
import { allRows, testId } from '../support/factory.js'

const past = new Date('2035-01-01T11:00:00.000Z')
const now = new Date('2035-01-01T12:00:00.123Z')
const maxPriority = 2 ** 31 - 1

describeOnDatabases('bulkUpdateWorkQueuePriorities', (t) => {
  /** Makes a pool with queues of these names and priorities, next to its default queue with priority 1. */
  const makePool = async (
    queues: Record<string, number>,
  ): Promise<{ workPoolId: string; id: (name: string) => string }> => {
    const workPoolId = await t.make.pool()
    const ids = new Map<string, string>()
    for (const [name, priority] of Object.entries(queues)) {
      ids.set(name, await t.make.queue({ name, priority, work_pool_id: workPoolId, updated: past }))
    }
    const [first] = await readWorkQueues(t.db, { workPoolId, filter: { name: { any: ['default'] } } })
    ids.set('default', first?.id ?? '')
    return { workPoolId, id: (name) => ids.get(name) ?? '' }
  }
  const priorities = async (workPoolId: string): Promise<Record<string, number>> => {
    const queues = await readWorkQueues(t.db, { workPoolId })
    return Object.fromEntries(queues.map(({ name, priority }) => [name, priority]))
  }

  test('takes a map', async () => {
    const { workPoolId, id } = await makePool({ b: 2, c: 3 })
    const asked = new Map([
      [id('c'), 1],
      [id('default'), 3],
    ])
    await bulkUpdateWorkQueuePriorities(t.db, workPoolId, asked)
    expect(await priorities(workPoolId)).toEqual({ c: 1, b: 2, default: 3 })
  })

  test('takes a record', async () => {
    const { workPoolId, id } = await makePool({ b: 2, c: 3 })
    await bulkUpdateWorkQueuePriorities(t.db, workPoolId, { [id('b')]: 10, [id('default')]: 20 })
    expect(await priorities(workPoolId)).toEqual({ c: 3, b: 10, default: 20 })
  })

  test('the asked ones are as asked, the others keep their order and move down by as little as possible', async () => {
    // The case that Prefect's own functions leave with equal priorities.
    const { workPoolId, id } = await makePool({ b: 2, c: 8, d: 9, e: 5 })
    await bulkUpdateWorkQueuePriorities(t.db, workPoolId, { [id('c')]: 2, [id('d')]: 3 }, { now })
    expect(await priorities(workPoolId)).toEqual({ default: 1, c: 2, d: 3, b: 4, e: 5 })
  })

  test('swaps two queues, and moves no other', async () => {
    const { workPoolId, id } = await makePool({ b: 2, c: 3, d: 4 })
    const before = await readWorkQueues(t.db)
    await bulkUpdateWorkQueuePriorities(t.db, workPoolId, { [id('b')]: 3, [id('c')]: 2 }, { now })
    const changes = new Map([
      [id('b'), 3],
      [id('c'), 2],
    ])
    expect(await readWorkQueues(t.db)).toEqual(
      before.map((queue) => {
        const priority = changes.get(queue.id)
        return priority === undefined ? queue : { ...queue, priority, updated: now }
      }),
    )
  })

  test('what is as asked already is not written', async () => {
    const { workPoolId, id } = await makePool({ b: 2, c: 3 })
    const before = await allRows(t.database)
    await bulkUpdateWorkQueuePriorities(t.db, workPoolId, { [id('b')]: 2 }, { now })
    await bulkUpdateWorkQueuePriorities(t.db, workPoolId, {}, { now })
    expect(await allRows(t.database)).toEqual(before)
  })

  test('ids of other pools and of no queue are ignored, and so is a pool that does not exist', async () => {
    const { workPoolId, id } = await makePool({ b: 2 })
    const other = await makePool({ x: 2, y: 3 })
    const asked = { [other.id('x')]: 3, [testId(404)]: 4, [id('b')]: 1 }
    await bulkUpdateWorkQueuePriorities(t.db, testId(405), asked)
    expect(await priorities(workPoolId)).toEqual({ default: 1, b: 2 })
    await bulkUpdateWorkQueuePriorities(t.db, workPoolId, asked)
    expect(await priorities(workPoolId)).toEqual({ b: 1, default: 2 })
    expect(await priorities(other.workPoolId)).toEqual({ default: 1, x: 2, y: 3 })
  })

  test('a priority asked of an ignored id stays free for the others', async () => {
    const { workPoolId, id } = await makePool({ b: 2, c: 3 })
    await bulkUpdateWorkQueuePriorities(t.db, workPoolId, { [testId(404)]: 2, [id('c')]: 4 })
    expect(await priorities(workPoolId)).toEqual({ default: 1, b: 2, c: 4 })
  })

  test('one priority for two queues is refused, and nothing is changed', async () => {
    const { workPoolId, id } = await makePool({ b: 2, c: 3 })
    const before = await allRows(t.database)
    t.database.statements.length = 0
    for (const asked of [
      { [id('b')]: 7, [id('c')]: 7 },
      new Map([
        [id('b'), 7],
        [testId(404), 7],
      ]),
    ]) {
      await expect(bulkUpdateWorkQueuePriorities(t.db, workPoolId, asked)).rejects.toMatchObject({
        name: 'InvalidInputError',
        issues: [{ path: 'newPriorities' }],
      })
    }
    expect(t.database.statements).toEqual([])
    expect(await allRows(t.database)).toEqual(before)
  })

  test('two priorities for one queue, its id in two spellings, are refused', async () => {
    const id = 'abcdefab-cdef-4abc-8def-abcdefabcdef'
    const workPoolId = await t.make.pool()
    await t.make.queue({ id, work_pool_id: workPoolId, priority: 2 })
    await expect(
      bulkUpdateWorkQueuePriorities(t.db, workPoolId, { [id]: 5, [id.toUpperCase()]: 6 }),
    ).rejects.toMatchObject({ name: 'InvalidInputError' })
  })

  test('an id in upper case is that id', async () => {
    const id = 'abcdefab-cdef-4abc-8def-abcdefabcdef'
    const workPoolId = await t.make.pool()
    await t.make.queue({ id, name: 'b', work_pool_id: workPoolId, priority: 2 })
    await bulkUpdateWorkQueuePriorities(t.db, workPoolId.toUpperCase(), { [id.toUpperCase()]: 1 })
    expect(await priorities(workPoolId)).toEqual({ b: 1, default: 2 })
  })

  test('repairs priorities that something else left equal or not positive', async () => {
    const { workPoolId, id } = await makePool({ a: -3, b: 1, c: 1, d: 4 })
    await bulkUpdateWorkQueuePriorities(t.db, workPoolId, { [id('d')]: 2 }, { now })
    const { d, ...others } = await priorities(workPoolId)
    expect(d).toBe(2)
    const inOrder = Object.entries(others).toSorted(([, x], [, y]) => x - y)
    expect(inOrder.map(([, priority]) => priority)).toEqual([1, 3, 4, 5])
    // Equal ones keep the order of their ids, which is that in which they were made.
    expect(inOrder.map(([name]) => name)).toEqual(['a', 'default', 'b', 'c'])
  })

  test('a move past the largest priority is refused, and nothing is changed', async () => {
    const { workPoolId, id } = await makePool({ b: 2, c: maxPriority })
    const before = await allRows(t.database)
    await expect(
      bulkUpdateWorkQueuePriorities(t.db, workPoolId, { [id('b')]: maxPriority, [id('default')]: 5 }),
    ).rejects.toMatchObject({ name: 'InvalidInputError', issues: [{ path: 'newPriorities' }] })
    expect(await allRows(t.database)).toEqual(before)
  })

  test('moves a hundred queues at once', async () => {
    const names = Array.from({ length: 100 }, (_, n) => `q${n}`)
    const { workPoolId, id } = await makePool(Object.fromEntries(names.map((name, n) => [name, n + 2])))
    const asked = new Map(names.map((name, n) => [id(name), 101 - n]))
    await bulkUpdateWorkQueuePriorities(t.db, workPoolId, asked)
    expect(await priorities(workPoolId)).toEqual({
      default: 1,
      ...Object.fromEntries(names.map((name, n) => [name, 101 - n])),
    })
  })
})
