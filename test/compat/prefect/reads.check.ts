import { addMinutes, subMinutes } from 'date-fns'
import {
  countFlowRuns,
  countWorkPoolActiveSlots,
  countWorkPools,
  countWorkQueueActiveSlots,
  countWorkQueues,
  explainFlowRun,
  explainWorkQueue,
  formatExplanation,
  getRunsInWorkQueue,
  getScheduledFlowRuns,
  readFlowRun,
  readFlowRuns,
  readWorkers,
  readWorkPool,
  readWorkPoolByName,
  readWorkPools,
  readWorkPoolSlotHolders,
  readWorkQueue,
  readWorkQueueByName,
  readWorkQueues,
  readWorkQueueSlotHolders,
  readWorkQueueStatus,
} from 'kysely-work-queues'
import { beforeAll, expect, test, vi } from 'vitest'
import { comparable, type Spelled, spellPool, spellQueue, spellRun, spellWorker } from './compare.js'
import { deploy, describeLive, schedule, unique } from './describe-live.js'

describeLive('what Prefect wrote', (live) => {
  const pool = unique('pool')
  let poolId: string
  let etlId: string
  const runs: string[] = []

  beforeAll(async () => {
    const { api } = live()
    ;({ id: poolId } = await api('POST', '/work_pools/', {
      name: pool,
      type: 'process',
      description: 'größer',
      concurrency_limit: 5,
      base_job_template: { job_configuration: { aB: ['ü', 1] }, variables: { properties: {} } },
    }))
    ;({ id: etlId } = await api('POST', `/work_pools/${pool}/queues`, {
      name: 'etl',
      description: 'größer',
      concurrency_limit: 3,
      priority: 1,
    }))
    await api('POST', '/work_queues/', { name: unique('tagged'), filter: { tags: ['a'], deployment_ids: null } })
    await api('PATCH', `/work_queues/${etlId}`, { is_paused: true })
    await api('PATCH', `/work_queues/${etlId}`, { is_paused: false })
    await api('POST', `/work_pools/${pool}/workers/heartbeat`, { name: 'w1', heartbeat_interval_seconds: 30 })
    await api('POST', `/work_pools/${pool}/workers/heartbeat`, { name: 'w2' })

    const { deploymentId } = await deploy(live(), { pool, queue: 'etl' }, { tags: ['t'], parameters: { n: 1 } })
    const due = subMinutes(new Date(), 5)
    for (const n of [0, 1, 2, 3]) {
      const more = { idempotency_key: `key ${n}`, parameters: { n, s: 'é' }, job_variables: { x: 1 } }
      runs.push(await schedule(live(), deploymentId, addMinutes(due, n), more))
    }
    const { deploymentId: onDefault } = await deploy(live(), { pool })
    runs.push(await schedule(live(), onDefault, due), await schedule(live(), onDefault, addMinutes(new Date(), 60)))
    await api('POST', `/flow_runs/${runs[0]}/set_state`, { state: { type: 'PENDING' } })
    await api('POST', `/flow_runs/${runs[0]}/set_state`, { state: { type: 'RUNNING' } })
  })

  const expectSame = ({ ours, properties }: Spelled, theirs: unknown): void =>
    expect(comparable(ours, properties)).toEqual(comparable(theirs, properties))

  test('pools, queues and workers are read as Prefect’s API shows them', async () => {
    const { api, db } = live()
    const pools = await readWorkPools(db)
    const prefects = await api('POST', '/work_pools/filter', {})
    expect(pools).toHaveLength(prefects.length)
    expect(await countWorkPools(db)).toBe(prefects.length)
    for (const [n, pool] of pools.entries()) {
      expectSame(spellPool(pool), prefects[n])
      expect(await readWorkPool(db, pool.id)).toEqual(pool)
      expect(await readWorkPoolByName(db, pool.name)).toEqual(pool)
    }
    const queues = await readWorkQueues(db)
    const prefectQueues: any[] = await api('POST', '/work_queues/filter', {})
    expect(queues).toHaveLength(prefectQueues.length)
    expect(await countWorkQueues(db)).toBe(queues.length)
    for (const queue of queues) {
      expectSame(
        spellQueue(queue),
        prefectQueues.find(({ id }) => id === queue.id),
      )
      expect(await readWorkQueue(db, queue.id)).toEqual(queue)
    }
    expect((await readWorkQueueByName(db, 'etl', { workPoolName: pool }))?.id).toBe(etlId)
    const workers = await readWorkers(db, poolId)
    const prefectWorkers = await api('POST', `/work_pools/${pool}/workers/filter`, {})
    expect(workers.map(({ name }) => name)).toEqual(['w2', 'w1'])
    for (const [n, worker] of workers.entries()) expectSame(spellWorker(worker), prefectWorkers[n])
  })

  test('runs are read as Prefect’s API shows them', async () => {
    const { api, db } = live()
    for (const id of runs) {
      const run = await readFlowRun(db, id)
      if (run === undefined) throw new Error(`no run ${id}`)
      expectSame(spellRun(run), await api('GET', `/flow_runs/${id}`))
    }
    const filter = { workQueueId: { any: [etlId] }, tags: { all: ['t'] } }
    expect((await readFlowRuns(db, { filter })).map(({ id }) => id).toSorted()).toEqual(runs.slice(0, 4).toSorted())
    expect(await countFlowRuns(db, { filter })).toBe(4)
  })

  test('polls of a queue and of a pool read the same runs in the same order as Prefect’s', async () => {
    const { api, db } = live()
    const scheduledBefore = new Date()
    const before = { scheduled_before: scheduledBefore.toISOString() }
    const ids = (polled: { id: string }[]): string[] => polled.map(({ id }) => id)

    const { runs: due } = await getRunsInWorkQueue(db, etlId, { scheduledBefore })
    expect(ids(due)).toEqual([runs[1], runs[2]]) // two slots of three are open
    expect(ids(due)).toEqual(ids(await api('POST', `/work_queues/${etlId}/get_runs`, before)))

    const scheduled = await getScheduledFlowRuns(db, { workPoolIds: [poolId], scheduledBefore })
    expect(ids(scheduled.map(({ flowRun }) => flowRun))).toEqual([runs[1], runs[2], runs[4]])
    const prefects: any[] = await api('POST', `/work_pools/${pool}/get_scheduled_flow_runs`, before)
    expect(scheduled.map(({ workQueueId, flowRun }) => [workQueueId, flowRun.id])).toEqual(
      prefects.map(({ work_queue_id, flow_run }) => [work_queue_id, flow_run.id]),
    )
  })

  test('health and slots are what Prefect says, and explanations know Prefect’s rows', async () => {
    const { api, db } = live()
    // Prefect's server takes a poll down some time after it has answered it.
    const sides = async (): Promise<unknown[]> => {
      const { healthy, lateRunsCount, lastPolled } = await readWorkQueueStatus(db, etlId)
      const theirs = await api('GET', `/work_queues/${etlId}/status`)
      const theirLastPolled = theirs.last_polled && new Date(theirs.last_polled)
      expect([healthy, lateRunsCount, lastPolled]).toEqual([theirs.healthy, theirs.late_runs_count, theirLastPolled])
      return [healthy, lateRunsCount]
    }
    await vi.waitFor(async () => expect(await sides()).toEqual([true, 0]), { timeout: 20_000, interval: 200 })

    const inQueue = await api('POST', `/work_queues/${etlId}/concurrency_status`, {})
    const inPool = await api('POST', `/work_pools/${pool}/concurrency_status`, {})
    expect((await countWorkQueueActiveSlots(db, [etlId])).get(etlId)).toBe(inQueue.active_slots)
    expect((await countWorkPoolActiveSlots(db, [poolId])).get(poolId)).toBe(inPool.active_slots)
    const [holder] = await readWorkQueueSlotHolders(db, etlId)
    expect([holder?.flowRun.id]).toEqual(inQueue.flow_runs.map(({ id }: { id: string }) => id))
    // The slot was acquired when the run became PENDING, before it was RUNNING.
    const states: any[] = await api('GET', `/flow_run_states/?flow_run_id=${runs[0]}`)
    const pending = states.find(({ type }) => type === 'PENDING')
    expect(holder?.slotAcquiredAt?.getTime()).toBe(new Date(pending.timestamp).getTime())
    expect(await readWorkPoolSlotHolders(db, poolId)).toHaveLength(1)

    expect(formatExplanation(await explainFlowRun(db, runs[3] ?? ''))).toContain('It is behind 2 runs in its queue')
    expect((await explainFlowRun(db, runs[1] ?? '')).handedOut).toBe(true)
    expect(await explainWorkQueue(db, etlId)).toMatchObject({ scheduled: 3, active: 1, openSlots: 2 })
  })
})
