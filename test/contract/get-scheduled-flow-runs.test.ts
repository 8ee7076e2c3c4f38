import { addMilliseconds, addSeconds } from 'date-fns'
import { getScheduledFlowRuns, type GetScheduledFlowRunsOptions, readFlowRun, readWorkPool } from 'kysely-work-queues'
import { STATE_TYPES } from 'kysely-work-queues/rules'
import { expect, test } from 'vitest'
import { describeOnDatabases } from '../support/describe-databases.js'
import { allRows, type Row, testId } from '../support/factory.js'

const now = new Date('2035-01-01T12:00:00.123Z')
const due = (seconds: number, row: Row = {}): Row => ({ next_scheduled_start_time: addSeconds(now, seconds), ...row })

describeOnDatabases('getScheduledFlowRuns', (t) => {
  const poll = async (options?: GetScheduledFlowRunsOptions): Promise<string[]> =>
    (await getScheduledFlowRuns(t.db, options)).map(({ flowRun }) => flowRun.id)
  /** Queues of a new pool, of these priorities. */
  const makeQueues = async (priorities: readonly number[], pool?: string): Promise<string[]> => {
    const work_pool_id = pool ?? (await t.make.pool())
    const ids: string[] = []
    for (const priority of priorities) ids.push(await t.make.queue({ work_pool_id, priority }))
    return ids
  }

  test('returns each run with all of its columns, its queue and its pool, and changes nothing', async () => {
    const work_pool_id = await t.make.pool()
    const id = await t.make.queue({ work_pool_id })
    const run = await t.make.run(
      due(-1, { work_queue_id: id, parameters: { a_b: { c_d: [1] } }, tags: ['a_b'], labels: { e_f: 1 } }),
    )
    const before = await allRows(t.database)
    expect(await getScheduledFlowRuns(t.db)).toEqual([
      { workPoolId: work_pool_id, workQueueId: id, flowRun: await readFlowRun(t.db, run) },
    ])
    expect(await poll()).toEqual([run])
    expect(await allRows(t.database)).toEqual(before)
  })

  test('an empty database, a pool without queues and a queue without runs have none', async () => {
    expect(await poll()).toEqual([])
    await t.make.queue()
    expect(await poll()).toEqual([])
  })

  test('the default queue of a pool is one of its queues', async () => {
    const pool = await t.make.pool()
    const run = await t.make.run({ work_queue_id: (await readWorkPool(t.db, pool))?.defaultQueueId ?? '' })
    expect(await poll({ workPoolIds: [pool] })).toEqual([run])
  })

  test('a run belongs to a queue by the queue’s id, and never by its name', async () => {
    const id = await t.make.queue({ name: 'etl' })
    const [byId, both] = await t.make.runs([
      { work_queue_id: id },
      { work_queue_id: id, work_queue_name: 'other' },
      { work_queue_name: 'etl' },
      {},
    ])
    expect(await poll()).toEqual([byId, both])
  })

  test('the tag filter of a queue does not matter', async () => {
    const id = await t.make.queue({ filter: { tags: ['a'], deployment_ids: null } })
    const run = await t.make.run({ work_queue_id: id })
    await t.make.run({ tags: ['a'], deployment_id: testId(1) })
    expect(await poll()).toEqual([run])
  })

  test('only SCHEDULED runs are returned, whatever their state is named', async () => {
    const work_queue_id = await t.make.queue()
    const scheduled: string[] = []
    for (const state_type of [...STATE_TYPES, null]) {
      const id = await t.make.run({ work_queue_id, state_type, state_name: 'Scheduled' })
      if (state_type === 'SCHEDULED') scheduled.push(id)
    }
    scheduled.push(await t.make.run({ work_queue_id, state_name: 'Late' }))
    scheduled.push(await t.make.run({ work_queue_id, state_name: null }))
    expect(await poll()).toEqual(scheduled)
  })

  test('runs that wait for a retry inside their process are left out', async () => {
    const work_queue_id = await t.make.queue()
    const retry = (empirical_policy: object): Row => due(0, { work_queue_id, empirical_policy })
    const left = due(-1, { work_queue_id, empirical_policy: { retry_type: 'in_process', retries: 3 } })
    const [, reschedule, none, absent, nested] = await t.make.runs([
      left,
      retry({ retry_type: 'reschedule' }),
      retry({ retry_type: null }),
      retry({}),
      retry({ retries: { retry_type: 'in_process' } }),
    ])
    expect(await poll()).toEqual([reschedule, none, absent, nested])
    // They take no place of another run.
    expect(await poll({ limit: 1 })).toEqual([reschedule])
  })

  test('orders by priority, then by start time, those without one last, then by id', async () => {
    const [second, first] = await makeQueues([7, 3])
    await t.make.runs([
      due(-9, { id: testId(1), work_queue_id: second ?? '' }),
      { id: testId(2), work_queue_id: first ?? '' },
      due(5, { id: testId(8), work_queue_id: first ?? '' }),
      due(5, { id: testId(3), work_queue_id: first ?? '' }),
      { id: testId(9), work_queue_id: second ?? '' },
      { id: testId(4), work_queue_id: second ?? '' },
      due(-5, { id: testId(7), work_queue_id: first ?? '' }),
      due(-9, { id: testId(6), work_queue_id: second ?? '' }),
      {
        id: testId(5),
        work_queue_id: first ?? '',
        next_scheduled_start_time: addMilliseconds(now, 5001),
      },
    ])
    const expected = [7, 3, 8, 5, 2, 1, 6, 4, 9].map((n) => testId(n))
    expect(await poll()).toEqual(expected)
    // A limit may cut anywhere, through equal start times and through those without one.
    for (let limit = 0; limit <= 10; limit++) expect(await poll({ limit })).toEqual(expected.slice(0, limit))
  })

  test('queues of one priority are interleaved by start time, then by id', async () => {
    const [a = '', b = '', c = ''] = await makeQueues([2, 2, 1])
    await t.make.runs([
      due(1, { id: testId(5), work_queue_id: a }),
      due(1, { id: testId(4), work_queue_id: b }),
      due(2, { id: testId(1), work_queue_id: a }),
      due(0, { id: testId(6), work_queue_id: b }),
      { id: testId(3), work_queue_id: b },
      { id: testId(2), work_queue_id: a },
      due(9, { id: testId(7), work_queue_id: c }),
    ])
    const expected = [7, 6, 4, 5, 1, 2, 3].map((n) => testId(n))
    expect(await poll()).toEqual(expected)
    for (let limit = 0; limit <= 7; limit++) expect(await poll({ limit })).toEqual(expected.slice(0, limit))
  })

  test('without queue priorities, start times alone count, then ids', async () => {
    const [a = '', b = ''] = await makeQueues([1, 2])
    await t.make.runs([
      due(1, { id: testId(5), work_queue_id: a }),
      due(1, { id: testId(4), work_queue_id: b }),
      due(0, { id: testId(6), work_queue_id: b }),
      { id: testId(2), work_queue_id: a },
      { id: testId(1), work_queue_id: b },
    ])
    const byTime = [6, 4, 5, 1, 2].map((n) => testId(n))
    expect(await poll({ respectQueuePriorities: false })).toEqual(byTime)
    for (let limit = 0; limit <= 5; limit++) {
      expect(await poll({ respectQueuePriorities: false, limit })).toEqual(byTime.slice(0, limit))
    }
    const byPriority = [5, 2, 6, 4, 1].map((n) => testId(n))
    expect(await poll({ respectQueuePriorities: true })).toEqual(byPriority)
    expect(await poll({ respectQueuePriorities: undefined })).toEqual(byPriority)
  })

  test('several pools are ordered by the priorities of their queues, not pool by pool', async () => {
    const one = await makeQueues([1, 3])
    const two = await makeQueues([2, 3])
    const [first, second, third, fourth, fifth] = await t.make.runs([
      { work_queue_id: one[0] ?? '' },
      { work_queue_id: two[0] ?? '' },
      due(1, { work_queue_id: two[1] ?? '' }),
      due(2, { work_queue_id: one[1] ?? '' }),
      due(2, { work_queue_id: two[1] ?? '' }),
    ])
    const expected = [first, second, third, fourth, fifth]
    expect(await poll()).toEqual(expected)
    for (let limit = 0; limit <= 5; limit++) expect(await poll({ limit })).toEqual(expected.slice(0, limit))
    expect(await poll({ respectQueuePriorities: false })).toEqual([third, fourth, fifth, first, second])
  })

  test('scheduledBefore and scheduledAfter are inclusive, and leave out the runs without a start time', async () => {
    const work_queue_id = await t.make.queue()
    const at = (milliseconds: number): Row => ({
      work_queue_id,
      next_scheduled_start_time: addMilliseconds(now, milliseconds),
    })
    const [before, exactly, after, none] = await t.make.runs([at(-1), at(0), at(1), { work_queue_id }])
    expect(await poll()).toEqual([before, exactly, after, none])
    expect(await poll({ scheduledBefore: now })).toEqual([before, exactly])
    expect(await poll({ scheduledAfter: now })).toEqual([exactly, after])
    expect(await poll({ scheduledBefore: now, scheduledAfter: now })).toEqual([exactly])
    expect(await poll({ scheduledBefore: addMilliseconds(now, -1), scheduledAfter: now })).toEqual([])
    expect(await poll({ scheduledBefore: addMilliseconds(now, -2) })).toEqual([])
    expect(await poll({ scheduledBefore: undefined, scheduledAfter: undefined })).toHaveLength(4)
    expect(await poll({ scheduledAfter: now, respectQueuePriorities: false, limit: 1 })).toEqual([exactly])
  })

  test('returns a thousand runs unless another limit is asked for', async () => {
    const [a = '', b = ''] = await makeQueues([1, 2])
    const runs = [
      ...(await t.make.runs(Array.from({ length: 600 }, () => ({ work_queue_id: a })))),
      ...(await t.make.runs(Array.from({ length: 420 }, () => ({ work_queue_id: b })))),
    ]
    expect(await poll()).toEqual(runs.slice(0, 1000))
    expect(await poll({ limit: undefined })).toEqual(runs.slice(0, 1000))
    expect(await poll({ limit: 1010 })).toEqual(runs.slice(0, 1010))
    expect(await poll({ limit: 2 ** 31 - 1 })).toEqual(runs)
  })
})
