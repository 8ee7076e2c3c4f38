import { setTimeout } from 'node:timers/promises'
import {
  claimRunsInWorkQueue,
  explainWorkQueue,
  readFlowRun,
  readLeases,
  readWorkQueueSlotHolders,
  releaseExpiredLeases,
  renewLeases,
  setFlowRunState,
} from 'kysely-work-queues'
import { leases } from 'kysely-work-queues/migrations'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { deploy, describeLive, migrate, schedule, unique } from './describe-live.js'

describeLive('leases on the database of a Prefect server', (live) => {
  const holder = unique('holder')
  const pool = unique('leased')
  let deploymentId: string
  let workQueueId: string

  beforeAll(async () => {
    await migrate(live(), leases, 'lease_migration')
    await live().api('POST', '/work_pools/', { name: pool, type: 'process' })
    ;({ deploymentId, workQueueId } = await deploy(live(), { pool, queue: 'default' }))
  })
  afterAll(async () => await migrate(live(), leases, 'lease_migration', 'down'))

  const propose = async (id: string, type: string): Promise<any> =>
    await live().api('POST', `/flow_runs/${id}/set_state`, { state: { type } })
  const seen = async (id: string): Promise<any> => await live().api('GET', `/flow_runs/${id}`)
  const statesSeen = async (id: string): Promise<string[]> =>
    (await live().api('GET', `/flow_run_states/?flow_run_id=${id}`)).map(({ type }: { type: string }) => type)
  /** A run that Prefect has made and that we have claimed. */
  const claim = async (leaseSeconds = 60): Promise<string> => {
    const id = await schedule(live(), deploymentId)
    const { runs } = await claimRunsInWorkQueue(live().db, workQueueId, { holder, leaseSeconds })
    expect(runs.map((run) => run.id)).toEqual([id])
    return id
  }
  /** What Prefect's workers would get. Its poll of a queue goes by the queue's name, whatever the pool. */
  const polled = async (): Promise<string[]> => {
    const found = await live().api('POST', `/work_pools/${pool}/get_scheduled_flow_runs`, {})
    return found.map(({ flow_run }: any) => flow_run.id)
  }
  const leased = async (): Promise<string[]> =>
    (await readLeases(live().db, { holder })).map(({ flowRunId }) => flowRunId)

  test('a lease holds while Prefect moves the run on, and is void when Prefect ends it', async () => {
    const { db } = live()
    const id = await claim()
    expect(await renewLeases(db, holder, { flowRunIds: [id] })).toEqual({ held: [id], cancelling: [], lost: [] })
    expect(await propose(id, 'RUNNING')).toMatchObject({ status: 'ACCEPT' })
    expect(await renewLeases(db, holder, { flowRunIds: [id] })).toEqual({ held: [id], cancelling: [], lost: [] })
    expect(await leased()).toEqual([id])
    const [slot] = await readWorkQueueSlotHolders(db, workQueueId)
    expect(slot).toMatchObject({ flowRun: { id, stateType: 'RUNNING' }, lease: { holder } })
    expect((await explainWorkQueue(db, workQueueId)).active).toBe(1)

    expect(await propose(id, 'CANCELLING')).toMatchObject({ status: 'ACCEPT' })
    expect(await renewLeases(db, holder)).toEqual({ held: [id], cancelling: [id], lost: [] })
    expect(await propose(id, 'CANCELLED')).toMatchObject({ status: 'ACCEPT' })
    expect(await leased()).toEqual([])
    expect(await renewLeases(db, holder, { flowRunIds: [id] })).toEqual({ held: [], cancelling: [], lost: [id] })
    expect(await releaseExpiredLeases(db)).toEqual([])
    expect(await seen(id)).toMatchObject({ state_type: 'CANCELLED' })
  })

  test('a run that Prefect set RUNNING is CRASHED for Prefect when its lease has expired', async () => {
    const { db } = live()
    const id = await claim(1)
    expect(await propose(id, 'RUNNING')).toMatchObject({ status: 'ACCEPT' })
    expect(await releaseExpiredLeases(db)).toEqual([])
    await setTimeout(1_100)
    expect((await releaseExpiredLeases(db)).map((run) => [run.id, run.stateType])).toEqual([[id, 'CRASHED']])
    const run = await seen(id)
    expect(run).toMatchObject({ state_type: 'CRASHED', state_name: 'Crashed', state: { type: 'CRASHED' } })
    expect(run.state.message).toMatch(/lease/i)
    expect(run.end_time).not.toBeNull()
    expect(await statesSeen(id)).toEqual(['SCHEDULED', 'PENDING', 'RUNNING', 'CRASHED'])
    expect(await renewLeases(db, holder, { flowRunIds: [id] })).toEqual({ held: [], cancelling: [], lost: [id] })
    expect((await live().api('GET', `/work_queues/${workQueueId}/status`)).healthy).toBeDefined()
  })

  test('a run that nobody started is handed out by Prefect again when its lease has expired', async () => {
    const { db } = live()
    const id = await claim(1)
    expect(await polled()).toEqual([])
    await setTimeout(1_100)
    expect((await releaseExpiredLeases(db)).map((run) => run.stateType)).toEqual(['SCHEDULED'])
    expect(await polled()).toEqual([id])

    // Whoever takes it now holds it, without our lease or with another.
    expect(await propose(id, 'PENDING')).toMatchObject({ status: 'ACCEPT' })
    expect(await propose(id, 'RUNNING')).toMatchObject({ status: 'ACCEPT' })
    expect(await releaseExpiredLeases(db)).toEqual([])
    expect(await renewLeases(db, holder, { flowRunIds: [id] })).toMatchObject({ lost: [id] })
    expect(await propose(id, 'COMPLETED')).toMatchObject({ status: 'ACCEPT' })
  })

  test('a run that Prefect lets wait for a retry, and we claim anew, has the new lease', async () => {
    const { db } = live()
    const id = await claim(1)
    expect(await propose(id, 'RUNNING')).toMatchObject({ status: 'ACCEPT' })
    // As Prefect's engine does on a retry that it leaves to a worker.
    expect(await propose(id, 'SCHEDULED')).toMatchObject({ status: 'ACCEPT' })
    await setTimeout(1_100)
    expect(await releaseExpiredLeases(db)).toEqual([])
    const other = unique('holder')
    const { runs } = await claimRunsInWorkQueue(db, workQueueId, { holder: other, scheduledBefore: null })
    expect(runs.map((run) => run.id)).toEqual([id])
    expect(await renewLeases(db, holder, { flowRunIds: [id] })).toMatchObject({ held: [], lost: [id] })
    expect(await renewLeases(db, other)).toMatchObject({ held: [id] })
    await setFlowRunState(db, id, { type: 'COMPLETED' })
    expect(await seen(id)).toMatchObject({ state_type: 'COMPLETED' })
  })

  test('a run that Prefect deletes takes its lease along', async () => {
    const { api, db } = live()
    const id = await claim()
    await api('DELETE', `/flow_runs/${id}`)
    expect(await readFlowRun(db, id)).toBeUndefined()
    expect(await leased()).toEqual([])
    expect(await renewLeases(db, holder, { flowRunIds: [id] })).toEqual({ held: [], cancelling: [], lost: [id] })
  })
})
