import { addMinutes, addSeconds, subMinutes } from 'date-fns'
import {
  bulkUpdateWorkQueuePriorities,
  createFlowRuns,
  createWorkPool,
  createWorkQueue,
  deleteWorker,
  deleteWorkPool,
  deleteWorkQueue,
  ensureWorkQueueExists,
  type FlowRun,
  markWorkersOffline,
  markWorkPoolsNotReady,
  markWorkQueuesNotReady,
  readFlowRun,
  readWorkers,
  readWorkPool,
  readWorkQueue,
  readWorkQueues,
  recordWorkerHeartbeat,
  recordWorkQueuePolls,
  setFlowRunState,
  type StateType,
  updateWorkPool,
  updateWorkQueue,
  type WorkPool,
  type WorkQueue,
} from 'kysely-work-queues'
import { prefectIndexes } from 'kysely-work-queues/migrations'
import { beforeAll, expect, test } from 'vitest'
import { comparable, type Spelled, spellPool, spellQueue, spellRun, spellWorker } from './compare.js'
import { deploy, describeLive, migrate, schedule, unique } from './describe-live.js'

describeLive('what we wrote', (live) => {
  const name = unique('ours')
  let pool: WorkPool
  let etl: WorkQueue
  let gpu: WorkQueue

  beforeAll(async () => {
    const { db } = live()
    await migrate(live(), prefectIndexes, 'work_queue_migration')
    pool = await createWorkPool(db, {
      name,
      type: 'process',
      description: 'größer 😀',
      concurrencyLimit: 4,
      baseJobTemplate: { job_configuration: { command: '{{ command }}', aB: ['ü', 1.5, null] }, variables: { p: {} } },
    })
    etl = await createWorkQueue(db, { name: 'etl', workPoolId: pool.id, concurrencyLimit: 2, description: 'größer 😀' })
    gpu = await createWorkQueue(db, { name: 'gpu', workPoolId: pool.id, priority: 1 })
  })

  const queueOf = async (id: string): Promise<WorkQueue> => (await readWorkQueue(live().db, id))!
  const expectSeen = ({ ours, properties }: Spelled, theirs: unknown): void =>
    expect(comparable(theirs, properties)).toEqual(comparable(ours, properties))
  const expectQueueSeen = async (id: string): Promise<void> =>
    expectSeen(spellQueue(await queueOf(id)), await live().api('GET', `/work_queues/${id}`))
  const expectPoolSeen = async (): Promise<void> =>
    expectSeen(spellPool((await readWorkPool(live().db, pool.id))!), await live().api('GET', `/work_pools/${name}`))

  test('pools and queues are seen by Prefect as we see them', async () => {
    const { api, db } = live()
    await expectPoolSeen()
    for (const { id } of await readWorkQueues(db, { workPoolId: pool.id })) await expectQueueSeen(id)
    const theirs: any[] = await api('POST', `/work_pools/${name}/queues/filter`, {})
    expect(theirs.map(({ name, priority }) => [name, priority])).toEqual([
      ['gpu', 1],
      ['default', 2],
      ['etl', 3],
    ])
    const ensured = await ensureWorkQueueExists(db, unique('ensured'))
    expect((await api('GET', `/work_queues/name/${ensured.name}`)).id).toBe(ensured.id)
    const filter = { tags: ['a', 'ü'], deploymentIds: [pool.id] }
    const tagged = await createWorkQueue(db, { name: unique('tagged'), filter })
    await expectQueueSeen(tagged.id)
    expect(await api('POST', `/work_queues/${tagged.id}/get_runs`, {})).toEqual([])
  })

  test('pauses, limits, priorities and polls are seen by Prefect, whichever side made them', async () => {
    const { api, db } = live()
    await updateWorkQueue(db, etl.id, { isPaused: true, concurrencyLimit: null, description: null })
    await expectQueueSeen(etl.id)
    await api('PATCH', `/work_queues/${etl.id}`, { is_paused: false, concurrency_limit: 3, name: 'renamed' })
    expect(await queueOf(etl.id)).toMatchObject({ isPaused: false, concurrencyLimit: 3, name: 'renamed' })
    await expectQueueSeen(etl.id)

    await bulkUpdateWorkQueuePriorities(db, pool.id, { [etl.id]: 1 })
    await api('PATCH', `/work_pools/${name}/queues/gpu`, { priority: 5 })
    const queues = await readWorkQueues(db, { workPoolId: pool.id, orderBy: 'priority' })
    expect(queues.map(({ name, priority }) => [name, priority])).toEqual([
      ['renamed', 1],
      ['default', 3],
      ['gpu', 5],
    ])
    await recordWorkQueuePolls(db, { polledWorkQueueIds: [etl.id, gpu.id], readyWorkQueueIds: [etl.id] })
    for (const { id } of queues) await expectQueueSeen(id)
    expect((await api('GET', `/work_queues/${etl.id}/status`)).healthy).toBe(true)

    const longAgo = { lastPolledBefore: addMinutes(new Date(), 1) }
    const notReady = await markWorkQueuesNotReady(db, longAgo)
    expect(notReady.map(({ id }) => id)).toContain(etl.id)
    expect(await api('GET', `/work_queues/${etl.id}`)).toMatchObject({ status: 'NOT_READY' })
    await updateWorkPool(db, pool.id, { isPaused: true, concurrencyLimit: 9 })
    await expectPoolSeen()
    await api('PATCH', `/work_pools/${name}`, { is_paused: false })
    await expectPoolSeen()
  })

  test('heartbeats are seen by Prefect, and workers go offline', async () => {
    const { api, db } = live()
    await recordWorkerHeartbeat(db, pool.id, 'w1', { heartbeatIntervalSeconds: 10 })
    await recordWorkerHeartbeat(db, pool.id, 'w2')
    await api('POST', `/work_pools/${name}/workers/heartbeat`, { name: 'w1', heartbeat_interval_seconds: 20 })
    const workers = await readWorkers(db, pool.id)
    expect(workers).toHaveLength(2)
    const theirs: any[] = await api('POST', `/work_pools/${name}/workers/filter`, {})
    for (const [n, worker] of workers.entries()) expectSeen(spellWorker(worker), theirs[n])
    expect(await api('GET', `/work_pools/${name}`)).toMatchObject({ status: 'READY' })

    await deleteWorker(db, pool.id, 'w2')
    await markWorkersOffline(db, { now: addSeconds(new Date(), 3600) })
    await markWorkPoolsNotReady(db)
    const offline = { workers: { status: { any_: ['OFFLINE'] } } }
    expect(await api('POST', `/work_pools/${name}/workers/filter`, offline)).toMatchObject([{ name: 'w1' }])
    expect(await api('GET', `/work_pools/${name}`)).toMatchObject({ status: 'NOT_READY' })
  })

  test('runs that we create are seen by Prefect, in every state, with their states in order', async () => {
    const { api, db } = live()
    const { flowId, deploymentId } = await deploy(live(), { pool: name, queue: 'gpu' })
    const inputs = {
      flowId,
      deploymentId,
      workQueueId: gpu.id,
      parameters: { n: 1, s: 'ü 😀', nested: { aB: [null, 1.5] } },
      context: { c: 1 },
      tags: ['a', 'ü'],
      labels: { 'a.b': 1 },
      jobVariables: { x: { y: 'z' } },
      infrastructurePid: 'host:1',
      idempotencyKey: 'k',
    }
    const at = subMinutes(new Date(), 10)
    const [created] = await createFlowRuns(db, [{ ...inputs, nextScheduledStartTime: at }], { now: at })
    const seen = async (run: FlowRun): Promise<any> => {
      const theirs = await api('GET', `/flow_runs/${run.id}`)
      expectSeen(spellRun(run), theirs)
      expect(theirs.state).toMatchObject({ id: run.stateId, type: run.stateType, name: run.stateName })
      return theirs
    }
    await seen(created!)
    const types: StateType[] = ['PENDING', 'RUNNING', 'PAUSED', 'RUNNING', 'CANCELLING', 'CANCELLED', 'SCHEDULED']
    let run = created!
    for (const [n, type] of [...types, 'CRASHED', 'FAILED', 'COMPLETED'].entries()) {
      const state = { type: type as StateType, message: `ü ${n}`, timestamp: addSeconds(at, n + 1) }
      run = await setFlowRunState(db, run.id, state)
      expect((await seen(run)).state).toMatchObject({ message: `ü ${n}` })
    }
    const states: any[] = await api('GET', `/flow_run_states/?flow_run_id=${run.id}`)
    expect(states.map(({ type }) => type)).toEqual(['SCHEDULED', ...types, 'CRASHED', 'FAILED', 'COMPLETED'])
    expect(run.runCount).toBe(2)
    const again = await api('POST', `/deployments/${deploymentId}/create_flow_run`, { idempotency_key: 'k' })
    expect(again.id).toBe(run.id)
    expect(await api('POST', '/flow_runs/filter', { flow_runs: { tags: { all_: ['ü'] } } })).toHaveLength(1)
  })

  test('the time that a run was running is counted as Prefect counts it', async () => {
    const { api, db } = live()
    const { flowId } = await deploy(live(), { pool: name, queue: 'gpu' })
    const at = subMinutes(new Date(), 10)
    // Nothing is stamped before the state that it follows.
    const [run] = await createFlowRuns(db, [{ flowId, workQueueId: gpu.id }], { now: subMinutes(at, 1) })
    const enter = (type: StateType, seconds: number): Promise<FlowRun> =>
      setFlowRunState(db, run!.id, { type, timestamp: addSeconds(at, seconds) })
    await enter('RUNNING', 0)
    await enter('PAUSED', 100)
    await enter('RUNNING', 200)
    await enter('COMPLETED', 250.5)
    expect(await api('GET', `/flow_runs/${run!.id}`)).toMatchObject({
      total_run_time: 150.5,
      estimated_run_time: 150.5,
    })
  })

  test('what we deleted is gone for Prefect, and what Prefect deleted for us', async () => {
    const { api, db } = live()
    const { deploymentId } = await deploy(live(), { pool: name, queue: 'gpu' })
    const runId = await schedule(live(), deploymentId)
    await api('DELETE', `/work_queues/${gpu.id}`)
    expect(await readWorkQueue(db, gpu.id)).toBeUndefined()
    expect(await readFlowRun(db, runId)).toMatchObject({ workQueueId: null, workQueueName: 'gpu' })
    await deleteWorkQueue(db, etl.id)
    await expect(api('GET', `/work_queues/${etl.id}`)).rejects.toThrow('404')
    const [queue] = await readWorkQueues(db, { workPoolId: pool.id })
    await expect(api('DELETE', `/work_queues/${queue!.id}`)).rejects.toThrow()

    await api('DELETE', `/work_pools/${name}`)
    expect(await readWorkPool(db, pool.id)).toBeUndefined()
    const other = await createWorkPool(db, { name: unique('ours') })
    await deleteWorkPool(db, other.id)
    await expect(api('GET', `/work_pools/${other.name}`)).rejects.toThrow('404')
  })
})
