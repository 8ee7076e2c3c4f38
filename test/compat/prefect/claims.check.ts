import { rm } from 'node:fs/promises'
import { addHours, addSeconds, subMinutes } from 'date-fns'
import {
  claimRunsInWorkQueue,
  claimScheduledFlowRuns,
  createFlowRuns,
  getRunsInWorkQueue,
  getScheduledFlowRuns,
  markLateFlowRuns,
  readFlowRun,
  readWorkPoolByName,
  readWorkQueueByName,
  releaseStaleClaims,
  setFlowRunState,
} from 'kysely-work-queues'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { deploy, describeLive, schedule, unique, writeFlow } from './describe-live.js'

describeLive('runs that both sides move on', (live) => {
  const pool = unique('moved')
  let code: { path: string; entrypoint: string }
  let flowId: string
  let deploymentId: string
  let workQueueId: string
  let workPoolId: string

  beforeAll(async () => {
    code = await writeFlow()
    await live().prefect('work-pool', 'create', pool, '--type', 'process')
    ;({ flowId, deploymentId, workQueueId } = await deploy(live(), { pool, queue: 'default' }, code))
    workPoolId = (await readWorkPoolByName(live().db, pool))!.id
  })
  afterAll(async () => await rm(code.path, { recursive: true, force: true }))

  /** Proposes a state to Prefect's orchestration, as its engine and its workers do. */
  const propose = async (id: string, type: string): Promise<{ status: string; state: any; details: any }> =>
    await live().api('POST', `/flow_runs/${id}/set_state`, { state: { type } })
  const claim = async (): Promise<string[]> => {
    const claimed = await claimScheduledFlowRuns(live().db, { workPoolIds: [workPoolId], scheduledBefore: new Date() })
    return claimed.map(({ flowRun }) => flowRun.id)
  }
  const seen = async (id: string): Promise<any> => await live().api('GET', `/flow_runs/${id}`)

  test('a run that we claim is PENDING for Prefect, which gives it to nobody else and moves it on', async () => {
    const { api, db } = live()
    const id = await schedule(live(), deploymentId)
    expect(await claim()).toEqual([id])
    const run = await seen(id)
    expect(run).toMatchObject({ state_type: 'PENDING', state_name: 'Pending', state: { type: 'PENDING' } })
    // As Prefect leaves it in the state, so that a run that was claimed early waits for its time.
    expect(new Date(run.state.state_details.scheduled_time)).toEqual(new Date(run.expected_start_time))
    const before = { scheduled_before: new Date().toISOString() }
    expect(await api('POST', `/work_queues/${workQueueId}/get_runs`, before)).toEqual([])
    expect(await api('POST', `/work_pools/${pool}/get_scheduled_flow_runs`, before)).toEqual([])

    expect(await propose(id, 'PENDING')).toMatchObject({ status: 'ABORT' })
    expect(await propose(id, 'RUNNING')).toMatchObject({ status: 'ACCEPT' })
    expect(await readFlowRun(db, id)).toMatchObject({ stateType: 'RUNNING', runCount: 1 })
    expect(await propose(id, 'COMPLETED')).toMatchObject({ status: 'ACCEPT' })
    const completed = await readFlowRun(db, id)
    expect(completed).toMatchObject({ stateType: 'COMPLETED', endTime: expect.any(Date) })
    const states: any[] = await api('GET', `/flow_run_states/?flow_run_id=${id}`)
    expect(states.map(({ type }) => type)).toEqual(['SCHEDULED', 'PENDING', 'RUNNING', 'COMPLETED'])
  })

  test('a run that we claim before it is due is told by Prefect to wait', async () => {
    const id = await schedule(live(), deploymentId, addHours(new Date(), 1))
    const { runs } = await claimRunsInWorkQueue(live().db, workQueueId, { scheduledBefore: null })
    expect(runs.map((run) => run.id)).toEqual([id])
    expect(await propose(id, 'RUNNING')).toMatchObject({ status: 'WAIT' })
    await propose(id, 'CANCELLED')
  })

  test('Prefect’s engine runs a run that we claimed', async () => {
    const { db, prefect } = live()
    const id = await schedule(live(), deploymentId)
    expect(await claim()).toEqual([id])
    await prefect('flow-run', 'execute', id)
    expect(await readFlowRun(db, id)).toMatchObject({ stateType: 'COMPLETED', runCount: 1 })
    expect((await seen(id)).total_run_time).toBeGreaterThan(0)
  })

  test('Prefect’s worker runs runs that we created, that we gave back, and that we marked late', async () => {
    const { db, prefect } = live()
    const at = subMinutes(new Date(), 5)
    const run = { flowId, deploymentId, workQueueId, nextScheduledStartTime: at, parameters: { n: 41 } }
    const [created] = await createFlowRuns(db, [run])
    const givenBack = await schedule(live(), deploymentId, at)
    expect(await propose(givenBack, 'PENDING')).toMatchObject({ status: 'ACCEPT' })
    const released = await releaseStaleClaims(db, {
      pendingBefore: addSeconds(new Date(), 60),
      workQueueIds: [workQueueId],
    })
    expect(released.map(({ id }) => id)).toEqual([givenBack])
    expect(await seen(givenBack)).toMatchObject({ state_type: 'SCHEDULED', state: { type: 'SCHEDULED' } })
    const late = await markLateFlowRuns(db, { scheduledBefore: subMinutes(new Date(), 1) })
    expect(late.map(({ id }) => id)).toEqual(expect.arrayContaining([created!.id, givenBack]))
    expect(await seen(created!.id)).toMatchObject({ state_name: 'Late' })
    const { late_runs_count } = await live().api('GET', `/work_queues/${workQueueId}/status`)
    expect(late_runs_count).toBe(2)

    await prefect('worker', 'start', '--pool', pool, '--type', 'process', '--run-once', '--name', 'real')
    for (const id of [created!.id, givenBack]) {
      expect(await readFlowRun(db, id)).toMatchObject({ stateType: 'COMPLETED', runCount: 1 })
    }
    expect(await readWorkQueueByName(db, 'default', { workPoolName: pool })).toMatchObject({ status: 'READY' })
  })

  test('our claims keep a limit together with what Prefect has started', async () => {
    const { api, db } = live()
    await api('PATCH', `/work_queues/${workQueueId}`, { concurrency_limit: 2 })
    const ids: string[] = []
    for (let n = 0; n < 3; n++) ids.push(await schedule(live(), deploymentId, addSeconds(subMinutes(new Date(), 1), n)))
    await propose(ids[2]!, 'PENDING')
    expect(await claim()).toEqual([ids[0]])
    expect(await claim()).toEqual([])
    const status = await api('POST', `/work_queues/${workQueueId}/concurrency_status`, {})
    expect(status).toMatchObject({ active_slots: 2, concurrency_limit: 2 })
    const before = { scheduled_before: new Date().toISOString() }
    expect(await api('POST', `/work_queues/${workQueueId}/get_runs`, before)).toEqual([])
    await setFlowRunState(db, ids[0]!, { type: 'CANCELLED' })
    const polled: any[] = await api('POST', `/work_queues/${workQueueId}/get_runs`, before)
    expect(polled.map(({ id }) => id)).toEqual([ids[1]])
    expect((await getRunsInWorkQueue(db, workQueueId)).runs.map(({ id }) => id)).toEqual([ids[1]])
    const scheduled = await getScheduledFlowRuns(db, { workPoolIds: [workPoolId] })
    expect(scheduled.map(({ flowRun }) => flowRun.id)).toEqual([ids[1]])
  })

  test('a claim takes no slot of a deployment’s own concurrency limit, which only Prefect’s orchestration does', async () => {
    const { api, db } = live()
    const limited = await deploy(live(), { pool, queue: unique('limited') }, { concurrency_limit: 1 })
    const first = await schedule(live(), limited.deploymentId)
    const second = await schedule(live(), limited.deploymentId)
    const { runs } = await claimRunsInWorkQueue(db, limited.workQueueId, { scheduledBefore: null })
    expect(runs.map(({ id }) => id)).toEqual([first, second])
    const slots = async (): Promise<number> =>
      (await api('GET', `/deployments/${limited.deploymentId}`)).global_concurrency_limit.active_slots
    expect(await slots()).toBe(0)
    for (const id of [first, second]) {
      expect(await propose(id, 'RUNNING')).toMatchObject({ status: 'ACCEPT' })
      expect(await propose(id, 'COMPLETED')).toMatchObject({ status: 'ACCEPT' })
    }
    expect(await slots()).toBe(0)
  })
})
