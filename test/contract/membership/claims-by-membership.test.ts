import { claimRunsInWorkQueue, claimScheduledFlowRuns, getScheduledFlowRuns } from 'kysely-work-queues'
import { expect, test } from 'vitest'
import { describeOnDatabases } from '../../support/describe-databases.js'
import { testId } from '../../support/factory.js'
import { ids, now, running, waiting } from './views.js'

describeOnDatabases('claims and the limits of the queue and pool of runs without a queue id', (t) => {
  const claim = async (queue: string): Promise<string[]> =>
    ids((await claimRunsInWorkQueue(t.db, queue, { scheduledBefore: now })).runs)
  const claimOverPools = async (...workPoolIds: string[]): Promise<string[]> =>
    ids((await claimScheduledFlowRuns(t.db, { workPoolIds, scheduledBefore: now })).map(({ flowRun }) => flowRun))
  const polledOverPools = async (): Promise<string[]> =>
    ids((await getScheduledFlowRuns(t.db, { scheduledBefore: now })).map(({ flowRun }) => flowRun))

  const agentPool = async (limit: number | null) => {
    const queue = await t.make.agentQueue({ name: 'etl' })
    const { work_pool_id: pool } = await t.database.plain
      .selectFrom('work_queue')
      .select('work_pool_id')
      .where('id', '=', queue)
      .executeTakeFirstOrThrow()
    await t.make.set('work_pool', pool, { concurrency_limit: limit })
    return { pool, queue }
  }

  test.each(['PENDING', 'RUNNING', 'CANCELLING'])('%s ones occupy it for claims', async (state_type) => {
    const { pool, queue } = await agentPool(2)
    await t.make.run({ state_type, work_queue_name: 'etl' })
    await t.make.run({ state_type, work_queue_name: 'gone' })
    const made = await t.make.runs([1, 2, 3].map(() => ({ ...waiting, work_queue_id: queue })))
    // Polls of a pool go by id.
    expect(await polledOverPools()).toHaveLength(2)
    expect(await claimOverPools(pool)).toEqual(made.slice(0, 1))
    expect(await claimOverPools(pool)).toEqual([])
    expect(await claim(queue)).toEqual([])
  })

  test('they are claimed by their queue as far as it goes', async () => {
    const { queue } = await agentPool(2)
    const sibling = await t.make.agentQueue({ name: 'sibling' })
    await t.make.run({ ...running, work_queue_name: 'sibling' })
    const made = await t.make.runs([1, 2, 3].map(() => ({ ...waiting, work_queue_name: 'etl' })))
    expect(await claim(queue)).toEqual(made.slice(0, 1))
    expect(await claim(queue)).toEqual([])
    expect(await claim(sibling)).toEqual([])
  })

  test('they occupy no slot of another pool that has a queue of that name', async () => {
    await agentPool(null)
    await t.make.runs([1, 2, 3].map(() => ({ ...running, work_queue_name: 'etl' })))
    const pool = await t.make.pool({ concurrency_limit: 1 })
    const queue = await t.make.queue({ name: 'etl', work_pool_id: pool, concurrency_limit: 1 })
    const made = await t.make.runs([1, 2].map(() => ({ ...waiting, work_queue_id: queue })))
    expect(await claimOverPools(pool)).toEqual(made.slice(0, 1))
    await t.make.set('flow_run', made[0] as string, { state_type: 'COMPLETED' })
    expect(await claim(queue)).toEqual(made.slice(1))
  })

  test('are kept from a queue with a tag filter by the limits of their own queue and pool alone', async () => {
    const filter = { tags: [], deployment_ids: null }
    const filtering = await t.make.queue({ filter })
    const limited = await t.make.pool({ concurrency_limit: 9 })
    await t.make.queue({ name: 'etl', concurrency_limit: 9, work_pool_id: limited })
    await t.make.queue({ name: 'adhoc', concurrency_limit: 9, work_pool_id: limited })
    const make = async (work_queue_name: string): Promise<string> =>
      await t.make.run({ ...waiting, work_queue_name, tags: [], deployment_id: testId(1) })
    const first = await make('etl')
    expect(await claim(filtering)).toEqual([first])
    const queue = await t.make.agentQueue({ name: 'etl', concurrency_limit: 9 })
    await make('etl')
    const free = await make('adhoc')
    expect(await claim(filtering)).toEqual([free])
    await t.make.set('work_queue', queue, { concurrency_limit: null })
    expect(await claim(filtering)).toHaveLength(1)
    await t.make.agentQueue({ name: 'adhoc' })
    await t.database.plain
      .updateTable('work_pool')
      .set({ concurrency_limit: 9 })
      .where('name', '=', 'default-agent-pool')
      .execute()
    await make('etl')
    await make('adhoc')
    expect(await claim(filtering)).toEqual([])
  })
})
