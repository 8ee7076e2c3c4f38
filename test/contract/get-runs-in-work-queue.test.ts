import { addMilliseconds, addSeconds } from 'date-fns'
import { getRunsInWorkQueue, type GetRunsInWorkQueueOptions, readFlowRuns, readWorkQueue } from 'kysely-work-queues'
import { STATE_TYPES } from 'kysely-work-queues/rules'
import { expect, test } from 'vitest'
import { describeOnDatabases } from '../support/describe-databases.js'
import { allRows, type Row, testId } from '../support/factory.js'

const now = new Date('2035-01-01T12:00:00.123Z')
const due = (seconds: number, row: Row = {}): Row => ({ next_scheduled_start_time: addSeconds(now, seconds), ...row })

describeOnDatabases('getRunsInWorkQueue', (t) => {
  const poll = async (id: string, options?: GetRunsInWorkQueueOptions): Promise<string[]> =>
    (await getRunsInWorkQueue(t.db, id, options)).runs.map((run) => run.id)

  test('returns the queue, and the runs with all of their columns', async () => {
    const id = await t.make.agentQueue({ name: 'etl', last_polled: now })
    await t.make.run(
      due(-1, { work_queue_id: id, parameters: { a_b: { c_d: [1] } }, tags: ['a_b'], labels: { e_f: 1 } }),
    )
    await t.make.run(due(0, { work_queue_name: 'etl', job_variables: null, deployment_id: testId(1) }))
    const before = await allRows(t.database)
    expect(await getRunsInWorkQueue(t.db, id)).toEqual({
      workQueue: await readWorkQueue(t.db, id),
      runs: await readFlowRuns(t.db),
    })
    expect(await allRows(t.database)).toEqual(before)
  })

  test('an empty queue is returned with no runs', async () => {
    const id = await t.make.queue()
    expect(await getRunsInWorkQueue(t.db, id)).toEqual({ workQueue: await readWorkQueue(t.db, id), runs: [] })
  })

  test('a missing queue is an error', async () => {
    const id = testId(404)
    await t.make.queue()
    await expect(getRunsInWorkQueue(t.db, id)).rejects.toMatchObject({ name: 'WorkQueueNotFoundError', id })
  })

  test('a run belongs to a queue by the queue’s id, or without one by its name in the default agent pool', async () => {
    const id = await t.make.agentQueue({ name: 'etl' })
    const sameName = await t.make.queue({ name: 'etl' })
    const otherName = await t.make.agentQueue({ name: 'other' })
    const [byId, byName, both, idWins] = await t.make.runs([
      { work_queue_id: id },
      { work_queue_name: 'etl' },
      { work_queue_id: id, work_queue_name: 'etl' },
      { work_queue_id: id, work_queue_name: 'other' },
    ])
    const [elsewhere] = await t.make.runs([
      { work_queue_id: sameName, work_queue_name: 'etl' },
      { work_queue_name: 'ETL' },
      { work_queue_name: 'etl ' },
      {},
    ])
    expect(await poll(id)).toEqual([byId, byName, both, idWins])
    expect(await poll(sameName)).toEqual([elsewhere])
    expect(await poll(otherName)).toEqual([])
  })

  test('only SCHEDULED runs are returned, whatever their state is named', async () => {
    const id = await t.make.queue()
    for (const state_type of [...STATE_TYPES, null]) await t.make.run({ work_queue_id: id, state_type })
    const late = await t.make.run({ work_queue_id: id, state_name: 'Late' })
    const unnamed = await t.make.run({ work_queue_id: id, state_name: null })
    await t.make.run({ work_queue_id: id, state_type: 'PENDING', state_name: 'Scheduled' })
    const runs = await poll(id)
    expect(runs).toHaveLength(3)
    expect(runs.slice(1)).toEqual([late, unnamed])
  })

  test('orders by start time, those without one last, and ties by id', async () => {
    const id = await t.make.agentQueue({ name: 'etl' })
    const rows: Row[] = [
      { id: testId(9), work_queue_id: id },
      { id: testId(2), work_queue_name: 'etl' },
      due(5, { id: testId(8), work_queue_id: id }),
      due(5, { id: testId(1), work_queue_name: 'etl' }),
      due(5, { id: testId(4), work_queue_id: id }),
      due(-5, { id: testId(7), work_queue_name: 'etl' }),
      due(-6, { id: testId(6), work_queue_id: id }),
      { id: testId(3), work_queue_id: id, next_scheduled_start_time: addMilliseconds(now, 5001) },
    ]
    await t.make.runs(rows)
    const expected = [6, 7, 1, 4, 8, 3, 2, 9].map((n) => testId(n))
    expect(await poll(id)).toEqual(expected)
    for (const limit of [1, 3, 5, 7, 8, 9]) expect(await poll(id, { limit })).toEqual(expected.slice(0, limit))
  })

  test('scheduledBefore is inclusive, and leaves out the runs without a start time', async () => {
    const id = await t.make.agentQueue({ name: 'etl' })
    const [before, at] = await t.make.runs([
      due(-1, { work_queue_name: 'etl' }),
      due(0, { work_queue_id: id }),
      { work_queue_id: id, next_scheduled_start_time: addMilliseconds(now, 1) },
      { work_queue_id: id },
    ])
    expect(await poll(id, { scheduledBefore: now })).toEqual([before, at])
    expect(await poll(id, { scheduledBefore: addMilliseconds(now, -1) })).toEqual([before])
    expect(await poll(id, { scheduledBefore: addMilliseconds(now, 1) })).toHaveLength(3)
    expect(await poll(id, { scheduledBefore: undefined })).toHaveLength(4)
  })

  test('a limit of none is none', async () => {
    const id = await t.make.queue()
    const [first] = await t.make.runs([{ work_queue_id: id }, { work_queue_id: id }])
    expect(await poll(id, { limit: 0 })).toEqual([])
    expect(await poll(id, { limit: 1 })).toEqual([first])
    expect(await poll(id, { limit: undefined })).toHaveLength(2)
    expect(await poll(id, { limit: 2 ** 31 - 1 })).toHaveLength(2)
  })

  test('a paused queue hands out nothing, whatever its status says', async () => {
    const id = await t.make.queue({ is_paused: true, status: 'READY' })
    await t.make.run({ work_queue_id: id })
    const { workQueue, runs } = await getRunsInWorkQueue(t.db, id)
    expect(runs).toEqual([])
    expect(workQueue).toEqual(await readWorkQueue(t.db, id))
    await t.make.set('work_queue', id, { is_paused: false, status: 'PAUSED' })
    expect(await poll(id)).toHaveLength(1)
  })

  test('neither a paused pool nor a full one holds back a queue that is polled by itself', async () => {
    const work_pool_id = await t.make.pool({ is_paused: true, concurrency_limit: 0 })
    const id = await t.make.queue({ work_pool_id })
    await t.make.run({ work_queue_id: id })
    expect(await poll(id)).toHaveLength(1)
  })

  test('PENDING, RUNNING and CANCELLING runs occupy a slot, and no others', async () => {
    for (const state_type of STATE_TYPES) {
      const occupied = ['PENDING', 'RUNNING', 'CANCELLING'].includes(state_type) ? 1 : 0
      const name = `queue of ${state_type}`
      const id = await t.make.agentQueue({ name, concurrency_limit: 3 })
      await t.make.runs([
        { work_queue_id: id, state_type },
        ...Array.from({ length: 5 }, () => ({ work_queue_id: id })),
      ])
      expect(await poll(id), state_type).toHaveLength(3 - occupied)
      await t.make.run({ work_queue_name: name, state_type })
      expect(await poll(id), state_type).toHaveLength(3 - 2 * occupied)
    }
  })

  test('slots are those of the queue’s own runs', async () => {
    const id = await t.make.agentQueue({ name: 'etl', concurrency_limit: 2 })
    const sameName = await t.make.queue({ name: 'etl' })
    const running: Row = { state_type: 'RUNNING' }
    await t.make.runs([{ work_queue_id: id }, { work_queue_name: 'etl' }, { work_queue_id: id }])
    await t.make.runs([
      { ...running, work_queue_id: sameName, work_queue_name: 'etl' },
      { ...running, work_queue_id: sameName },
      { ...running, work_queue_name: 'other' },
      running,
    ])
    expect(await poll(id)).toHaveLength(2)
    await t.make.run({ ...running, work_queue_id: id, work_queue_name: 'other' })
    expect(await poll(id)).toHaveLength(1)
    await t.make.run({ ...running, work_queue_name: 'etl' })
    expect(await poll(id)).toEqual([])
  })

  test('the first runs get the open slots, and the limit of the poll still holds', async () => {
    const id = await t.make.agentQueue({ name: 'etl', concurrency_limit: 3 })
    const [third, first, second] = await t.make.runs([
      due(3, { work_queue_id: id }),
      due(1, { work_queue_name: 'etl' }),
      due(2, { work_queue_id: id }),
      due(4, { work_queue_name: 'etl' }),
    ])
    expect(await poll(id)).toEqual([first, second, third])
    expect(await poll(id, { limit: 2 })).toEqual([first, second])
    expect(await poll(id, { limit: 99, scheduledBefore: addSeconds(now, 2) })).toEqual([first, second])
  })

  test('a limit of zero, or one that is exceeded already, leaves no slot', async () => {
    const none = await t.make.queue({ concurrency_limit: 0 })
    await t.make.run({ work_queue_id: none })
    expect(await poll(none)).toEqual([])
    const exceeded = await t.make.queue({ concurrency_limit: 1 })
    const running: Row = { work_queue_id: exceeded, state_type: 'RUNNING' }
    await t.make.runs([{ work_queue_id: exceeded }, running, running, running])
    expect(await poll(exceeded)).toEqual([])
    await t.make.set('work_queue', exceeded, { concurrency_limit: null })
    expect(await poll(exceeded)).toHaveLength(1)
    const both = await t.make.agentQueue({ name: 'both', concurrency_limit: 1 })
    await t.make.runs([{ work_queue_id: both }, { ...running, work_queue_id: both }])
    await t.make.run({ state_type: 'RUNNING', work_queue_name: 'both' })
    expect(await poll(both)).toEqual([])
  })

  test('a poll takes nothing: the next one returns the same', async () => {
    const id = await t.make.queue({ concurrency_limit: 2 })
    await t.make.runs([{ work_queue_id: id }, { work_queue_id: id }, { work_queue_id: id }])
    const first = await poll(id)
    expect(first).toHaveLength(2)
    expect(await poll(id.toUpperCase())).toEqual(first)
  })
})
