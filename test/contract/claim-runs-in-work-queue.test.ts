import { addSeconds } from 'date-fns'
import {
  claimRunsInWorkQueue,
  type ClaimRunsInWorkQueueOptions,
  type FlowRun,
  getRunsInWorkQueue,
  readFlowRun,
  readWorkQueue,
} from 'kysely-work-queues'
import { STATE_TYPES } from 'kysely-work-queues/rules'
import { expect, test } from 'vitest'
import { describeOnDatabases } from '../support/describe-databases.js'
import { allRows, type Row, testId } from '../support/factory.js'

const now = new Date('2035-01-01T12:00:00.123Z')
const due = (seconds: number, row: Row = {}): Row => ({ next_scheduled_start_time: addSeconds(now, seconds), ...row })

describeOnDatabases('claimRunsInWorkQueue', (t) => {
  /** Polls and then claims: the claim has to return the runs of the poll, in its order, and PENDING. */
  const claim = async (id: string, options: ClaimRunsInWorkQueueOptions = {}): Promise<string[]> => {
    const { limit, scheduledBefore = now } = options
    const polled = await getRunsInWorkQueue(t.db, id, { limit, scheduledBefore: scheduledBefore ?? undefined })
    const claimed = await claimRunsInWorkQueue(t.db, id, { now, ...options })
    expect(claimed.workQueue).toEqual(polled.workQueue)
    expect(claimed.runs.map((run) => run.id)).toEqual(polled.runs.map((run) => run.id))
    for (const [n, run] of claimed.runs.entries()) expectPending(run, polled.runs[n])
    return claimed.runs.map((run) => run.id)
  }

  /** The claimed run is the polled one, in a state of its own; nothing else of it has changed. */
  const expectPending = (claimed: FlowRun, polled: FlowRun | undefined): void => {
    const state = { stateType: 'PENDING', stateName: 'Pending', stateTimestamp: now, updated: now }
    const expectedStartTime = polled?.expectedStartTime ?? polled?.nextScheduledStartTime
    expect(claimed).toEqual({ ...polled, ...state, stateId: claimed.stateId, endTime: null, expectedStartTime })
    expect(claimed.stateId).not.toBe(polled?.stateId)
  }

  test('returns the queue as it is, and the runs with all of their columns, as readFlowRun gives them', async () => {
    const id = await t.make.agentQueue({ name: 'etl', last_polled: now, concurrency_limit: 5 })
    await t.make.run(
      due(-1, { work_queue_id: id, parameters: { a_b: { c_d: [1] } }, tags: ['a_b'], labels: { e_f: 1 } }),
    )
    await t.make.run(due(0, { work_queue_name: 'etl', job_variables: null, run_count: 3, start_time: now }))
    const { workQueue, runs } = await claimRunsInWorkQueue(t.db, id, { now })
    expect(workQueue).toEqual(await readWorkQueue(t.db, id))
    expect(runs).toHaveLength(2)
    expect(runs).toEqual([await readFlowRun(t.db, runs[0]?.id ?? ''), await readFlowRun(t.db, runs[1]?.id ?? '')])
    expect(runs[1]).toMatchObject({ runCount: 3, startTime: now, nextScheduledStartTime: now, workQueueName: 'etl' })
  })

  test('adds one state a run, and touches no other row', async () => {
    const id = await t.make.queue({ concurrency_limit: 2 })
    const [a, b, c] = await t.make.runs([-3, -2, -1].map((n) => due(n, { work_queue_id: id })))
    await t.make.run({ work_queue_id: await t.make.queue() })
    await t.make.state({ flow_run_id: a ?? '', timestamp: addSeconds(now, -9) })
    const before = await allRows(t.database)
    const { runs } = await claimRunsInWorkQueue(t.db, id, { now })
    const after = await allRows(t.database)
    expect(runs.map((run) => run.id)).toEqual([a, b])

    const untouched = (rows: object[] | undefined) =>
      rows?.filter((row) => ![a, b].includes((row as { id: string }).id))
    expect(untouched(after['flow_run'])).toEqual(untouched(before['flow_run']))
    expect(untouched(after['flow_run'])).toContainEqual(expect.objectContaining({ id: c }))
    for (const table of ['work_pool', 'work_queue', 'worker']) expect(after[table]).toEqual(before[table])
    const states = await t.database.plain
      .selectFrom('flow_run_state')
      .select(['id', 'flow_run_id as run', 'type', 'name', 'message'])
      .where('type', '=', 'PENDING')
      .orderBy('flow_run_id')
      .execute()
    const state = { type: 'PENDING', name: 'Pending', message: null }
    expect(states).toEqual(runs.map(({ id: run, stateId }) => ({ id: stateId, run, ...state })))
    expect(after['flow_run_state']).toHaveLength(3)
  })

  test('claimed runs are not handed out again', async () => {
    const id = await t.make.queue()
    const runs = await t.make.runs([due(-1, { work_queue_id: id }), due(-2, { work_queue_id: id })])
    expect(await claim(id)).toEqual(runs.toReversed())
    expect(await claim(id)).toEqual([])
    expect((await getRunsInWorkQueue(t.db, id)).runs).toEqual([])
  })

  test('an empty queue is returned with no runs', async () => {
    const id = await t.make.queue({ concurrency_limit: 3 })
    expect(await claimRunsInWorkQueue(t.db, id)).toEqual({ workQueue: await readWorkQueue(t.db, id), runs: [] })
  })

  test('a missing queue is an error', async () => {
    const id = testId(404)
    await t.make.queue()
    await expect(claimRunsInWorkQueue(t.db, id)).rejects.toMatchObject({ name: 'WorkQueueNotFoundError', id })
    const inTransaction = t.db.transaction().execute((trx) => claimRunsInWorkQueue(trx, id))
    await expect(inTransaction).rejects.toMatchObject({ name: 'WorkQueueNotFoundError', id })
  })

  test('takes runs that belong to the queue by its id, or without one by its name', async () => {
    const id = await t.make.agentQueue({ name: 'etl', concurrency_limit: 3 })
    const other = await t.make.queue({ name: 'other' })
    const [byId, byName, both] = await t.make.runs([
      { work_queue_id: id },
      { work_queue_name: 'etl' },
      { work_queue_id: id, work_queue_name: 'other' },
      { work_queue_id: id },
    ])
    await t.make.runs([{ work_queue_id: other, work_queue_name: 'etl' }, { work_queue_name: 'ETL' }, {}])
    expect(await claim(id, { scheduledBefore: null })).toEqual([byId, byName, both])
    expect(await claim(id, { scheduledBefore: null })).toEqual([])
  })

  test('takes only SCHEDULED runs, whatever their state is named', async () => {
    const id = await t.make.queue()
    for (const state_type of [...STATE_TYPES, null]) await t.make.run({ work_queue_id: id, state_type })
    const late = await t.make.run({ work_queue_id: id, state_name: 'Late' })
    const unnamed = await t.make.run({ work_queue_id: id, state_name: null })
    const runs = await claim(id, { scheduledBefore: null })
    expect(runs).toHaveLength(3)
    expect(runs.slice(1)).toEqual([late, unnamed])
  })

  test('takes runs by start time, those without one last, and ties by id', async () => {
    const id = await t.make.agentQueue({ name: 'etl' })
    await t.make.runs([
      { id: testId(9), work_queue_id: id },
      { id: testId(2), work_queue_name: 'etl' },
      due(5, { id: testId(8), work_queue_id: id }),
      due(5, { id: testId(1), work_queue_name: 'etl' }),
      due(-5, { id: testId(7), work_queue_name: 'etl' }),
      due(-6, { id: testId(6), work_queue_id: id }),
    ])
    expect(await claim(id, { limit: 4, scheduledBefore: null })).toEqual([6, 7, 1, 8].map((n) => testId(n)))
    expect(await claim(id, { scheduledBefore: null })).toEqual([2, 9].map((n) => testId(n)))
  })

  test('takes only what is due at scheduledBefore, and no more than limit', async () => {
    const id = await t.make.queue({ concurrency_limit: 4 })
    const [late, exact, , none] = await t.make.runs([
      due(-1, { work_queue_id: id }),
      due(0, { work_queue_id: id }),
      due(1, { work_queue_id: id }),
      { work_queue_id: id },
    ])
    expect(await claim(id, { limit: 0, scheduledBefore: null })).toEqual([])
    expect(await claim(id, { limit: 1, scheduledBefore: now })).toEqual([late])
    expect(await claim(id, { scheduledBefore: now })).toEqual([exact])
    expect(await claim(id, { scheduledBefore: now })).toEqual([])
    expect(await claim(id, { limit: 2 ** 31 - 1, scheduledBefore: null })).toHaveLength(2)
    expect(await readFlowRun(t.db, none ?? '')).toMatchObject({ stateType: 'PENDING', nextScheduledStartTime: null })
  })

  test('a paused queue gives out nothing, whatever its status says, and neither does a queue of a paused pool', async () => {
    const work_pool_id = await t.make.pool({ is_paused: true, status: 'PAUSED', concurrency_limit: 9 })
    const id = await t.make.queue({ work_pool_id, is_paused: true, status: 'READY', concurrency_limit: 2 })
    const run = await t.make.run(due(-1, { work_queue_id: id }))
    const claimed = async (): Promise<string[]> =>
      (await claimRunsInWorkQueue(t.db, id, { now })).runs.map((claimed) => claimed.id)
    expect(await claimed()).toEqual([])
    await t.make.set('work_queue', id, { is_paused: false, status: 'PAUSED' })
    expect(await claimed()).toEqual([])
    await t.make.set('work_pool', work_pool_id, { is_paused: false, status: 'PAUSED' })
    expect(await claimed()).toEqual([run])
  })

  test('without `now` the clock tells when the runs became PENDING', async () => {
    const id = await t.make.queue()
    await t.make.run({ work_queue_id: id })
    const before = Date.now()
    const [run] = (await claimRunsInWorkQueue(t.db, id, { scheduledBefore: null })).runs
    expect(run?.stateTimestamp?.getTime()).toBeGreaterThanOrEqual(before)
    expect(run?.stateTimestamp?.getTime()).toBeLessThanOrEqual(Date.now())
    expect(run?.updated).toEqual(run?.stateTimestamp)
  })

  test('ids in upper case are taken too', async () => {
    const id = await t.make.queue({ id: '00000000-0000-4000-8999-abcdefabcdef' })
    const run = await t.make.run({ work_queue_id: id })
    expect(
      (await claimRunsInWorkQueue(t.db, id.toUpperCase(), { scheduledBefore: null })).runs.map((claimed) => claimed.id),
    ).toEqual([run])
  })

  test('many runs are claimed at once, each with its state', async () => {
    const id = await t.make.queue()
    const runs = await t.make.runs(Array.from({ length: 1010 }, (_, n) => due(n, { work_queue_id: id })))
    const claimed = (await claimRunsInWorkQueue(t.db, id, { now, scheduledBefore: null })).runs
    expect(claimed.map((run) => run.id)).toEqual(runs)
    expect(new Set(claimed.map((run) => run.stateId)).size).toBe(1010)
    expect((await allRows(t.database))['flow_run_state']).toHaveLength(1010)
  })

  test('refuses arguments that are not valid, before anything is asked of the database', async () => {
    const refused: [path: string, id: string, options: object][] = [
      ['id', 'queue', {}],
      ['limit', testId(1), { limit: -1 }],
      ['limit', testId(1), { limit: 1.5 }],
      ['limit', testId(1), { limit: 2 ** 31 }],
      ['scheduledBefore', testId(1), { scheduledBefore: new Date(Number.NaN) }],
      ['now', testId(1), { now: '2035-01-01' }],
      ['scheduledAfter', testId(1), { scheduledAfter: now }],
    ]
    for (const [path, id, options] of refused) {
      const call = claimRunsInWorkQueue(t.db, id, options)
      await expect(call, path).rejects.toMatchObject({ name: 'InvalidInputError', issues: [{ path }] })
    }
    expect(t.database.statements).toEqual([])
  })
})
