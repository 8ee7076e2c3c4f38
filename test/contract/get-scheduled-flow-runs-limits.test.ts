import { addSeconds } from 'date-fns'
import { getScheduledFlowRuns, type GetScheduledFlowRunsOptions } from 'kysely-work-queues'
import { STATE_TYPES } from 'kysely-work-queues/rules'
import { expect, test } from 'vitest'
import { describeOnDatabases } from '../support/describe-databases.js'
import { type Row, testId } from '../support/factory.js'

const now = new Date('2035-01-01T12:00:00.123Z')
const due = (seconds: number, row: Row = {}): Row => ({ next_scheduled_start_time: addSeconds(now, seconds), ...row })
const times = (count: number, row: Row): Row[] => Array.from({ length: count }, () => row)

describeOnDatabases('the limits that getScheduledFlowRuns keeps', (t) => {
  const poll = async (options?: GetScheduledFlowRunsOptions): Promise<string[]> =>
    (await getScheduledFlowRuns(t.db, options)).map(({ flowRun }) => flowRun.id)

  test.each([...STATE_TYPES, null])('a run that is %s occupies a slot, or does not', async (state_type) => {
    const occupies = state_type === 'PENDING' || state_type === 'RUNNING'
    const work_pool_id = await t.make.pool()
    const work_queue_id = await t.make.queue({ work_pool_id, concurrency_limit: 3 })
    // It is in process, so that it is not handed out itself when it is SCHEDULED.
    const run: Row = { work_queue_id, state_type, empirical_policy: { retry_type: 'in_process' } }
    const waiting = await t.make.runs(times(5, { work_queue_id }))
    await t.make.run(run)
    expect(await poll()).toEqual(waiting.slice(0, occupies ? 2 : 3))
    await t.make.run(run)
    expect(await poll()).toEqual(waiting.slice(0, occupies ? 1 : 3))
    // The same runs count against the pool.
    await t.make.set('work_queue', work_queue_id, { concurrency_limit: null })
    await t.make.set('work_pool', work_pool_id, { concurrency_limit: 4 })
    expect(await poll()).toEqual(waiting.slice(0, occupies ? 2 : 4))
    expect(await poll({ respectQueuePriorities: false })).toEqual(waiting.slice(0, occupies ? 2 : 4))
  })

  test('a run occupies slots of the queue of its queue id, and of no other', async () => {
    // In the default agent pool a queue's own poll would count the run that knows its name alone.
    const work_pool_id = await t.make.pool({ name: 'default-agent-pool', concurrency_limit: 2 })
    const work_queue_id = await t.make.queue({ work_pool_id, name: 'etl', concurrency_limit: 1 })
    const [waiting] = await t.make.runs(times(2, { work_queue_id }))
    const sameName = await t.make.queue({ name: 'etl' })
    const running: Row = { state_type: 'RUNNING' }
    await t.make.runs([
      { ...running, work_queue_name: 'etl' },
      { ...running, work_queue_id: sameName, work_queue_name: 'etl' },
      running,
    ])
    expect(await poll({ workPoolIds: [work_pool_id] })).toEqual([waiting])
    await t.make.run({ ...running, work_queue_id, work_queue_name: 'other' })
    expect(await poll({ workPoolIds: [work_pool_id] })).toEqual([])
  })

  test('the first runs of a queue get its open slots: by start time, then by id', async () => {
    const work_queue_id = await t.make.queue({ concurrency_limit: 3 })
    await t.make.runs([
      due(2, { id: testId(4), work_queue_id }),
      due(1, { id: testId(3), work_queue_id }),
      due(1, { id: testId(2), work_queue_id }),
      due(2, { id: testId(1), work_queue_id }),
      { id: testId(5), work_queue_id },
    ])
    expect(await poll()).toEqual([2, 3, 1].map((n) => testId(n)))
    expect(await poll({ limit: 2 })).toEqual([2, 3].map((n) => testId(n)))
    expect(await poll({ scheduledAfter: addSeconds(now, 2) })).toEqual([1, 4].map((n) => testId(n)))
    await t.make.set('work_queue', work_queue_id, { concurrency_limit: 5 })
    expect(await poll()).toEqual([2, 3, 1, 4, 5].map((n) => testId(n)))
  })

  test('a limit of zero, or one that is exceeded already, leaves nothing, and takes nothing from others', async () => {
    const work_pool_id = await t.make.pool({ concurrency_limit: 5 })
    const none = await t.make.queue({ work_pool_id, priority: 2, concurrency_limit: 0 })
    const exceeded = await t.make.queue({ work_pool_id, priority: 3, concurrency_limit: 1 })
    const open = await t.make.queue({ work_pool_id, priority: 4 })
    await t.make.runs(times(3, { work_queue_id: exceeded, state_type: 'RUNNING' }))
    await t.make.runs([{ work_queue_id: none }, { work_queue_id: exceeded }])
    const waiting = await t.make.runs(times(4, { work_queue_id: open }))
    expect(await poll()).toEqual(waiting.slice(0, 2))
    expect(await poll({ respectQueuePriorities: false })).toEqual(waiting.slice(0, 2))
    await t.make.set('work_pool', work_pool_id, { concurrency_limit: 2 })
    expect(await poll()).toEqual([])
    await t.make.set('work_pool', work_pool_id, { concurrency_limit: 0 })
    expect(await poll()).toEqual([])
    await t.make.set('work_pool', work_pool_id, { concurrency_limit: null })
    expect(await poll()).toEqual(waiting)
  })

  test('the pool’s open slots go to the queues in the order of their priorities, each within its own', async () => {
    const work_pool_id = await t.make.pool({ concurrency_limit: 7 })
    const queues: string[] = []
    for (const [n, concurrency_limit] of [2, null, 1, null].entries()) {
      queues.push(await t.make.queue({ work_pool_id, priority: 9 - n, concurrency_limit }))
    }
    const [last = '', third = '', second = '', first = ''] = queues
    const runs = new Map<string, string[]>()
    for (const id of queues) runs.set(id, await t.make.runs(times(2, { work_queue_id: id })))
    const expected = [
      ...(runs.get(first) ?? []),
      ...(runs.get(second) ?? []).slice(0, 1),
      ...(runs.get(third) ?? []),
      ...(runs.get(last) ?? []),
    ]
    expect(await poll()).toEqual(expected)
    for (let active = 1; active <= 8; active++) {
      // In a queue that is paused, so that the pool's slots are all that it takes.
      const paused = await t.make.queue({ work_pool_id, priority: 100 + active, is_paused: true })
      await t.make.run({ work_queue_id: paused, state_type: 'RUNNING' })
      expect(await poll()).toEqual(expected.slice(0, Math.max(0, 7 - active)))
    }
  })

  test('runs of a paused queue occupy slots of its pool', async () => {
    const work_pool_id = await t.make.pool({ concurrency_limit: 3 })
    const paused = await t.make.queue({ work_pool_id, is_paused: true, priority: 2 })
    const work_queue_id = await t.make.queue({ work_pool_id, priority: 3 })
    await t.make.runs([...times(2, { work_queue_id: paused, state_type: 'PENDING' }), { work_queue_id: paused }])
    const [waiting] = await t.make.runs(times(2, { work_queue_id }))
    expect(await poll()).toEqual([waiting])
    expect(await poll({ workPoolIds: [work_pool_id], respectQueuePriorities: false })).toEqual([waiting])
  })

  test('runs of queues that were not asked for occupy slots of the pool', async () => {
    const work_pool_id = await t.make.pool({ concurrency_limit: 3 })
    const asked = await t.make.queue({ work_pool_id })
    const other = await t.make.queue({ work_pool_id })
    await t.make.runs([...times(2, { work_queue_id: other, state_type: 'RUNNING' }), { work_queue_id: other }])
    const [waiting] = await t.make.runs(times(2, { work_queue_id: asked }))
    expect(await poll({ workQueueIds: [asked] })).toEqual([waiting])
    expect(await poll({ workQueueIds: [asked], workPoolIds: [work_pool_id] })).toEqual([waiting])
  })

  test('each pool has its own slots, and the limit of the poll is over all', async () => {
    const runs: string[] = []
    for (const [n, concurrency_limit] of [1, null, 0, 2].entries()) {
      const work_pool_id = await t.make.pool({ concurrency_limit })
      const work_queue_id = await t.make.queue({ work_pool_id, priority: 2 + n })
      runs.push(...(await t.make.runs(times(3, { work_queue_id }))).slice(0, concurrency_limit ?? 3))
    }
    expect(runs).toHaveLength(6)
    expect(await poll()).toEqual(runs)
    for (let limit = 0; limit <= 6; limit++) expect(await poll({ limit })).toEqual(runs.slice(0, limit))
    expect(await poll({ respectQueuePriorities: false })).toEqual(runs)
  })

  test('without queue priorities, the earliest runs of all queues get the pool’s slots', async () => {
    const work_pool_id = await t.make.pool({ concurrency_limit: 3 })
    const limited = await t.make.queue({ work_pool_id, priority: 2, concurrency_limit: 1 })
    const open = await t.make.queue({ work_pool_id, priority: 3 })
    const [a2, a1, b1, b2] = await t.make.runs([
      due(2, { work_queue_id: limited }),
      due(1, { work_queue_id: limited }),
      due(0, { work_queue_id: open }),
      due(3, { work_queue_id: open }),
      due(4, { work_queue_id: open }),
    ])
    expect(a2).toBeDefined()
    expect(await poll({ respectQueuePriorities: false })).toEqual([b1, a1, b2])
    expect(await poll({ respectQueuePriorities: true })).toEqual([a1, b1, b2])
    await t.make.set('work_pool', work_pool_id, { concurrency_limit: 1 })
    expect(await poll({ respectQueuePriorities: false })).toEqual([b1])
    expect(await poll({ respectQueuePriorities: true })).toEqual([a1])
  })

  test('queues of one priority share the pool’s slots by start time, each within its own', async () => {
    const work_pool_id = await t.make.pool({ concurrency_limit: 3 })
    const a = await t.make.queue({ work_pool_id, priority: 2, concurrency_limit: 1 })
    const b = await t.make.queue({ work_pool_id, priority: 2 })
    await t.make.runs([
      due(0, { id: testId(1), work_queue_id: a }),
      due(0, { id: testId(2), work_queue_id: a }),
      due(1, { id: testId(5), work_queue_id: b }),
      due(1, { id: testId(4), work_queue_id: b }),
      due(2, { id: testId(3), work_queue_id: b }),
    ])
    expect(await poll()).toEqual([1, 4, 5].map((n) => testId(n)))
    expect(await poll({ limit: 2 })).toEqual([1, 4].map((n) => testId(n)))
  })
})
