import { type Kysely, sql } from 'kysely'
import {
  createWorkQueue,
  deleteWorkPool,
  deleteWorkQueue,
  readFlowRun,
  readFlowRuns,
  readWorkPool,
  readWorkQueue,
  readWorkQueues,
} from 'kysely-work-queues'
import { expect, test } from 'vitest'
import { databases } from '../support/databases.js'
import { type Contract, describeOnDatabases } from '../support/describe-databases.js'
import { allRows, testId } from '../support/factory.js'

/** What holds whether or not the connection enforces foreign keys. */
function deletes(t: Contract): void {
  test('deletes the queue, and no other', async () => {
    const work_pool_id = await t.make.pool()
    const [id, other] = [await t.make.queue({ work_pool_id }), await t.make.queue({ work_pool_id })]
    const kept = await readWorkQueue(t.db, other)
    expect(await deleteWorkQueue(t.db, id)).toBe(true)
    expect(await readWorkQueue(t.db, id)).toBeUndefined()
    expect(await readWorkQueue(t.db, other)).toEqual(kept)
    expect(await deleteWorkQueue(t.db, id)).toBe(false)
  })

  test('its runs keep existing, with all they had but the queue’s id', async () => {
    const id = await t.make.queue({ name: 'etl' })
    const other = await t.make.queue()
    const run = await t.make.run({ work_queue_id: id, work_queue_name: 'etl', parameters: { a: [1] } })
    const running = await t.make.run({ work_queue_id: id, state_type: 'RUNNING' })
    const neighbour = await t.make.run({ work_queue_id: other })
    const before = await readFlowRuns(t.db)
    await deleteWorkQueue(t.db, id)
    expect(await readFlowRuns(t.db)).toEqual(
      before.map((row) => ({ ...row, workQueueId: row.workQueueId === id ? null : row.workQueueId })),
    )
    expect((await readFlowRun(t.db, run))?.workQueueName).toBe('etl')
    expect((await readFlowRun(t.db, running))?.workQueueId).toBeNull()
    expect((await readFlowRun(t.db, neighbour))?.workQueueId).toBe(other)
  })

  test('a pool’s default queue is protected, and nothing is changed', async () => {
    const workPoolId = await t.make.pool()
    const id = (await readWorkPool(t.db, workPoolId))?.defaultQueueId ?? ''
    await t.make.set('work_queue', id, { name: 'renamed' })
    await t.make.run({ work_queue_id: id })
    const before = await allRows(t.database)
    await expect(deleteWorkQueue(t.db, id)).rejects.toMatchObject({
      name: 'DefaultWorkQueueError',
      code: 'DEFAULT_WORK_QUEUE',
      id,
    })
    await expect(deleteWorkQueue(t.db, id.toUpperCase())).rejects.toMatchObject({ id })
    expect(await allRows(t.database)).toEqual(before)
  })

  test('a queue named `default` that is not the pool’s default queue may be deleted', async () => {
    const workPoolId = await t.make.pool()
    const defaultQueueId = (await readWorkPool(t.db, workPoolId))?.defaultQueueId ?? ''
    await t.make.set('work_queue', defaultQueueId, { name: 'main' })
    const { id } = await createWorkQueue(t.db, { name: 'default', workPoolId })
    expect(await deleteWorkQueue(t.db, id)).toBe(true)
  })

  test('a deleted pool takes its queues and workers with it, and its runs keep existing', async () => {
    const workPoolId = await t.make.pool()
    const [queue, worker] = [
      await t.make.queue({ work_pool_id: workPoolId }),
      await t.make.worker({ work_pool_id: workPoolId }),
    ]
    const other = await t.make.queue()
    await t.make.worker({ work_pool_id: (await readWorkQueue(t.db, other))?.workPoolId ?? '' })
    const run = await t.make.run({ work_queue_id: queue, work_queue_name: 'etl' })
    const before = await allRows(t.database)
    expect(await deleteWorkPool(t.db, workPoolId)).toBe(true)
    const after = await allRows(t.database)
    const isOther = (row: object): boolean => !Object.values(row).includes(workPoolId)
    expect(after['work_pool']).toEqual(before['work_pool']?.filter(isOther))
    expect(after['work_queue']).toEqual(before['work_queue']?.filter(isOther))
    expect(after['worker']).toEqual(before['worker']?.filter(isOther))
    expect(before['worker']).toContainEqual(expect.objectContaining({ id: worker }))
    expect(await readFlowRun(t.db, run)).toMatchObject({ workQueueId: null, workQueueName: 'etl' })
    expect(await deleteWorkPool(t.db, workPoolId)).toBe(false)
  })
}

describeOnDatabases('deleteWorkQueue', (t) => {
  deletes(t)

  test('is false when there is no such queue', async () => {
    await t.make.queue()
    expect(await deleteWorkQueue(t.db, testId(404))).toBe(false)
  })

  test('the priority of a deleted queue is free, and moves no other', async () => {
    const workPoolId = await t.make.pool()
    const id = await t.make.queue({ priority: 2, work_pool_id: workPoolId })
    await t.make.queue({ name: 'b', priority: 3, work_pool_id: workPoolId })
    await deleteWorkQueue(t.db, id)
    const kept = await readWorkQueues(t.db, { workPoolId })
    expect(kept.map(({ name, priority }) => [name, priority])).toEqual([
      ['b', 3],
      ['default', 1],
    ])
    expect((await createWorkQueue(t.db, { name: 'new', workPoolId })).priority).toBe(2)
  })

  test('priorities that were equal are unique afterwards', async () => {
    const workPoolId = await t.make.pool()
    const id = await t.make.queue({ priority: 1, work_pool_id: workPoolId })
    await t.make.queue({ name: 'a', priority: 1, work_pool_id: workPoolId })
    await t.make.queue({ name: 'b', priority: 2, work_pool_id: workPoolId })
    await deleteWorkQueue(t.db, id)
    const kept = await readWorkQueues(t.db, { workPoolId, orderBy: 'priority' })
    expect(kept.map(({ name, priority }) => [name, priority])).toEqual([
      ['default', 1],
      ['a', 2],
      ['b', 3],
    ])
  })
})

describeOnDatabases(
  'deleteWorkQueue where foreign keys are not enforced,',
  (t) => {
    deletes(t)

    test('the connection does not enforce them', async () => {
      const run = await t.make.run({ work_queue_id: testId(404) })
      expect((await readFlowRun(t.db, run))?.workQueueId).toBe(testId(404))
    })
  },
  databases
    .filter(({ dialect, name }) => dialect === 'sqlite' && !name.includes('file'))
    .map((kind) => ({
      ...kind,
      async create() {
        const database = await kind.create()
        await sql`pragma foreign_keys = off`.execute(database.db as Kysely<any>)
        return database
      },
    })),
)
