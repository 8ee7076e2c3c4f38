import {
  createFlowRuns,
  createWorkPool,
  createWorkQueue,
  getRunsInWorkQueue,
  markLateFlowRuns,
  markWorkersOffline,
  markWorkPoolsNotReady,
  markWorkQueuesNotReady,
  readFlowRun,
  readWorkers,
  readWorkPool,
  readWorkQueue,
  recordWorkerHeartbeat,
  recordWorkQueuePolls,
} from 'kysely-work-queues'
import { expect, test } from 'vitest'
import { describeOnDatabases } from '../support/describe-databases.js'

const at = (seconds: number): Date => new Date(Date.UTC(2035, 0, 1, 12) + seconds * 1000)

describeOnDatabases('upkeep', (t) => {
  test('due runs become late, oldest first and no more than asked, each with its state', async () => {
    const queue = await createWorkQueue(t.db, { name: 'q' })
    const starts = [at(-30), at(-40), at(-15), at(-14.999), null]
    const runs = await createFlowRuns(
      t.db,
      starts.map((nextScheduledStartTime) => ({ workQueueId: queue.id, nextScheduledStartTime })),
      { now: at(-60) },
    )
    const first = await markLateFlowRuns(t.db, { scheduledBefore: at(-15), limit: 2, now: at(0) })
    expect(first.map(({ id }) => id)).toEqual([runs[1]?.id, runs[0]?.id])
    expect(first[0]).toMatchObject({
      stateType: 'SCHEDULED',
      stateName: 'Late',
      stateTimestamp: at(0),
      nextScheduledStartTime: at(-40),
    })
    expect(await readFlowRun(t.db, first[0]?.id ?? '')).toEqual(first[0])
    const states = await t.database.plain
      .selectFrom('flow_run_state')
      .select(['id', 'name', 'type'])
      .where('flow_run_id', '=', first[0]?.id ?? '')
      .orderBy('timestamp')
      .execute()
    expect(states.map(({ name, type }) => [name, type])).toEqual([
      ['Scheduled', 'SCHEDULED'],
      ['Late', 'SCHEDULED'],
    ])
    expect(states[1]?.id).toBe(first[0]?.stateId)

    expect((await markLateFlowRuns(t.db, { scheduledBefore: at(-15) })).map(({ id }) => id)).toEqual([runs[2]?.id])
    expect(await markLateFlowRuns(t.db, { scheduledBefore: at(-15) })).toEqual([])
    const { runs: polled } = await getRunsInWorkQueue(t.db, queue.id, { scheduledBefore: at(0) })
    expect(polled).toHaveLength(4)
  })

  test('runs that wait for something else than their time are not marked late', async () => {
    await createFlowRuns(t.db, [{ stateName: 'AwaitingRetry', nextScheduledStartTime: at(-99) }])
    await createFlowRuns(t.db, [{ stateType: 'PENDING', stateName: 'Scheduled', nextScheduledStartTime: at(-99) }])
    expect(await markLateFlowRuns(t.db, { scheduledBefore: at(0) })).toEqual([])
  })

  test('several servers mark each late run once', async () => {
    await createFlowRuns(
      t.db,
      Array.from({ length: 40 }, () => ({ nextScheduledStartTime: at(-60) })),
    )
    const marked = await Promise.all(
      Array.from({ length: 8 }, () => markLateFlowRuns(t.db, { scheduledBefore: at(0), limit: 10 })),
    )
    const ids = marked.flat().map(({ id }) => id)
    expect(new Set(ids).size).toBe(ids.length)
    const rest = await markLateFlowRuns(t.db, { scheduledBefore: at(0) })
    expect(ids.length + rest.length).toBe(40)
  })

  test('workers that were silent for more than their intervals go OFFLINE', async () => {
    const pool = await createWorkPool(t.db, { name: 'p', type: 'process' })
    await recordWorkerHeartbeat(t.db, pool.id, 'ten', { now: at(0), heartbeatIntervalSeconds: 10 })
    await recordWorkerHeartbeat(t.db, pool.id, 'silent', { now: at(0) })
    const names = async (options: Parameters<typeof markWorkersOffline>[1]): Promise<string[]> =>
      (await markWorkersOffline(t.db, options)).map(({ name }) => name)
    expect(await names({ now: at(30) })).toEqual([])
    expect(await names({ now: at(30.001) })).toEqual(['ten'])
    expect(await names({ now: at(90) })).toEqual([])
    expect(await names({ now: at(20), inactivityHeartbeatMultiple: 2, fallbackHeartbeatIntervalSeconds: 9 })).toEqual([
      'silent',
    ])
    const offline = await readWorkers(t.db, pool.id, { status: 'OFFLINE' })
    expect(offline.map(({ name }) => name)).toEqual(['ten', 'silent'])
    expect(await recordWorkerHeartbeat(t.db, pool.id, 'ten', { now: at(99) })).toMatchObject({ status: 'ONLINE' })
  })

  test('READY pools without a worker ONLINE become NOT_READY, and tell of it', async () => {
    const served = await createWorkPool(t.db, { name: 'served', type: 'process' })
    const left = await createWorkPool(t.db, { name: 'left', type: 'process' })
    await recordWorkerHeartbeat(t.db, served.id, 'w', { now: at(100) })
    await recordWorkerHeartbeat(t.db, left.id, 'w', { now: at(0) })
    await markWorkersOffline(t.db, { now: at(100) })
    const told: string[] = []
    const marked = await markWorkPoolsNotReady(t.db, {
      now: at(101),
      emitStatusChange: ({ before, after }) => told.push(`${after.name}: ${before.status} to ${after.status}`),
    })
    expect(told).toEqual(['left: READY to NOT_READY'])
    expect(marked).toEqual([await readWorkPool(t.db, left.id)])
    expect(await markWorkPoolsNotReady(t.db)).toEqual([])
    expect((await readWorkPool(t.db, served.id))?.status).toBe('READY')
  })

  test('READY queues last polled before a time become NOT_READY, and tell of it', async () => {
    const old = await createWorkQueue(t.db, { name: 'old' })
    const recent = await createWorkQueue(t.db, { name: 'recent' })
    await recordWorkQueuePolls(t.db, { polledWorkQueueIds: [], readyWorkQueueIds: [old.id], now: at(0) })
    await recordWorkQueuePolls(t.db, { polledWorkQueueIds: [], readyWorkQueueIds: [recent.id], now: at(60) })
    const never = await t.make.queue({ status: 'READY' })
    const told: string[] = []
    const options = {
      lastPolledBefore: at(60),
      emitStatusChange: ({ name }: { name: string }): unknown => told.push(name),
    }
    const marked = await markWorkQueuesNotReady(t.db, options)
    expect(told).toEqual(['old'])
    expect(marked).toEqual([await readWorkQueue(t.db, old.id)])
    expect((await readWorkQueue(t.db, never))?.status).toBe('READY')
    expect(await markWorkQueuesNotReady(t.db, options)).toEqual([])
  })

  test('several servers tell of each queue and pool once', async () => {
    const pool = await createWorkPool(t.db, { name: 'p', type: 'process' })
    await t.make.set('work_pool', pool.id, { status: 'READY' })
    await t.make.set('work_queue', pool.defaultQueueId ?? '', { status: 'READY', last_polled: at(0) })
    let told = 0
    const emitStatusChange = (): unknown => told++
    await Promise.all(
      Array.from({ length: 6 }, (_, n) =>
        n % 2 === 0
          ? markWorkPoolsNotReady(t.db, { emitStatusChange })
          : markWorkQueuesNotReady(t.db, { lastPolledBefore: at(60), emitStatusChange }),
      ),
    )
    expect(told).toBe(2)
  })
})
