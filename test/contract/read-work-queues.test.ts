import { countWorkQueues, readWorkQueues, type ReadWorkQueuesOptions, type WorkQueueFilter } from 'kysely-work-queues'
import { expect, test } from 'vitest'
import { describeOnDatabases } from '../support/describe-databases.js'
import { testId } from '../support/factory.js'

const byBytes = (a: string, b: string): number => Buffer.compare(Buffer.from(a), Buffer.from(b))

describeOnDatabases('readWorkQueues', (t) => {
  /** Makes a pool with queues of these names, and nothing else named like them. */
  const makeQueues = async (names: readonly string[]): Promise<{ workPoolId: string; ids: Map<string, string> }> => {
    const workPoolId = await t.make.pool()
    await t.make.set('work_queue', (await defaultQueueId(workPoolId)) ?? '', { name: '~default' })
    const ids = new Map<string, string>()
    for (const name of names) ids.set(name, await t.make.queue({ name, work_pool_id: workPoolId }))
    return { workPoolId, ids }
  }
  const defaultQueueId = async (workPoolId: string): Promise<string | undefined> =>
    (await readWorkQueues(t.db, { workPoolId })).at(0)?.id

  const names = async (options?: ReadWorkQueuesOptions): Promise<string[]> =>
    (await readWorkQueues(t.db, options)).map(({ name }) => name).filter((name) => name !== '~default')
  const matching = (filter: WorkQueueFilter): Promise<string[]> => names({ filter })

  /** Reads with a filter, and checks that counting with it agrees. */
  const ids = async (options: ReadWorkQueuesOptions): Promise<string[]> => {
    const queues = await readWorkQueues(t.db, options)
    const { filter, workPoolId } = options
    expect(await countWorkQueues(t.db, { filter, workPoolId })).toBe(queues.length)
    return queues.map(({ id }) => id)
  }

  test('an empty database has no queues', async () => {
    expect(await readWorkQueues(t.db)).toEqual([])
    expect(await countWorkQueues(t.db)).toBe(0)
  })

  test('orders names by their bytes, whatever the collation of the database', async () => {
    const unordered = ['b', 'B', 'a', 'Z', 'ä', 'z', 'Ä', '_', '10', '2', 'a b', 'ab', 'a-b', 'é', '😀', '｡', ' a']
    await makeQueues(unordered)
    expect(await names()).toEqual(unordered.toSorted(byBytes))
    expect(await names({ orderBy: 'name' })).toEqual(unordered.toSorted(byBytes))
  })

  test('orders equal names by id', async () => {
    const made = [testId(3), testId(1), testId(2)]
    for (const id of made) await t.make.queue({ id, name: 'same' })
    expect(await ids({ filter: { name: { any: ['same'] } } })).toEqual(made.toSorted())
  })

  test('orders by priority, and equal priorities of several pools by id', async () => {
    const workPoolId = await t.make.pool()
    const other = await t.make.pool()
    const rows: [id: string, priority: number, work_pool_id: string][] = [
      [testId(3), 20, workPoolId],
      [testId(1), 100, workPoolId],
      [testId(2), 20, other],
      [testId(4), 9, workPoolId],
    ]
    for (const [id, priority, work_pool_id] of rows) await t.make.queue({ id, priority, work_pool_id })
    const made = await readWorkQueues(t.db, { orderBy: 'priority' })
    expect(made.filter(({ name }) => name !== 'default').map(({ id }) => id)).toEqual(
      [4, 2, 3, 1].map((n) => testId(n)),
    )
    expect(made.slice(0, 2).map(({ name }) => name)).toEqual(['default', 'default'])
  })

  test('reads one pool, and nothing of a pool that does not exist', async () => {
    const { workPoolId, ids: made } = await makeQueues(['a', 'b'])
    await makeQueues(['a', 'c'])
    expect(await ids({ workPoolId, filter: { name: { any: ['a', 'b', 'c'] } } })).toEqual([
      made.get('a'),
      made.get('b'),
    ])
    expect(await ids({ workPoolId: testId(404) })).toEqual([])
    expect(await ids({ workPoolId: workPoolId.toUpperCase() })).toHaveLength(3)
  })

  test('reads a page', async () => {
    const sorted = ['a', 'b', 'c', 'd', 'e']
    const { workPoolId } = await makeQueues(sorted)
    expect(await names({ workPoolId, limit: 2 })).toEqual(sorted.slice(0, 2))
    expect(await names({ workPoolId, limit: 2, offset: 2 })).toEqual(sorted.slice(2, 4))
    expect(await names({ workPoolId, offset: 3 })).toEqual(sorted.slice(3))
    expect(await names({ workPoolId, limit: 0 })).toEqual([])
    expect(await names({ workPoolId, offset: 99 })).toEqual([])
    expect(await names({ workPoolId, limit: 2 ** 31 - 1, offset: 0 })).toEqual(sorted)
  })

  test('filters by id and by name', async () => {
    const { ids: made } = await makeQueues(['a', 'b', 'c', "d'"])
    const id = (name: string): string => made.get(name) ?? ''
    expect(await ids({ filter: { id: { any: [id('a'), id('c').toUpperCase(), testId(404)] } } })).toEqual([
      id('a'),
      id('c'),
    ])
    expect(await matching({ name: { any: ['b', "d'", 'x', 'b'] } })).toEqual(['b', "d'"])
    expect(await matching({ name: { any: ['B'] } })).toEqual([])
    expect(await matching({ name: { any: ['a', 'b'] }, id: { any: [id('b'), id('c')] } })).toEqual(['b'])
  })

  test('one of the keys is enough with the operator `or`', async () => {
    const { ids: made } = await makeQueues(['a', 'b', 'ab', 'c'])
    const id = { any: [made.get('c') ?? ''] }
    expect(await matching({ operator: 'or', id, name: { any: ['a'] } })).toEqual(['a', 'c'])
    expect(await matching({ operator: 'and', id, name: { any: ['a'] } })).toEqual([])
    // The criteria of one key must all hold, also then.
    expect(await matching({ operator: 'or', id, name: { any: ['a', 'ab', 'b'], startsWith: ['a'] } })).toEqual([
      'a',
      'ab',
      'c',
    ])
    expect(await matching({ operator: 'or', id })).toEqual(['c'])
  })

  test('the operator `or` does not lead out of the pool', async () => {
    const { workPoolId, ids: made } = await makeQueues(['a', 'b'])
    const { ids: other } = await makeQueues(['a'])
    const filter: WorkQueueFilter = {
      operator: 'or',
      id: { any: [other.get('a') ?? ''] },
      name: { any: ['a'] },
    }
    expect(await ids({ workPoolId, filter })).toEqual([made.get('a')])
  })

  test('an empty list matches nothing', async () => {
    const { ids: made } = await makeQueues(['a', 'b'])
    const a = made.get('a') ?? ''
    expect(await ids({ filter: { id: { any: [] } } })).toEqual([])
    expect(await ids({ filter: { name: { any: [] } } })).toEqual([])
    expect(await ids({ filter: { name: { startsWith: [] } } })).toEqual([])
    expect(await ids({ filter: { name: { any: ['a'], startsWith: [] } } })).toEqual([])
    expect(await ids({ filter: { operator: 'or', id: { any: [] }, name: { any: [] } } })).toEqual([])
    expect(await ids({ filter: { operator: 'or', id: { any: [] }, name: { any: ['a'] } } })).toEqual([a])
  })

  test('an empty filter matches everything', async () => {
    await makeQueues(['a', 'b'])
    expect(await ids({ filter: {} })).toHaveLength(3)
    expect(await ids({ filter: { operator: 'or' } })).toHaveLength(3)
    expect(await ids({ filter: { id: undefined, name: { any: undefined } } })).toHaveLength(3)
  })

  test('startsWith takes % and _ and backslashes as they are', async () => {
    await makeQueues(['a_b', 'axb', 'a\\b', 'a', "'; drop table work_queue; --", '[a]', '*'])
    await t.make.set('work_queue', (await readWorkQueues(t.db, { filter: { name: { any: ['*'] } } }))[0]?.id ?? '', {
      name: '100%',
    })
    expect(await matching({ name: { startsWith: ['a_'] } })).toEqual(['a_b'])
    expect(await matching({ name: { startsWith: ['%'] } })).toEqual([])
    expect(await matching({ name: { startsWith: ['100%', '1_0'] } })).toEqual(['100%'])
    expect(await matching({ name: { startsWith: ['a\\', '['] } })).toEqual(['[a]', 'a\\b'])
    expect(await matching({ name: { startsWith: ["';"] } })).toEqual(["'; drop table work_queue; --"])
    expect(await matching({ name: { startsWith: ['b'] } })).toEqual([])
  })

  test('startsWith ignores the case of ASCII letters, and of no others', async () => {
    await makeQueues(['Etl-A', 'etl-b', 'ETL', 'Über', 'über', '\u212a', 'Kelvin', '😀x', 'straße'])
    expect(await matching({ name: { startsWith: ['eTL-'] } })).toEqual(['Etl-A', 'etl-b'])
    expect(await matching({ name: { startsWith: ['Ü'] } })).toEqual(['Über'])
    expect(await matching({ name: { startsWith: ['üBER'] } })).toEqual(['über'])
    // The Kelvin sign becomes a k in lower case.
    expect(await matching({ name: { startsWith: ['K'] } })).toEqual(['Kelvin'])
    expect(await matching({ name: { startsWith: ['\u212a'] } })).toEqual(['\u212a'])
    expect(await matching({ name: { startsWith: ['😀X'] } })).toEqual(['😀x'])
    expect(await matching({ name: { startsWith: ['STRAß'] } })).toEqual(['straße'])
    expect(await matching({ name: { startsWith: ['STRASS'] } })).toEqual([])
  })

  test('startsWith takes the empty prefix, and prefixes longer than every name', async () => {
    await makeQueues(['a', 'b'])
    expect(await matching({ name: { startsWith: [''] } })).toEqual(['a', 'b'])
    expect(await matching({ name: { startsWith: ['a'.repeat(5000)] } })).toEqual([])
  })

  test('lists may be longer than a statement has parameters', async () => {
    const { ids: made } = await makeQueues(['a', 'b'])
    const many = Array.from({ length: 70_000 }, (_, n) => testId(n))
    expect(await ids({ filter: { id: { any: [...many, made.get('b') ?? ''] } } })).toEqual([made.get('b')])
    expect(await matching({ name: { any: [...many, 'a'] } })).toEqual(['a'])
  })

  test('startsWith takes thousands of prefixes', async () => {
    await makeQueues(['a', 'b', 'c'])
    const prefixes = Array.from({ length: 5000 }, (_, n) => `prefix-${n}-`)
    expect(await matching({ name: { startsWith: [...prefixes, 'b'] } })).toEqual(['b'])
  })
})
