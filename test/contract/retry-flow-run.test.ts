import { addMinutes } from 'date-fns'
import {
  claimScheduledFlowRuns,
  createFlowRun,
  getScheduledFlowRuns,
  readFlowRun,
  retryFlowRun,
  setFlowRunState,
  type StateType,
} from 'kysely-work-queues'
import { isTerminal, STATE_TYPES } from 'kysely-work-queues/rules'
import { expect, test } from 'vitest'
import { describeOnDatabases } from '../support/describe-databases.js'
import { allRows, testId } from '../support/factory.js'

const past = new Date('2035-01-01T11:00:00.000Z')
const now = new Date('2035-01-01T12:00:00.123Z')
const later = addMinutes(now, 5)

describeOnDatabases('retryFlowRun', (t) => {
  const createIn = async (stateType: StateType | null, empiricalPolicy = {}) => {
    const workQueueId = await t.make.queue()
    const input = { workQueueId, empiricalPolicy, nextScheduledStartTime: past }
    const { flowRun } = await createFlowRun(t.db, input, { now: past })
    if (stateType === null) return { workQueueId, run: flowRun }
    await setFlowRunState(t.db, flowRun.id, { type: 'RUNNING' }, { now: past })
    return { workQueueId, run: await setFlowRunState(t.db, flowRun.id, { type: stateType }, { now: past }) }
  }

  test.each(STATE_TYPES.filter(isTerminal))('makes a run that is %s wait again', async (stateType) => {
    const { run: before } = await createIn(stateType)
    const run = await retryFlowRun(t.db, before.id, { scheduledTime: later, now })
    expect(run).toEqual({
      ...before,
      updated: now,
      stateId: run.stateId,
      stateType: 'SCHEDULED',
      stateName: 'AwaitingRetry',
      stateTimestamp: now,
      nextScheduledStartTime: later,
      endTime: null,
    })
    expect(run.runCount).toBe(1)
    expect(await readFlowRun(t.db, run.id)).toEqual(run)
    const state = await t.database.plain
      .selectFrom('flow_run_state')
      .selectAll()
      .where('id', '=', run.stateId)
      .executeTakeFirstOrThrow()
    expect(state).toMatchObject({ type: 'SCHEDULED', name: 'AwaitingRetry', flow_run_id: run.id })
    const details: unknown =
      typeof state.state_details === 'string' ? JSON.parse(state.state_details) : state.state_details
    expect(details).toEqual({ flow_run_id: run.id, scheduled_time: later.toISOString() })
  })

  test.each(STATE_TYPES.filter((type) => !isTerminal(type)))('leaves a run alone that is %s', async (stateType) => {
    const { run } = await createIn(stateType)
    const before = await allRows(t.database)
    const { id, stateId } = run
    await expect(retryFlowRun(t.db, id, { now })).rejects.toMatchObject({
      name: 'FlowRunStateConflictError',
      id,
      expectedStateId: null,
      stateId,
      stateType,
    })
    expect(await allRows(t.database)).toEqual(before)
  })

  test('makes it due now, when no time is given', async () => {
    const { workQueueId, run } = await createIn('FAILED')
    expect(await retryFlowRun(t.db, run.id, { now })).toMatchObject({ nextScheduledStartTime: now })
    await setFlowRunState(t.db, run.id, { type: 'CRASHED' })
    const again = await retryFlowRun(t.db, run.id)
    expect(again.nextScheduledStartTime?.getTime()).toBeLessThanOrEqual(again.updated.getTime())
    expect(again.nextScheduledStartTime?.getTime()).toBeGreaterThan(again.updated.getTime() - 60_000)
    const claimed = await claimScheduledFlowRuns(t.db, { workQueueIds: [workQueueId] })
    expect(claimed.map(({ flowRun }) => flowRun.id)).toEqual([run.id])
  })

  test('polls of a pool hand out a run that was retried in its process before', async () => {
    const policy = { retry_type: 'in_process', retries: 3, pause_keys: ['é'] }
    const { workQueueId, run } = await createIn('FAILED', policy)
    const [other] = await t.make.runs([{ work_queue_id: workQueueId, empirical_policy: policy }])
    const retried = await retryFlowRun(t.db, run.id, { now })
    expect(retried.empiricalPolicy).toEqual({ ...policy, retry_type: 'reschedule' })
    expect((await readFlowRun(t.db, other ?? ''))?.empiricalPolicy).toEqual(policy)
    const polled = await getScheduledFlowRuns(t.db, { workQueueIds: [workQueueId] })
    expect(polled.map(({ flowRun }) => flowRun)).toEqual([retried])
  })

  test('of a run without a state, and of one that is missing', async () => {
    const id = await t.make.run({ state_type: null })
    await expect(retryFlowRun(t.db, id)).rejects.toMatchObject({
      stateType: null,
      message: `Flow run ${id} is in no state, which does not allow this change.`,
    })
    await expect(retryFlowRun(t.db, testId(404))).rejects.toMatchObject({ name: 'FlowRunNotFoundError' })
  })
})
