import { addMilliseconds, addSeconds } from 'date-fns'
import {
  markWorkersOffline,
  type MarkWorkersOfflineOptions,
  readWorkers,
  readWorkPool,
  recordWorkerHeartbeat,
} from 'kysely-work-queues'
import { expect, test } from 'vitest'
import { describeOnDatabases } from '../support/describe-databases.js'
import { allRows, testId } from '../support/factory.js'

const now = new Date('2035-01-01T12:00:00.123Z')

describeOnDatabases('markWorkersOffline', (t) => {
  let pool = ''
  /** A worker that was heard of so many milliseconds ago. */
  const worker = async (milliseconds: number, interval: number | null = null, status = 'ONLINE'): Promise<string> => {
    if (!(await readWorkPool(t.db, pool || testId(404)))) pool = await t.make.pool({ status: 'READY' })
    return await t.make.worker({
      work_pool_id: pool,
      last_heartbeat_time: addMilliseconds(now, -milliseconds),
      heartbeat_interval_seconds: interval,
      status,
    })
  }
  const mark = async (options: MarkWorkersOfflineOptions = {}): Promise<string[]> =>
    (await markWorkersOffline(t.db, { now, ...options })).map(({ id }) => id)

  test('a worker of thirty seconds’ interval may be silent for three of them, and not longer', async () => {
    await worker(90_000, 30)
    const gone = await worker(90_001, 30)
    await worker(89_999, 30)
    expect(await mark()).toEqual([gone])
    expect(await mark({ now: addMilliseconds(now, 1) })).toHaveLength(1)
  })

  test('each worker has its own interval, and those that did not say theirs have the fallback', async () => {
    await worker(3000, 1)
    const quick = await worker(3001, 1)
    await worker(3001, 2)
    const unsaid = await worker(90_001)
    await worker(90_000)
    const never = await worker(1, 0)
    await worker(0, 0)
    await worker(3_000_000, 1000)
    const slow = await worker(3_000_001, 1000)
    expect(await mark()).toEqual([quick, unsaid, never, slow])
  })

  test('the multiple and the fallback can be set', async () => {
    const own = await worker(20_001, 10)
    const unsaid = await worker(8001)
    expect(await mark({ inactivityHeartbeatMultiple: 3, fallbackHeartbeatIntervalSeconds: 3 })).toEqual([])
    expect(await mark({ inactivityHeartbeatMultiple: 2, fallbackHeartbeatIntervalSeconds: 5 })).toEqual([own])
    expect(await mark({ inactivityHeartbeatMultiple: 2, fallbackHeartbeatIntervalSeconds: 4 })).toEqual([unsaid])
    const recent = await worker(1, 10)
    expect(await mark({ inactivityHeartbeatMultiple: 0 })).toEqual([recent])
  })

  test('returns the workers as they now are, by id, and changes no others', async () => {
    const second = await worker(200_000)
    const third = await worker(100_000)
    await worker(300_000, null, 'OFFLINE')
    await worker(0)
    await t.make.worker({ id: testId(1), work_pool_id: pool, last_heartbeat_time: addSeconds(now, -500) })
    const before = await readWorkers(t.db, pool)
    const silent = [testId(1), second, third]
    const marked = await markWorkersOffline(t.db, { now })
    expect(marked.map(({ id }) => id)).toEqual(silent)
    expect(await readWorkers(t.db, pool)).toEqual(
      before.map((old) => (silent.includes(old.id) ? { ...old, status: 'OFFLINE', updated: now } : old)),
    )
    expect(await readWorkers(t.db, pool)).toEqual(expect.arrayContaining(marked))
    expect(await mark()).toEqual([])
  })

  test('a heartbeat of the future is recent, and the pool is left to markWorkPoolsNotReady', async () => {
    await worker(-5000, 1)
    await worker(200_000)
    expect(await mark()).toHaveLength(1)
    expect(await readWorkers(t.db, pool, { status: 'ONLINE' })).toHaveLength(1)
    expect((await readWorkPool(t.db, pool))?.status).toBe('READY')
  })

  test('asks the clock when no time is given', async () => {
    pool = await t.make.pool()
    await t.make.worker({ work_pool_id: pool, last_heartbeat_time: addSeconds(new Date(), -80) })
    const gone = await t.make.worker({ work_pool_id: pool, last_heartbeat_time: addSeconds(new Date(), -91) })
    expect((await markWorkersOffline(t.db)).map(({ id }) => id)).toEqual([gone])
  })

  test('a worker with the longest interval that it can say is no trouble', async () => {
    pool = await t.make.pool()
    const options = { heartbeatIntervalSeconds: 2 ** 31 - 1, now: addSeconds(now, -3600) }
    await recordWorkerHeartbeat(t.db, pool, 'patient', options)
    const gone = await worker(90_001)
    expect(await mark()).toEqual([gone])
    const longest = { inactivityHeartbeatMultiple: 2 ** 31 - 1, fallbackHeartbeatIntervalSeconds: 2 ** 31 - 1 }
    await worker(90_001)
    expect(await mark(longest)).toEqual([])
  })

  test('a call that finds nothing changes nothing', async () => {
    await worker(10)
    const before = await allRows(t.database)
    expect(await mark()).toEqual([])
    expect(await allRows(t.database)).toEqual(before)
  })

  test('many calls at once mark each worker once', async () => {
    const silent: string[] = []
    for (let n = 0; n < 10; n++) silent.push(await worker(100_000 + n))
    const servers = t.kind.dialect === 'postgres' ? [t.db, t.database.connect()] : [t.db]
    const marked = await Promise.all(
      Array.from({ length: 6 }, (_, n) => markWorkersOffline(servers[n % servers.length] ?? t.db, { now })),
    )
    expect(marked.flat().map(({ id }) => id)).toHaveLength(10)
    expect(new Set(marked.flat().map(({ id }) => id))).toEqual(new Set(silent))
  })

  test('a worker that sends a heartbeat meanwhile stays ONLINE, or comes back', async () => {
    pool = await t.make.pool()
    for (let round = 0; round < 5; round++) {
      await recordWorkerHeartbeat(t.db, pool, 'w', { now: addSeconds(now, -100) })
      await Promise.all([markWorkersOffline(t.db, { now }), recordWorkerHeartbeat(t.db, pool, 'w', { now })])
      expect(await readWorkers(t.db, pool)).toMatchObject([{ status: 'ONLINE', lastHeartbeatTime: now }])
    }
  })
})
