import { addSeconds } from 'date-fns'
import {
  claimRunsInWorkQueue,
  claimScheduledFlowRuns,
  getRunsInWorkQueue,
  readFlowRun,
  releaseStaleClaims,
  type ReleaseStaleClaimsOptions,
  setFlowRunState,
} from 'kysely-work-queues'
import { STATE_TYPES } from 'kysely-work-queues/rules'
import { expect, test } from 'vitest'
import { describeOnDatabases } from '../support/describe-databases.js'
import { allRows, type Row, testId } from '../support/factory.js'

const now = new Date('2035-01-01T12:00:00.123Z')
const at = (seconds: number): Date => addSeconds(now, seconds)
const pending = (since: number, row: Row = {}): Row => ({
  state_type: 'PENDING',
  state_timestamp: at(since),
  next_scheduled_start_time: at(-600),
  expected_start_time: at(-600),
  ...row,
})

describeOnDatabases('releaseStaleClaims', (t) => {
  const release = async (options: Partial<ReleaseStaleClaimsOptions> = {}): Promise<string[]> =>
    (await releaseStaleClaims(t.db, { pendingBefore: now, now, ...options })).map((run) => run.id)

  test('returns claims to SCHEDULED, as readFlowRun gives them, each with its state and its start time', async () => {
    const queue = await t.make.queue({ concurrency_limit: 2 })
    const start = { next_scheduled_start_time: at(-60), expected_start_time: at(-60) }
    await t.make.run({ work_queue_id: queue, parameters: { a_b: { c_d: [1] } }, tags: ['a_b'], ...start })
    const [claimed] = (await claimRunsInWorkQueue(t.db, queue, { now: at(-30), scheduledBefore: null })).runs
    const [released] = await releaseStaleClaims(t.db, { pendingBefore: at(-29), now })
    const state = { stateType: 'SCHEDULED', stateName: 'Scheduled', stateTimestamp: now, updated: now }
    expect(released).toEqual({ ...claimed, ...state, stateId: released?.stateId })
    expect(released?.nextScheduledStartTime).toEqual(at(-60))
    expect(released).toEqual(await readFlowRun(t.db, claimed?.id ?? ''))
    const states = await t.database.plain
      .selectFrom('flow_run_state')
      .select(['id', 'type', 'name'])
      .orderBy('timestamp')
      .execute()
    expect(states).toEqual([
      { id: claimed?.stateId, type: 'PENDING', name: 'Pending' },
      { id: released?.stateId, type: 'SCHEDULED', name: 'Scheduled' },
    ])
  })

  test('released runs are polled and claimed again, in the place they had', async () => {
    const queue = await t.make.queue({ concurrency_limit: 1 })
    const [first, second] = await t.make.runs(
      [-2, -1].map((n) => ({ work_queue_id: queue, next_scheduled_start_time: at(n) })),
    )
    for (const _ of [1, 2, 3]) {
      expect(
        (await claimScheduledFlowRuns(t.db, { now, scheduledBefore: null })).map(({ flowRun }) => flowRun.id),
      ).toEqual([first])
      expect((await getRunsInWorkQueue(t.db, queue)).runs).toEqual([])
      expect(await release({ pendingBefore: at(1) })).toEqual([first])
      expect((await getRunsInWorkQueue(t.db, queue)).runs.map((run) => run.id)).toEqual([first])
    }
    await setFlowRunState(t.db, first ?? '', { type: 'COMPLETED' })
    expect((await claimRunsInWorkQueue(t.db, queue, { scheduledBefore: null })).runs.map((run) => run.id)).toEqual([
      second,
    ])
  })

  test('only runs that are PENDING since before the time are released', async () => {
    const [stale] = await t.make.runs([pending(-0.001), pending(0), pending(1)])
    for (const state_type of STATE_TYPES) {
      if (state_type !== 'PENDING') await t.make.run(pending(-60, { state_type }))
    }
    await t.make.run(pending(-60, { state_type: null }))
    expect(await release()).toEqual([stale])
    expect(await release()).toEqual([])
    expect(await release({ pendingBefore: at(0.001) })).toHaveLength(1)
  })

  test('a run that was started since is not released, nor one that was claimed anew', async () => {
    const queue = await t.make.queue()
    const [started, again] = await t.make.runs([{ work_queue_id: queue }, { work_queue_id: queue }])
    await claimRunsInWorkQueue(t.db, queue, { now: at(-60), scheduledBefore: null })
    await setFlowRunState(t.db, started ?? '', { type: 'RUNNING' }, { now: at(-50) })
    expect(await release({ now: at(-40) })).toEqual([again])
    await claimRunsInWorkQueue(t.db, queue, { now: at(1), scheduledBefore: null })
    expect(await release()).toEqual([])
  })

  test('releases the longest pending first, ties by id, and no more than limit', async () => {
    const [a, b, c, d] = await t.make.runs([pending(-1), pending(-3), pending(-2), pending(-2)])
    expect(await release({ limit: 0 })).toEqual([])
    expect(await release({ limit: 1 })).toEqual([b])
    expect(await release({ limit: 2 })).toEqual([c, d])
    expect(await release({ limit: 2 ** 31 - 1 })).toEqual([a])
  })

  test('releases 400 runs when no limit is given', async () => {
    await t.make.runs(Array.from({ length: 403 }, (_, n) => pending(-n - 1)))
    expect(await release()).toHaveLength(400)
    expect(await release()).toHaveLength(3)
  })

  test('releases only of the queues that are asked for, by queue id, and of none when the list is empty', async () => {
    const [one, two] = [await t.make.queue({ name: 'one' }), await t.make.queue({ name: 'two' })]
    const [a, b, named, none] = await t.make.runs([
      pending(-1, { work_queue_id: one, work_queue_name: 'one' }),
      pending(-2, { work_queue_id: two, work_queue_name: 'two' }),
      pending(-3, { work_queue_name: 'one' }),
      pending(-4, { work_queue_name: null }),
    ])
    expect(await release({ workQueueIds: [] })).toEqual([])
    expect(await release({ workQueueIds: [testId(404)] })).toEqual([])
    expect(await release({ workQueueIds: [one.toUpperCase(), testId(404)] })).toEqual([a])
    expect(await release({ workQueueIds: [one, two] })).toEqual([b])
    expect(await release()).toEqual([none, named])
  })

  test('a run whose next start time was forgotten gets the expected one, and one without either stays without', async () => {
    await t.make.runs([
      pending(-2, { next_scheduled_start_time: null }),
      pending(-1, { next_scheduled_start_time: null, expected_start_time: null }),
    ])
    const released = await releaseStaleClaims(t.db, { pendingBefore: now, now })
    expect(released.map((run) => run.nextScheduledStartTime)).toEqual([at(-600), null])
  })

  test('what was to be retried inside the process that is gone is handed out by its pool', async () => {
    const work_queue_id = await t.make.queue()
    const policies = [{ retry_type: 'in_process', retries: 3, pause_keys: ['é'] }, { retries: 3 }, {}]
    await t.make.runs(policies.map((empirical_policy, n) => pending(n - 9, { work_queue_id, empirical_policy })))
    const released = await releaseStaleClaims(t.db, { pendingBefore: now, now })
    const reschedule = { ...policies[0], retry_type: 'reschedule' }
    expect(released.map((run) => run.empiricalPolicy)).toEqual([reschedule, policies[1], policies[2]])
    expect(await readFlowRun(t.db, released[0]?.id ?? '')).toEqual(released[0])
    const claimed = await claimScheduledFlowRuns(t.db, { workQueueIds: [work_queue_id], now })
    expect(claimed.map(({ flowRun }) => flowRun.id).toSorted()).toEqual(released.map((run) => run.id).toSorted())
  })

  test('runs of paused queues and pools are released too', async () => {
    const work_pool_id = await t.make.pool({ is_paused: true, concurrency_limit: 0 })
    const queue = await t.make.queue({ work_pool_id, is_paused: true, concurrency_limit: 0 })
    const run = await t.make.run(pending(-1, { work_queue_id: queue }))
    expect(await release()).toEqual([run])
  })

  test('with nothing to release, no row is written', async () => {
    await t.make.runs([pending(0), pending(-1, { state_type: 'RUNNING' })])
    const before = await allRows(t.database)
    expect(await release()).toEqual([])
    expect(await allRows(t.database)).toEqual(before)
  })

  test('refuses options that are not valid, before anything is asked of the database', async () => {
    const refused: [path: string, options: object][] = [
      ['pendingBefore', {}],
      ['pendingBefore', { pendingBefore: 'now' }],
      ['workQueueIds.0', { pendingBefore: now, workQueueIds: ['queue'] }],
      ['limit', { pendingBefore: now, limit: -1 }],
      ['now', { pendingBefore: now, now: new Date(Number.NaN) }],
      ['workPoolIds', { pendingBefore: now, workPoolIds: [] }],
    ]
    for (const [path, options] of refused) {
      const call = releaseStaleClaims(t.db, options as ReleaseStaleClaimsOptions)
      await expect(call, path).rejects.toMatchObject({ name: 'InvalidInputError', issues: [{ path }] })
    }
    expect(t.database.statements).toEqual([])
  })
})
