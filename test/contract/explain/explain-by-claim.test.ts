import {
  claimRunsInWorkQueue,
  claimScheduledFlowRuns,
  countWorkPoolActiveSlots,
  explainFlowRun,
  explainWorkQueue,
  formatExplanation,
  readWorkPoolSlotHolders,
} from 'kysely-work-queues'
import { expect, test } from 'vitest'
import { describeOnDatabases } from '../../support/describe-databases.js'
import { testId } from '../../support/factory.js'
import { agents, due, kindsOf, makePlace, now } from './places.js'

describeOnDatabases('explanations, which are by claim unless by poll,', (t) => {
  const reasons = async (id: string, by?: 'claim' | 'poll'): Promise<string[]> =>
    kindsOf(await explainFlowRun(t.db, id, { by, now }))

  test('a CANCELLING run keeps a slot of the pool for claims, and not for polls', async () => {
    const { pool, queue } = await makePlace(t, { pool: { concurrency_limit: 1 } })
    const [holder, id] = (await t.make.runs([
      { name: 'stopping', work_queue_id: queue, state_type: 'CANCELLING' },
      due(0, { work_queue_id: queue }),
    ])) as [string, string]
    expect(await explainFlowRun(t.db, id, { now })).toEqual({
      flowRunId: id,
      handedOut: false,
      reasons: [
        {
          kind: 'pool-full',
          workPoolId: pool,
          workPoolName: 'etl',
          concurrencyLimit: 1,
          holders: [{ flowRunId: holder, name: 'stopping', stateType: 'CANCELLING', slotAcquiredAt: null }],
          sentence: 'The work pool "etl" has no open slot of 1: held by "stopping" (CANCELLING).',
        },
      ],
    })
    expect(await reasons(id, 'claim')).toEqual(['pool-full'])
    expect(await reasons(id, 'poll')).toEqual(['handed-out'])
    expect(await explainWorkQueue(t.db, queue, { now })).toMatchObject({
      openPoolSlots: 0,
      reasons: [{ kind: 'pool-full', holders: [{ flowRunId: holder }] }],
    })
    expect(await explainWorkQueue(t.db, queue, { by: 'poll', now })).toMatchObject({ openPoolSlots: 1, reasons: [] })
    expect((await claimRunsInWorkQueue(t.db, queue, { now })).runs).toEqual([])
    expect(await claimScheduledFlowRuns(t.db, { workPoolIds: [pool], now })).toEqual([])
  })

  test('the slots of a pool, and who holds them, are those of polls unless by claim', async () => {
    const { pool, queue } = await makePlace(t, { pool: agents })
    const [other, elsewhere] = [await t.make.queue({ name: 'other', work_pool_id: pool }), await t.make.queue()]
    await t.make.runs([
      { id: testId(1), work_queue_id: queue, state_type: 'RUNNING' },
      { id: testId(2), work_queue_id: queue, state_type: 'CANCELLING' },
      { id: testId(3), work_queue_name: 'nightly', state_type: 'PENDING' },
      { id: testId(4), work_queue_name: 'nightly', state_type: 'CANCELLING' },
      { id: testId(5), work_queue_id: other, state_type: 'PENDING' },
      { id: testId(6), work_queue_id: elsewhere, work_queue_name: 'nightly', state_type: 'RUNNING' },
      { id: testId(7), work_queue_name: 'nightly' },
    ])
    const holders = async (options: object): Promise<number[]> =>
      (await readWorkPoolSlotHolders(t.db, pool, options)).map(({ flowRun }) => parseInt(flowRun.id.slice(-12), 16))
    expect(await countWorkPoolActiveSlots(t.db, [pool, elsewhere])).toEqual(new Map([[pool, 2]]))
    expect(await countWorkPoolActiveSlots(t.db, [pool], { by: 'poll' })).toEqual(new Map([[pool, 2]]))
    expect(await countWorkPoolActiveSlots(t.db, [pool], { by: 'claim' })).toEqual(new Map([[pool, 5]]))
    expect(await holders({})).toEqual([1, 5])
    expect(await holders({ by: 'claim' })).toEqual([1, 2, 3, 4, 5])
    expect(await holders({ by: 'claim', workQueueIds: [queue] })).toEqual([1, 2, 3, 4])
    expect(await holders({ by: 'claim', workQueueIds: [queue, other, elsewhere], limitPerQueue: 3 })).toEqual([
      1, 2, 3, 5,
    ])
    expect(await holders({ workQueueIds: [queue, other], limitPerQueue: 1 })).toEqual([1, 5])
  })

  test('a claim of a queue keeps its pool’s limit and pause, also for runs that are known by its name', async () => {
    const { pool } = await makePlace(t, { pool: { ...agents, concurrency_limit: 2 } })
    const [first, second, third] = (await t.make.runs(
      [-3, -2, -1].map((seconds) => due(seconds, { work_queue_name: 'nightly' })),
    )) as [string, string, string]
    for (const id of [first, second]) expect(await reasons(id)).toEqual(['handed-out'])
    expect(await explainFlowRun(t.db, third, { now })).toMatchObject({
      handedOut: false,
      reasons: [{ kind: 'behind', scope: 'queue', runs: 2, openSlots: 2 }],
    })
    expect(await reasons(third, 'poll')).toEqual(['handed-out'])
    await t.make.set('work_pool', pool, { is_paused: true, concurrency_limit: 0 })
    expect(await reasons(first)).toEqual(['pool-paused', 'pool-full'])
    expect(await reasons(first, 'poll')).toEqual(['handed-out'])
  })

  test('a claim by a tag filter passes over runs of other queues that have a limit', async () => {
    const filter = { tags: ['a'], deployment_ids: null }
    const { queue } = await makePlace(t, { queue: { filter, concurrency_limit: 2 } })
    const limited = await t.make.queue({ concurrency_limit: 5 })
    const row = { tags: ['a'], deployment_id: testId(1) }
    await t.make.runs([due(-9, { ...row, work_queue_id: limited }), due(-8, { ...row, work_queue_id: limited })])
    const id = await t.make.run(due(0, { ...row, work_queue_id: queue }))
    expect(await reasons(id)).toEqual(['handed-out'])
    expect(await reasons(id, 'poll')).toEqual(['behind in queue'])
    expect(await explainWorkQueue(t.db, queue, { now })).toMatchObject({ due: 1, openSlots: 2 })
    await t.make.run({ ...row, work_queue_id: limited, state_type: 'CANCELLING' })
    expect(await explainWorkQueue(t.db, queue, { now })).toMatchObject({ active: 1, openSlots: 1 })
    expect(await explainWorkQueue(t.db, queue, { by: 'poll', now })).toMatchObject({ due: 3, active: 0, openSlots: 2 })
    expect((await claimRunsInWorkQueue(t.db, queue, { now })).runs.map((run) => run.id)).toEqual([id])
  })

  test('the text says that the next claim hands it out', async () => {
    const { queue } = await makePlace(t)
    const id = await t.make.run(due(0, { work_queue_id: queue }))
    expect(formatExplanation(await explainFlowRun(t.db, id, { now }))).toBe(
      `Flow run ${id} is handed out:\n  - The next claim hands it out.`,
    )
  })
})
