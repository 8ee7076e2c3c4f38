import { addSeconds } from 'date-fns'
import {
  claimRunsInWorkQueue,
  claimScheduledFlowRuns,
  countWorkPoolActiveSlots,
  countWorkQueueActiveSlots,
  getScheduledFlowRuns,
  setFlowRunState,
  updateWorkPool,
  updateWorkQueue,
} from 'kysely-work-queues'
import { STATE_TYPES, WORK_QUEUE_SLOT_STATES } from 'kysely-work-queues/rules'
import { expect, test } from 'vitest'
import { describeOnDatabases } from '../support/describe-databases.js'
import { type Row, testId } from '../support/factory.js'

const now = new Date('2035-01-01T12:00:00.123Z')

describeOnDatabases('claims and limits', (t) => {
  const ofQueue = async (id: string, limit?: number): Promise<string[]> =>
    (await claimRunsInWorkQueue(t.db, id, { limit, now, scheduledBefore: null })).runs.map((run) => run.id)
  const ofPools = async (...workPoolIds: string[]): Promise<string[]> =>
    (await claimScheduledFlowRuns(t.db, { workPoolIds, now, scheduledBefore: null })).map(({ flowRun }) => flowRun.id)
  const runs = (count: number, row: Row): Promise<string[]> =>
    t.make.runs(
      Array.from({ length: count }, (_, n) => ({ next_scheduled_start_time: addSeconds(now, n - count), ...row })),
    )

  test('PENDING, RUNNING and CANCELLING runs occupy, for both kinds of claim, and no other state does', async () => {
    for (const state_type of STATE_TYPES.filter((type) => type !== 'SCHEDULED')) {
      const expected = (WORK_QUEUE_SLOT_STATES as string[]).includes(state_type) ? 1 : 2
      for (const limited of ['queue', 'pool'] as const) {
        const limit = { concurrency_limit: 2 }
        const work_pool_id = await t.make.pool(limited === 'pool' ? limit : {})
        const make = () => t.make.queue({ work_pool_id, ...(limited === 'queue' ? limit : {}) })
        const [one, two] = [await make(), await make()]
        await t.make.run({ work_queue_id: one, state_type })
        await runs(3, { work_queue_id: one })
        expect(await ofQueue(one), `${state_type} of ${limited}`).toHaveLength(expected)

        await t.make.run({ work_queue_id: two, state_type })
        await runs(3, { work_queue_id: two })
        const leftOfPool = limited === 'pool' ? 0 : expected
        expect(await ofPools(work_pool_id), `${state_type} of ${limited}`).toHaveLength(leftOfPool)
      }
    }
  })

  test('claims by queue keep the limit of the pool, over all of its queues', async () => {
    const work_pool_id = await t.make.pool({ concurrency_limit: 4 })
    const a = await t.make.queue({ work_pool_id, concurrency_limit: 3 })
    const b = await t.make.queue({ work_pool_id })
    await runs(5, { work_queue_id: a })
    const [first] = await runs(5, { work_queue_id: b })
    expect(await ofQueue(a)).toHaveLength(3)
    expect(await ofQueue(b)).toEqual([first])
    expect(await ofQueue(a)).toEqual([])
    expect(await ofQueue(b)).toEqual([])
    expect(await countWorkPoolActiveSlots(t.db, [work_pool_id])).toEqual(new Map([[work_pool_id, 4]]))
  })

  test('claims by pool keep the limits of the pool and of each queue, and other pools are not concerned', async () => {
    const limited = await t.make.pool({ concurrency_limit: 6 })
    const open = await t.make.pool()
    const queues: string[] = []
    for (const [n, concurrency_limit] of [2, null, 0, 3].entries()) {
      queues.push(await t.make.queue({ work_pool_id: limited, priority: n + 2, concurrency_limit }))
    }
    const other = await t.make.queue({ work_pool_id: open, priority: 1 })
    const made: string[][] = []
    for (const id of [...queues, other]) made.push(await runs(3, { work_queue_id: id }))
    const [a = [], b = [], , d = [], e = []] = made
    expect(await ofPools(limited, open)).toEqual([...e, ...a.slice(0, 2), ...b, ...d.slice(0, 1)])
    expect(await ofPools(limited, open)).toEqual([])
    await setFlowRunState(t.db, a[0] ?? '', { type: 'COMPLETED' })
    await setFlowRunState(t.db, b[0] ?? '', { type: 'CANCELLED' })
    expect(await ofPools(limited)).toEqual([a[2], d[1]])
  })

  test('runs that belong to the queue by its name alone occupy its slots too', async () => {
    const id = await t.make.agentQueue({ name: 'etl', concurrency_limit: 2 })
    await t.make.run({ work_queue_name: 'etl', state_type: 'CANCELLING' })
    const [named] = await runs(2, { work_queue_name: 'etl' })
    await runs(2, { work_queue_id: id })
    // Polls of pools go by id alone and so see two open slots; claims of pools know better.
    expect(await getScheduledFlowRuns(t.db)).toHaveLength(2)
    expect(await ofQueue(id)).toEqual([named])
    expect(await ofPools()).toEqual([])
    expect(await countWorkQueueActiveSlots(t.db, [id])).toEqual(new Map([[id, 2]]))
  })

  test('a queue with a tag filter takes no runs by its name', async () => {
    const filter = { tags: ['x'], deployment_ids: null }
    const id = await t.make.agentQueue({ name: 'etl', filter })
    await runs(2, { work_queue_name: 'etl' })
    expect(await ofQueue(id)).toEqual([])
  })

  test('a limit of 0 stops every claim, and claims go on when it is raised', async () => {
    const work_pool_id = await t.make.pool({ concurrency_limit: 0 })
    const id = await t.make.queue({ work_pool_id, concurrency_limit: 0 })
    const made = await runs(4, { work_queue_id: id })
    expect([await ofQueue(id), await ofPools(work_pool_id)]).toEqual([[], []])
    await updateWorkPool(t.db, work_pool_id, { concurrencyLimit: 3 })
    expect([await ofQueue(id), await ofPools(work_pool_id)]).toEqual([[], []])
    await updateWorkQueue(t.db, id, { concurrencyLimit: 2 })
    expect(await ofQueue(id)).toEqual(made.slice(0, 2))
    await updateWorkQueue(t.db, id, { concurrencyLimit: null })
    expect(await ofPools(work_pool_id)).toEqual([made[2]])
    await updateWorkPool(t.db, work_pool_id, { concurrencyLimit: null })
    expect(await ofQueue(id)).toEqual([made[3]])
  })

  test('more active runs than a lowered limit allows: nothing is handed out until enough have ended', async () => {
    const work_pool_id = await t.make.pool({ concurrency_limit: 2 })
    const id = await t.make.queue({ work_pool_id, concurrency_limit: 1 })
    const active = await runs(4, { work_queue_id: id, state_type: 'RUNNING' })
    await runs(2, { work_queue_id: id })
    for (const run of active) {
      expect([await ofQueue(id), await ofPools(work_pool_id)]).toEqual([[], []])
      await setFlowRunState(t.db, run, { type: 'COMPLETED' })
    }
    expect(await ofQueue(id)).toHaveLength(1)
  })

  test('a tag filter’s limit counts CANCELLING matches too, and its claims keep every other limit', async () => {
    const match: Row = { tags: ['x', 'y'], deployment_id: testId(1, 5) }
    const work_pool_id = await t.make.pool({ concurrency_limit: 1 })
    const limitedPool = await t.make.queue({ work_pool_id })
    const limitedQueue = await t.make.agentQueue({ name: 'limited', concurrency_limit: 9 })
    const free = await t.make.queue()
    const id = await t.make.queue({ filter: { tags: ['x'], deployment_ids: null }, concurrency_limit: 4 })
    await t.make.run({ ...match, state_type: 'CANCELLING' })
    await t.make.runs([
      { ...match, work_queue_id: limitedPool },
      { ...match, work_queue_id: limitedQueue },
      { ...match, work_queue_name: 'limited' },
      { ...match, deployment_id: null },
    ])
    const taken = await t.make.runs([{ ...match, work_queue_id: free }, { ...match, work_queue_id: id }, match, match])
    expect(await ofQueue(id)).toEqual(taken.slice(0, 3))
    expect(await ofQueue(id)).toEqual([])
    // Claims of pools do not know tags: they go by queue id.
    expect(await ofPools()).toEqual([])
  })

  test('a claim by a tag filter that found nothing finds what comes after it', async () => {
    const id = await t.make.queue({ filter: { tags: ['x'], deployment_ids: null } })
    const match: Row = { tags: ['x'], deployment_id: testId(1, 5), work_queue_id: await t.make.queue() }
    for (let claim = 1; claim <= 3; claim++) {
      expect(await ofQueue(id)).toEqual([])
      expect(await ofQueue(id)).toEqual([])
      const run = await t.make.run(match)
      expect(await ofQueue(id)).toEqual([run])
    }
  })

  test('a filter queue in a limited pool takes no more runs than the pool has slots', async () => {
    const work_pool_id = await t.make.pool({ concurrency_limit: 2 })
    const id = await t.make.queue({ work_pool_id, filter: { tags: null, deployment_ids: [testId(1, 5)] } })
    await runs(4, { work_queue_id: id, deployment_id: testId(1, 5) })
    expect(await ofQueue(id)).toHaveLength(2)
    expect(await ofQueue(id)).toEqual([])
  })
})
