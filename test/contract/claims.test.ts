import {
  claimRunsInWorkQueue,
  claimScheduledFlowRuns,
  getRunsInWorkQueue,
  getScheduledFlowRuns,
  readFlowRun,
  releaseStaleClaims,
  setFlowRunState,
} from 'kysely-work-queues'
import { expect, test } from 'vitest'
import { describeOnDatabases } from '../support/describe-databases.js'
import { allRows, testId } from '../support/factory.js'

const at = (seconds: number): Date => new Date(Date.UTC(2035, 0, 1, 12) + seconds * 1000)
const now = at(0)

describeOnDatabases('claims', (t) => {
  /** A pool with two queues, the first limited, and three due runs in each. */
  const arrange = async (limits: { pool?: number; queue?: number } = {}) => {
    const pool = await t.make.pool({ concurrency_limit: limits.pool ?? null })
    const a = await t.make.queue({
      work_pool_id: pool,
      name: 'a',
      priority: 2,
      concurrency_limit: limits.queue ?? null,
    })
    const b = await t.make.queue({ work_pool_id: pool, name: 'b', priority: 3 })
    const runs = await t.make.runs(
      [a, b].flatMap((work_queue_id) => [-3, -2, -1].map((n) => ({ work_queue_id, next_scheduled_start_time: at(n) }))),
    )
    return { pool, a, b, runs }
  }

  test('of a queue take what the poll returns, already PENDING, with their states', async () => {
    const { a } = await arrange({ queue: 2 })
    const polled = await getRunsInWorkQueue(t.db, a, { scheduledBefore: now })
    const claimed = await claimRunsInWorkQueue(t.db, a, { scheduledBefore: now, now })
    expect(claimed.workQueue.id).toBe(a)
    expect(claimed.runs.map(({ id }) => id)).toEqual(polled.runs.map(({ id }) => id))
    for (const run of claimed.runs) {
      expect(run).toMatchObject({ stateType: 'PENDING', stateName: 'Pending', stateTimestamp: now, updated: now })
      expect(await readFlowRun(t.db, run.id)).toEqual(run)
      const states = await t.database.plain
        .selectFrom('flow_run_state')
        .select(['id', 'type'])
        .where('flow_run_id', '=', run.id)
        .execute()
      expect(states).toEqual([{ id: run.stateId, type: 'PENDING' }])
    }
    expect((await claimRunsInWorkQueue(t.db, a, { now })).runs).toEqual([])
  })

  test('of pools take what the poll returns, over the queues by priority, within both limits', async () => {
    const { pool, a, b, runs } = await arrange({ pool: 3, queue: 2 })
    const polled = await getScheduledFlowRuns(t.db, { workPoolIds: [pool], scheduledBefore: now })
    const claimed = await claimScheduledFlowRuns(t.db, { workPoolIds: [pool], scheduledBefore: now, now })
    expect(claimed.map(({ workQueueId, flowRun }) => [workQueueId, flowRun.id])).toEqual([
      [a, runs[0]],
      [a, runs[1]],
      [b, runs[3]],
    ])
    expect(claimed.map(({ flowRun }) => flowRun.id)).toEqual(polled.map(({ flowRun }) => flowRun.id))
    for (const { flowRun } of claimed) expect(await readFlowRun(t.db, flowRun.id)).toEqual(flowRun)
    expect(await claimScheduledFlowRuns(t.db, { workPoolIds: [pool], now })).toEqual([])
  })

  test('of a queue keep the limit of its pool too', async () => {
    const { a, b } = await arrange({ pool: 4 })
    expect((await claimRunsInWorkQueue(t.db, a, { now })).runs).toHaveLength(3)
    expect((await claimRunsInWorkQueue(t.db, b, { now })).runs).toHaveLength(1)
    expect((await claimRunsInWorkQueue(t.db, b, { now })).runs).toEqual([])
  })

  test.each(['PENDING', 'RUNNING', 'CANCELLING'])('count %s runs against both limits', async (state_type) => {
    const { pool, a } = await arrange({ pool: 2, queue: 2 })
    await t.make.run({ work_queue_id: a, state_type })
    expect((await claimRunsInWorkQueue(t.db, a, { now })).runs).toHaveLength(1)
    expect(await claimScheduledFlowRuns(t.db, { workPoolIds: [pool], now })).toEqual([])
  })

  test('take no more than asked, and only what is due', async () => {
    const { a, pool, runs } = await arrange()
    expect((await claimRunsInWorkQueue(t.db, a, { limit: 1, now })).runs.map(({ id }) => id)).toEqual([runs[0]])
    expect((await claimRunsInWorkQueue(t.db, a, { scheduledBefore: at(-2), now })).runs.map(({ id }) => id)).toEqual([
      runs[1],
    ])
    expect((await claimRunsInWorkQueue(t.db, a, { limit: 0 })).runs).toEqual([])
    const two = await claimScheduledFlowRuns(t.db, { workPoolIds: [pool], limit: 2, now })
    expect(two.map(({ flowRun }) => flowRun.id)).toEqual([runs[2], runs[3]])
    expect(await claimScheduledFlowRuns(t.db, { workPoolIds: [] })).toEqual([])
  })

  test('take nothing of a paused queue, and pools’ claims nothing of a paused pool', async () => {
    const { pool, a, b } = await arrange()
    await t.make.set('work_queue', a, { is_paused: true })
    expect((await claimRunsInWorkQueue(t.db, a)).runs).toEqual([])
    expect((await claimScheduledFlowRuns(t.db, { limit: 1 }))[0]?.workQueueId).toBe(b)
    await t.make.set('work_pool', pool, { is_paused: true })
    expect(await claimScheduledFlowRuns(t.db)).toEqual([])
  })

  test('take runs that belong to the queue by its name alone', async () => {
    const queue = await t.make.queue({ name: 'etl', concurrency_limit: 2 })
    await t.make.runs([1, 2, 3].map((n) => ({ work_queue_name: 'etl', next_scheduled_start_time: at(-n) })))
    expect((await claimRunsInWorkQueue(t.db, queue, { now })).runs).toHaveLength(2)
    expect((await claimRunsInWorkQueue(t.db, queue, { now })).runs).toEqual([])
  })

  test('take the matches of a tag filter, but none that another queue’s limit concerns', async () => {
    const queue = await t.make.queue({ filter: { tags: ['x'], deployment_ids: null }, concurrency_limit: 5 })
    const limited = await t.make.queue({ concurrency_limit: 1 })
    const match = { tags: ['x'], deployment_id: testId(1, 5) }
    const [free] = await t.make.runs([match, { ...match, work_queue_id: limited }])
    expect((await claimRunsInWorkQueue(t.db, queue, { now })).runs.map(({ id }) => id)).toEqual([free])
  })

  test('that find nothing, outside a transaction, write nothing', async () => {
    const { a } = await arrange({ queue: 0, pool: 0 })
    t.database.statements.length = 0
    await claimRunsInWorkQueue(t.db, a)
    await claimScheduledFlowRuns(t.db)
    expect(t.database.statements).toHaveLength(2)
    for (const statement of t.database.statements) expect(statement).not.toMatch(/begin|update |insert/i)
  })

  test('are undone with the caller’s transaction', async () => {
    const { a } = await arrange({ queue: 2, pool: 3 })
    const before = await allRows(t.database)
    const undo = new Error('undo')
    const attempt = t.db.transaction().execute(async (trx) => {
      expect((await claimRunsInWorkQueue(trx, a, { limit: 1 })).runs).toHaveLength(1)
      expect(await claimScheduledFlowRuns(trx)).toHaveLength(2)
      throw undo
    })
    await expect(attempt).rejects.toBe(undo)
    expect(await allRows(t.database)).toEqual(before)
  })

  test('of a queue that does not exist are an error', async () => {
    await expect(claimRunsInWorkQueue(t.db, testId(404))).rejects.toMatchObject({ code: 'WORK_QUEUE_NOT_FOUND' })
  })

  test('that nobody took up are given back once, longest pending first, with their start time', async () => {
    const { a, b } = await arrange()
    const first = (await claimRunsInWorkQueue(t.db, a, { now: at(1), limit: 2 })).runs
    const second = (await claimRunsInWorkQueue(t.db, b, { now: at(2), limit: 2 })).runs
    await setFlowRunState(t.db, first[0]?.id ?? '', { type: 'RUNNING' }, { now: at(3) })
    expect(await releaseStaleClaims(t.db, { pendingBefore: at(1), now: at(9) })).toEqual([])
    expect(await releaseStaleClaims(t.db, { pendingBefore: at(9), workQueueIds: [], now: at(9) })).toEqual([])
    const released = await releaseStaleClaims(t.db, { pendingBefore: at(9), limit: 2, now: at(9) })
    expect(released.map(({ id }) => id)).toEqual([first[1]?.id, second[0]?.id])
    expect(released[0]).toMatchObject({
      stateType: 'SCHEDULED',
      stateName: 'Scheduled',
      nextScheduledStartTime: at(-2),
    })
    for (const run of released) expect(await readFlowRun(t.db, run.id)).toEqual(run)
    const rest = await releaseStaleClaims(t.db, { pendingBefore: at(9), workQueueIds: [b], now: at(9) })
    expect(rest.map(({ id }) => id)).toEqual([second[1]?.id])
    expect(await releaseStaleClaims(t.db, { pendingBefore: at(9) })).toEqual([])
    expect((await claimRunsInWorkQueue(t.db, a, { scheduledBefore: now })).runs[0]?.id).toBe(first[1]?.id)
  })

  test('released of a run whose start time Prefect forgot keep the expected one', async () => {
    const run = await t.make.run({ state_type: 'PENDING', state_timestamp: at(-60), expected_start_time: at(-90) })
    const [released] = await releaseStaleClaims(t.db, { pendingBefore: now })
    expect(released).toMatchObject({ id: run, nextScheduledStartTime: at(-90) })
  })
})
