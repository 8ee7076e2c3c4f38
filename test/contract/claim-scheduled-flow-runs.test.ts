import { addSeconds } from 'date-fns'
import {
  claimScheduledFlowRuns,
  type ClaimScheduledFlowRunsOptions,
  getScheduledFlowRuns,
  readFlowRun,
} from 'kysely-work-queues'
import { STATE_TYPES } from 'kysely-work-queues/rules'
import { expect, test } from 'vitest'
import { describeOnDatabases } from '../support/describe-databases.js'
import { allRows, type Row, testId } from '../support/factory.js'

const now = new Date('2035-01-01T12:00:00.123Z')
const due = (seconds: number, row: Row = {}): Row => ({ next_scheduled_start_time: addSeconds(now, seconds), ...row })

describeOnDatabases('claimScheduledFlowRuns', (t) => {
  /** Polls and then claims: the claim has to return what the poll did, in its order, and PENDING. */
  const claim = async (options: ClaimScheduledFlowRunsOptions = {}): Promise<string[]> => {
    const { now: _, scheduledBefore, ...poll } = options
    const polled = await getScheduledFlowRuns(t.db, { ...poll, scheduledBefore: scheduledBefore ?? undefined })
    const claimed = await claimScheduledFlowRuns(t.db, { now, scheduledBefore: null, ...options })
    const state = { stateType: 'PENDING', stateName: 'Pending', stateTimestamp: now, updated: now, endTime: null }
    expect(claimed).toEqual(
      polled.map(({ flowRun, ...place }, n) => ({
        ...place,
        flowRun: {
          ...flowRun,
          ...state,
          stateId: claimed[n]?.flowRun.stateId,
          expectedStartTime: flowRun.expectedStartTime ?? flowRun.nextScheduledStartTime,
        },
      })),
    )
    return claimed.map(({ flowRun }) => flowRun.id)
  }

  /** Two pools of two queues each, by priority p1a, p2a, p1b, p2b. */
  const makePools = async (row: Row = {}) => {
    const p1 = await t.make.pool(row)
    const p2 = await t.make.pool(row)
    const queue = (work_pool_id: string, priority: number) => t.make.queue({ work_pool_id, priority })
    return {
      p1,
      p2,
      p1a: await queue(p1, 2),
      p1b: await queue(p1, 4),
      p2a: await queue(p2, 3),
      p2b: await queue(p2, 5),
    }
  }

  test('returns the runs as readFlowRun gives them, with their pool and queue, and adds one state each', async () => {
    const { p1, p1a, p2, p2b } = await makePools()
    const rows = { parameters: { a_b: { c_d: [1] } }, tags: ['a_b'], labels: { e_f: 1 } }
    await t.make.run(due(-1, { work_queue_id: p1a, ...rows }))
    await t.make.run(due(-2, { work_queue_id: p2b, job_variables: null }))
    const before = await allRows(t.database)
    const claimed = await claimScheduledFlowRuns(t.db, { scheduledBefore: now, now })
    expect(claimed.map(({ workPoolId, workQueueId }) => [workPoolId, workQueueId])).toEqual([
      [p1, p1a],
      [p2, p2b],
    ])
    for (const { flowRun } of claimed) expect(flowRun).toEqual(await readFlowRun(t.db, flowRun.id))

    const after = await allRows(t.database)
    for (const table of ['work_pool', 'work_queue', 'worker']) expect(after[table]).toEqual(before[table])
    const states = await t.database.plain
      .selectFrom('flow_run_state')
      .select(['id', 'flow_run_id as run', 'type', 'name'])
      .orderBy('flow_run_id')
      .execute()
    expect(states).toEqual(
      claimed.map(({ flowRun }) => ({ id: flowRun.stateId, run: flowRun.id, type: 'PENDING', name: 'Pending' })),
    )
  })

  test('takes runs by the priority of their queue, over all pools, then by start time, then by id', async () => {
    const { p1a, p1b, p2a, p2b } = await makePools({ concurrency_limit: 9 })
    await t.make.runs([
      due(-9, { id: testId(1), work_queue_id: p2b }),
      { id: testId(2), work_queue_id: p1a },
      due(-1, { id: testId(4), work_queue_id: p1a }),
      due(-1, { id: testId(3), work_queue_id: p1a }),
      due(-5, { id: testId(5), work_queue_id: p1b }),
      due(-2, { id: testId(6), work_queue_id: p2a }),
    ])
    expect(await claim({ limit: 2 })).toEqual([testId(3), testId(4)])
    expect(await claim()).toEqual([2, 6, 5, 1].map((n) => testId(n)))
    expect(await claim()).toEqual([])
  })

  test('takes only of the pools and queues that are asked for, and of none when the list is empty', async () => {
    const { p1, p1a, p1b, p2, p2a } = await makePools()
    const [a, b, c] = await t.make.runs([p1a, p1b, p2a].map((work_queue_id) => due(-1, { work_queue_id })))
    expect(await claimScheduledFlowRuns(t.db, { workPoolIds: [], scheduledBefore: null })).toEqual([])
    expect(await claimScheduledFlowRuns(t.db, { workQueueIds: [], scheduledBefore: null })).toEqual([])
    expect(await claim({ workPoolIds: [p2], workQueueIds: [p1a] })).toEqual([])
    expect(await claim({ workPoolIds: [testId(404)] })).toEqual([])
    expect(await claim({ workPoolIds: [p1.toUpperCase()], workQueueIds: [p1b, p2a] })).toEqual([b])
    expect(await claim({ workQueueIds: [p1a, p1b] })).toEqual([a])
    expect(await claim({ workPoolIds: [p1, p2] })).toEqual([c])
  })

  test('takes only SCHEDULED runs, by queue id, that do not wait for a retry in their process', async () => {
    const queue = await t.make.queue({ name: 'etl' })
    for (const state_type of [...STATE_TYPES, null]) await t.make.run({ work_queue_id: queue, state_type })
    const late = await t.make.run({ work_queue_id: queue, state_name: 'Late' })
    await t.make.runs([
      { work_queue_name: 'etl', empirical_policy: {} },
      { work_queue_id: queue, empirical_policy: { retry_type: 'in_process' } },
    ])
    const claimed = await claimScheduledFlowRuns(t.db, { now, scheduledBefore: null })
    expect(claimed).toHaveLength(2)
    expect(claimed[1]?.flowRun.id).toBe(late)
    expect(await claim()).toEqual([])
  })

  test('takes only what is due at scheduledBefore, and no more than limit', async () => {
    const queue = await t.make.queue()
    const [late, exact, future, none] = await t.make.runs([
      due(-1, { work_queue_id: queue }),
      due(0, { work_queue_id: queue }),
      due(1, { work_queue_id: queue }),
      { work_queue_id: queue },
    ])
    expect(await claim({ limit: 0 })).toEqual([])
    expect(await claim({ limit: 1, scheduledBefore: now })).toEqual([late])
    expect(await claim({ scheduledBefore: now })).toEqual([exact])
    expect(await claim({ limit: 2 ** 31 - 1 })).toEqual([future, none])
  })

  test('takes 1000 runs when no limit is given', async () => {
    const queue = await t.make.queue()
    await t.make.runs(Array.from({ length: 1003 }, () => ({ work_queue_id: queue })))
    expect(await claimScheduledFlowRuns(t.db, { scheduledBefore: null })).toHaveLength(1000)
    expect(await claimScheduledFlowRuns(t.db, { scheduledBefore: null })).toHaveLength(3)
  })

  test('a paused queue gives out nothing, and a paused pool nothing of any queue', async () => {
    const { p1, p1a, p1b } = await makePools()
    const [a, b] = await t.make.runs([p1a, p1b].map((work_queue_id) => due(-1, { work_queue_id })))
    await t.make.set('work_pool', p1, { is_paused: true, status: 'READY' })
    expect(await claim()).toEqual([])
    await t.make.set('work_pool', p1, { is_paused: false, status: 'PAUSED' })
    await t.make.set('work_queue', p1a, { is_paused: true, status: 'READY' })
    expect(await claim()).toEqual([b])
    await t.make.set('work_queue', p1a, { is_paused: false, status: 'PAUSED' })
    expect(await claim()).toEqual([a])
  })

  test('no pool, no queue and no run: nothing to claim', async () => {
    expect(await claim()).toEqual([])
    await t.make.pool({ concurrency_limit: 1 })
    expect(await claim()).toEqual([])
    await t.make.run()
    expect(await claim()).toEqual([])
  })

  test('takes runs by start time alone when priorities are not respected', async () => {
    const work_pool_id = await t.make.pool()
    const first = await t.make.queue({ work_pool_id, priority: 2 })
    const second = await t.make.queue({ work_pool_id, priority: 3 })
    const runs = await t.make.runs([
      due(-1, { work_queue_id: first }),
      due(-3, { work_queue_id: second }),
      due(-2, { work_queue_id: second }),
    ])
    const asked = { workPoolIds: [work_pool_id], respectQueuePriorities: false }
    expect(await claim({ ...asked, limit: 2 })).toEqual([runs[1], runs[2]])
    expect(await claim(asked)).toEqual([runs[0]])
  })

  test('refuses arguments that are not valid, before anything is asked of the database', async () => {
    const refused: [path: string, options: object][] = [
      ['workPoolIds.0', { workPoolIds: ['pool'] }],
      ['workQueueIds.1', { workQueueIds: [testId(1), 'queue'] }],
      ['limit', { limit: -1 }],
      ['limit', { limit: 2 ** 31 }],
      ['scheduledBefore', { scheduledBefore: 'now' }],
      ['now', { now: new Date(Number.NaN) }],
      ['respectQueuePriorities', { respectQueuePriorities: 'no' }],
      ['scheduledAfter', { scheduledAfter: now }],
    ]
    for (const [path, options] of refused) {
      const call = claimScheduledFlowRuns(t.db, options)
      await expect(call, path).rejects.toMatchObject({ name: 'InvalidInputError', issues: [{ path }] })
    }
    expect(t.database.statements).toEqual([])
  })
})
