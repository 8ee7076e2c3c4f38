import {
  claimRunsInWorkQueue,
  claimScheduledFlowRuns,
  createWorkPool,
  createWorkQueue,
  deleteWorkPool,
  deleteWorkQueue,
  explainFlowRun,
  getScheduledFlowRuns,
  readFlowRun,
  updateWorkQueue,
} from 'kysely-work-queues'
import { expect, test } from 'vitest'
import { describeOnDatabases } from '../../support/describe-databases.js'
import { testId } from '../../support/factory.js'
import { ids, now, running, viewsOf, viewsOfRuns, waiting } from './views.js'

describeOnDatabases('runs without a queue id', (t) => {
  const expectRuns = async (queue: string, waits: readonly string[] = [], runs: readonly string[] = []) => {
    expect(await viewsOf(t, queue)).toEqual(viewsOfRuns(waits, runs))
  }
  const claim = async (queue: string): Promise<string[]> =>
    ids((await claimRunsInWorkQueue(t.db, queue, { scheduledBefore: now })).runs)
  const claimOverPools = async (...workPoolIds: string[]): Promise<string[]> =>
    ids((await claimScheduledFlowRuns(t.db, { workPoolIds, scheduledBefore: now })).map(({ flowRun }) => flowRun))
  const polledOverPools = async (): Promise<string[]> =>
    ids((await getScheduledFlowRuns(t.db, { scheduledBefore: now })).map(({ flowRun }) => flowRun))
  const reasonsOf = async (run: string) => (await explainFlowRun(t.db, run, { now })).reasons
  const noQueue = (workQueueName: string) => ({
    kind: 'no-queue',
    workQueueName,
    sentence: `It belongs to the work queue "${workQueueName}" of the work pool "default-agent-pool", which does not exist.`,
  })

  test('belong to the queue of that name in the default agent pool alone', async () => {
    const before = await t.make.queue({ name: 'etl' })
    const own = await t.make.agentQueue({ name: 'etl' })
    const after = await t.make.queue({ name: 'etl' })
    const other = await t.make.agentQueue({ name: 'other' })
    const [waits = '', runs = ''] = await t.make.runs(
      [waiting, running].map((row) => ({ ...row, work_queue_name: 'etl' })),
    )
    await t.make.runs(['ETL', 'etl ', 'et', 'gone', ''].map((work_queue_name) => ({ ...waiting, work_queue_name })))
    await t.make.run(waiting)
    await expectRuns(own, [waits], [runs])
    for (const queue of [before, after, other]) await expectRuns(queue)
    expect(await polledOverPools()).toEqual([])
    for (const queue of [before, after, other]) expect(await claim(queue)).toEqual([])
    expect(await claimOverPools()).toEqual([])
    expect(await claim(own)).toEqual([waits])
    await expectRuns(own, [], [waits, runs])
  })

  test('belong to nobody while there is no default agent pool, nor such a queue in it', async () => {
    const namesake = await t.make.queue({ name: 'etl' })
    const run = await t.make.run({ ...waiting, work_queue_name: 'etl' })
    await expectRuns(namesake)
    expect(await reasonsOf(run)).toEqual([noQueue('etl')])
    await createWorkQueue(t.db, { name: 'other' })
    await expectRuns(namesake)
    expect(await reasonsOf(run)).toEqual([noQueue('etl')])
    const { id } = await createWorkQueue(t.db, { name: 'etl' })
    await expectRuns(namesake)
    await expectRuns(id, [run])
    expect((await reasonsOf(run)).at(-1)).toMatchObject({ kind: 'handed-out' })
    expect(await claim(namesake)).toEqual([])
    expect(await claim(id)).toEqual([run])
  })

  test('of a deleted pool go to no other pool, until the default agent pool has such a queue', async () => {
    const a = await createWorkPool(t.db, { name: 'team-a', type: 'process' })
    const b = await createWorkPool(t.db, { name: 'team-b', type: 'process', concurrencyLimit: 2 })
    const queueOfB = String(b.defaultQueueId)
    const [waits = '', runs = '', own = ''] = await t.make.runs(
      [waiting, running, waiting].map((row, n) => ({
        ...row,
        work_queue_id: n < 2 ? a.defaultQueueId : queueOfB,
        work_queue_name: 'default',
      })),
    )
    await updateWorkQueue(t.db, queueOfB, { concurrencyLimit: 1 })
    await deleteWorkPool(t.db, a.id)
    expect(await readFlowRun(t.db, waits)).toMatchObject({ workQueueId: null, workQueueName: 'default' })
    await expectRuns(queueOfB, [own])
    expect(await reasonsOf(waits)).toEqual([noQueue('default')])
    expect(await claimOverPools(b.id)).toEqual([own])
    await updateWorkQueue(t.db, queueOfB, { concurrencyLimit: null })
    expect(await claim(queueOfB)).toEqual([])
    await expectRuns(queueOfB, [], [own])

    const { id } = await createWorkQueue(t.db, { name: 'default' })
    await expectRuns(id, [waits], [runs])
    expect(await claim(id)).toEqual([waits])
  })

  test('of a deleted queue go to no other queue, until the default agent pool has such a queue', async () => {
    const queue = await t.make.queue({ name: 'etl' })
    const namesake = await t.make.queue({ name: 'etl' })
    const [waits = '', runs = ''] = await t.make.runs(
      [waiting, running].map((row) => ({ ...row, work_queue_id: queue, work_queue_name: 'etl' })),
    )
    await deleteWorkQueue(t.db, queue)
    await expectRuns(namesake)
    expect(await claim(namesake)).toEqual([])
    const home = await t.make.agentQueue({ name: 'etl' })
    await expectRuns(home, [waits], [runs])
    await deleteWorkQueue(t.db, home)
    await expectRuns(namesake)
    expect(await reasonsOf(waits)).toEqual([noQueue('etl')])
  })

  test('follow the name, and those with an id follow the queue, when it is renamed', async () => {
    const queue = await t.make.agentQueue({ name: 'old' })
    const elsewhere = await t.make.queue({ name: 'old' })
    const [named = '', byId = '', later = ''] = await t.make.runs(
      [{ work_queue_name: 'old' }, { work_queue_id: queue, work_queue_name: 'old' }, { work_queue_name: 'new' }].map(
        (row) => ({ ...waiting, ...row }),
      ),
    )
    await expectRuns(queue, [named, byId])
    await updateWorkQueue(t.db, queue, { name: 'new' })
    await expectRuns(queue, [byId, later])
    await expectRuns(elsewhere)
    expect(await reasonsOf(named)).toEqual([noQueue('old')])
    await updateWorkQueue(t.db, elsewhere, { name: 'new' })
    await expectRuns(elsewhere)
    const again = await t.make.agentQueue({ name: 'old' })
    await expectRuns(again, [named])
    expect(await claim(queue)).toEqual([byId, later].toSorted())
  })

  test('are explained by one queue at most, with as many statements whatever pools share the name', async () => {
    await t.make.agentQueue({ name: 'etl', is_paused: true })
    const run = await t.make.run({ ...waiting, work_queue_name: 'etl' })
    const statementsOf = async (): Promise<number> => {
      const { length } = t.database.statements
      expect((await explainFlowRun(t.db, run, { now })).reasons.map(({ kind }) => kind)).toContain('queue-paused')
      return t.database.statements.length - length
    }
    const alone = await statementsOf()
    const pools = Array.from({ length: 200 }, (_, n) => ({ id: testId(n, 1), name: `pool ${n}`, type: 'process' }))
    await t.make.rows('work_pool', pools)
    await t.make.rows(
      'work_queue',
      pools.map(({ id }) => ({ name: 'etl', work_pool_id: id, priority: 1 })),
    )
    expect(await statementsOf()).toBe(alone)
  })
})
