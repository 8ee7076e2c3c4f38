import { addMilliseconds, addSeconds } from 'date-fns'
import {
  createFlowRuns,
  type FlowRun,
  getRunsInWorkQueue,
  getScheduledFlowRuns,
  markLateFlowRuns,
  readFlowRun,
  readWorkQueueStatus,
} from 'kysely-work-queues'
import { STATE_TYPES } from 'kysely-work-queues/rules'
import { expect, test } from 'vitest'
import { databases } from '../support/databases.js'
import { describeOnDatabases } from '../support/describe-databases.js'
import { allRows, type Row, testId } from '../support/factory.js'

const now = new Date('2035-01-01T12:00:00.123Z')
const due = (seconds: number, row: Row = {}): Row => ({ next_scheduled_start_time: addSeconds(now, seconds), ...row })
const ids = (runs: readonly FlowRun[]): string[] => runs.map(({ id }) => id)

describeOnDatabases('markLateFlowRuns', (t) => {
  const mark = async (limit?: number): Promise<string[]> =>
    ids(await markLateFlowRuns(t.db, { scheduledBefore: now, limit, now }))
  const statesOf = async (run: string): Promise<object[]> =>
    await t.database.plain
      .selectFrom('flow_run_state')
      .select(['id', 'type', 'name', 'message'])
      .where('flow_run_id', '=', run)
      .orderBy('timestamp')
      .execute()

  test('names the state Late, with its row, and returns the runs as they now are', async () => {
    const workQueueId = await t.make.queue()
    const start = addSeconds(now, -20)
    const [run] = await createFlowRuns(
      t.db,
      [
        {
          workQueueId,
          nextScheduledStartTime: start,
          expectedStartTime: addSeconds(now, -30),
          tags: ['a'],
          parameters: { b_c: 1 },
          runCount: 2,
          startTime: addSeconds(now, -90),
        },
      ],
      { now: addSeconds(now, -60) },
    )
    const [late] = await markLateFlowRuns(t.db, { scheduledBefore: addSeconds(now, -15), now })
    expect(late).toEqual({
      ...run,
      stateId: expect.any(String),
      stateName: 'Late',
      stateTimestamp: now,
      updated: now,
    })
    expect(late?.stateId).not.toBe(run?.stateId)
    expect(await readFlowRun(t.db, run?.id ?? '')).toEqual(late)
    expect(await statesOf(run?.id ?? '')).toEqual([
      { id: run?.stateId, type: 'SCHEDULED', name: 'Scheduled', message: null },
      { id: late?.stateId, type: 'SCHEDULED', name: 'Late', message: null },
    ])
  })

  test('the times of the state and of the run are those of the call', async () => {
    const run = await t.make.run(due(-1))
    const before = Date.now()
    const [late] = await markLateFlowRuns(t.db, { scheduledBefore: now })
    const since = late?.stateTimestamp?.getTime() ?? NaN
    expect(late?.id).toBe(run)
    expect(since).toBeGreaterThanOrEqual(before)
    expect(since).toBeLessThanOrEqual(Date.now())
  })

  test('scheduledBefore is inclusive, and runs without a start time are never late', async () => {
    const [before, exactly, after] = await t.make.runs([
      { next_scheduled_start_time: addMilliseconds(now, -1) },
      { next_scheduled_start_time: now },
      { next_scheduled_start_time: addMilliseconds(now, 1) },
      { next_scheduled_start_time: null },
    ])
    expect(await mark()).toEqual([before, exactly])
    expect(ids(await markLateFlowRuns(t.db, { scheduledBefore: addMilliseconds(now, 1) }))).toEqual([after])
  })

  test('only SCHEDULED runs that are named Scheduled are marked, whatever their queue', async () => {
    const work_queue_id = await t.make.queue({ is_paused: true })
    const marked = await t.make.runs([due(-3, { work_queue_id }), due(-2, { work_queue_name: 'etl' }), due(-1)])
    for (const state_type of [...STATE_TYPES, null]) {
      if (state_type !== 'SCHEDULED') await t.make.run(due(-9, { state_type, state_name: 'Scheduled' }))
    }
    for (const state_name of ['Late', 'AwaitingRetry', 'AwaitingConcurrencySlot', 'scheduled', null]) {
      await t.make.run(due(-9, { state_name }))
    }
    const rest = async (): Promise<object[]> =>
      await t.database.plain.selectFrom('flow_run').selectAll().where('id', 'not in', marked).orderBy('id').execute()
    const before = await rest()
    expect(before).toHaveLength(14)
    expect(await mark()).toEqual(marked)
    expect(await rest()).toEqual(before)
  })

  test('marks oldest first, equal ones by id, and no more than the limit', async () => {
    await t.make.runs([
      due(-1, { id: testId(9) }),
      due(-5, { id: testId(4) }),
      due(-9, { id: testId(8) }),
      due(-5, { id: testId(3) }),
      due(-5, { id: testId(7) }),
    ])
    expect(await mark(0)).toEqual([])
    expect(await mark(2)).toEqual([testId(8), testId(3)])
    expect(await mark(1)).toEqual([testId(4)])
    expect(await mark(5)).toEqual([testId(7), testId(9)])
    expect(await mark(5)).toEqual([])
    const states = await t.database.plain.selectFrom('flow_run_state').select(['flow_run_id']).execute()
    expect(states.map((state) => state.flow_run_id).toSorted()).toEqual([3, 4, 7, 8, 9].map((n) => testId(n)))
  })

  test('marks a batch of 400 unless another limit is asked for', async () => {
    const runs = await t.make.runs(Array.from({ length: 1300 }, () => due(-1)))
    expect(await mark()).toEqual(runs.slice(0, 400))
    expect(await mark(2 ** 31 - 1)).toEqual(runs.slice(400))
  })

  test('late runs are handed out as before, and make their queue unhealthy', async () => {
    const id = await t.make.agentQueue({ name: 'etl', last_polled: now })
    await t.make.runs([
      due(-2, { work_queue_id: id }),
      due(-1, { work_queue_name: 'etl' }),
      due(0, { work_queue_id: id }),
    ])
    const polls = async (): Promise<string[][]> => [
      ids((await getRunsInWorkQueue(t.db, id, { scheduledBefore: now })).runs),
      (await getScheduledFlowRuns(t.db)).map(({ flowRun }) => flowRun.id),
    ]
    const before = await polls()
    expect((await readWorkQueueStatus(t.db, id, { now })).healthy).toBe(true)
    expect(await mark(2)).toHaveLength(2)
    expect(await polls()).toEqual(before)
    expect(await readWorkQueueStatus(t.db, id, { now })).toMatchObject({ healthy: false, lateRunsCount: 2 })
  })

  test('a call that finds nothing changes nothing', async () => {
    await t.make.run(due(1))
    const before = await allRows(t.database)
    expect(await mark()).toEqual([])
    expect(await allRows(t.database)).toEqual(before)
  })

  test('inside a transaction it is a part of that', async () => {
    await t.make.run(due(-1))
    const before = await allRows(t.database)
    const trx = await t.db.startTransaction().execute()
    expect(await markLateFlowRuns(trx, { scheduledBefore: now })).toHaveLength(1)
    expect(await markLateFlowRuns(trx, { scheduledBefore: now })).toEqual([])
    await trx.rollback().execute()
    expect(await allRows(t.database)).toEqual(before)
    expect(await mark()).toHaveLength(1)
  })

  test('many calls at once mark each run once', async () => {
    const runs = await t.make.runs(Array.from({ length: 60 }, (_, n) => due(-n)))
    const servers = t.kind.dialect === 'postgres' ? [t.db, t.database.connect(), t.database.connect()] : [t.db]
    const marked = await Promise.all(
      Array.from({ length: 12 }, (_, n) =>
        markLateFlowRuns(servers[n % servers.length] ?? t.db, { scheduledBefore: now, limit: 8, now }),
      ),
    )
    marked.push(await markLateFlowRuns(t.db, { scheduledBefore: now, now }))
    expect(ids(marked.flat()).toSorted()).toEqual(runs.toSorted())
    const states = await t.database.plain.selectFrom('flow_run_state').select(['flow_run_id', 'name']).execute()
    expect(states).toHaveLength(60)
    expect(new Set(states.map((state) => state.name))).toEqual(new Set(['Late']))
  })
})

describeOnDatabases(
  'markLateFlowRuns of several servers',
  (t) => {
    test('do not wait for each other, and pass over the runs that another one has', async () => {
      const runs = await t.make.runs([due(-4), due(-3), due(-2), due(-1)])
      const trx = await t.db.startTransaction().execute()
      expect(ids(await markLateFlowRuns(trx, { scheduledBefore: now, limit: 2 }))).toEqual(runs.slice(0, 2))
      const other = t.database.connect()
      expect(ids(await markLateFlowRuns(other, { scheduledBefore: now }))).toEqual(runs.slice(2))
      await trx.rollback().execute()
      expect(ids(await markLateFlowRuns(other, { scheduledBefore: now }))).toEqual(runs.slice(0, 2))
    })
  },
  databases.filter(({ dialect }) => dialect === 'postgres'),
)
