import {
  createWorkPool,
  deleteWorker,
  deleteWorkPool,
  readWorkers,
  readWorkPool,
  recordWorkerHeartbeat,
  type WorkPoolStatusChange,
} from 'kysely-work-queues'
import { expect, test } from 'vitest'
import { postgres, sqliteFile } from '../support/databases.js'
import { describeOnDatabases } from '../support/describe-databases.js'
import { testId } from '../support/factory.js'

const at = (seconds: number): Date => new Date(Date.UTC(2035, 0, 1, 12) + seconds * 1000)

describeOnDatabases('workers', (t) => {
  test('a heartbeat creates the worker, ONLINE, and turns a NOT_READY pool READY once', async () => {
    const pool = await createWorkPool(t.db, { name: 'p', type: 'process' }, { now: at(0) })
    const changes: WorkPoolStatusChange[] = []
    const options = { emitStatusChange: (change: WorkPoolStatusChange): unknown => changes.push(change) }
    const worker = await recordWorkerHeartbeat(t.db, pool.id, 'w', {
      ...options,
      now: at(1),
      heartbeatIntervalSeconds: 30,
    })
    expect(worker).toMatchObject({
      created: at(1),
      workPoolId: pool.id,
      name: 'w',
      lastHeartbeatTime: at(1),
      heartbeatIntervalSeconds: 30,
      status: 'ONLINE',
    })
    await recordWorkerHeartbeat(t.db, pool.id, 'w', { ...options, now: at(2) })
    expect(changes.map(({ before, after }) => [before.status, after.status])).toEqual([['NOT_READY', 'READY']])
    expect(await readWorkPool(t.db, pool.id)).toEqual(changes[0]?.after)
  })

  test('a further heartbeat moves the time and keeps what it does not say', async () => {
    const { id } = await createWorkPool(t.db, { name: 'p', type: 'process' })
    const first = await recordWorkerHeartbeat(t.db, id, 'w', { now: at(1), heartbeatIntervalSeconds: 30 })
    expect(await recordWorkerHeartbeat(t.db, id, 'w', { now: at(2) })).toEqual({ ...first, lastHeartbeatTime: at(2) })
    const changed = await recordWorkerHeartbeat(t.db, id, 'w', { now: at(3), heartbeatIntervalSeconds: 5 })
    expect(changed).toMatchObject({ id: first.id, heartbeatIntervalSeconds: 5 })
  })

  test('a heartbeat leaves a paused pool paused', async () => {
    const { id } = await createWorkPool(t.db, { name: 'p', type: 'process', isPaused: true })
    await recordWorkerHeartbeat(t.db, id, 'w')
    expect((await readWorkPool(t.db, id))?.status).toBe('PAUSED')
  })

  test('a heartbeat to a pool that does not exist is an error, and creates nothing', async () => {
    await expect(recordWorkerHeartbeat(t.db, testId(404), 'w')).rejects.toMatchObject({ code: 'WORK_POOL_NOT_FOUND' })
    expect(await readWorkers(t.db, testId(404))).toEqual([])
  })

  test('workers are read newest heartbeat first, by status, in parts', async () => {
    const pool = await t.make.pool()
    for (const [name, seconds, status] of [
      ['a', 1, 'ONLINE'],
      ['b', 3, 'OFFLINE'],
      ['c', 2, 'ONLINE'],
    ] as const) {
      await t.make.worker({ work_pool_id: pool, name, status, last_heartbeat_time: at(seconds) })
    }
    await t.make.worker({ work_pool_id: await t.make.pool(), name: 'elsewhere', last_heartbeat_time: at(9) })
    const names = async (options: Parameters<typeof readWorkers>[2]): Promise<string[]> =>
      (await readWorkers(t.db, pool, options)).map(({ name }) => name)
    expect(await names({})).toEqual(['b', 'c', 'a'])
    expect(await names({ status: 'ONLINE' })).toEqual(['c', 'a'])
    expect(await names({ status: ['ONLINE', 'OFFLINE'], limit: 1, offset: 1 })).toEqual(['c'])
    expect(await names({ status: [] })).toEqual([])
  })

  test('a worker is deleted once, and others stay', async () => {
    const { id } = await createWorkPool(t.db, { name: 'p', type: 'process' })
    await recordWorkerHeartbeat(t.db, id, 'w')
    await recordWorkerHeartbeat(t.db, id, 'x')
    expect(await deleteWorker(t.db, id, 'w')).toBe(true)
    expect(await deleteWorker(t.db, id, 'w')).toBe(false)
    expect((await readWorkers(t.db, id)).map(({ name }) => name)).toEqual(['x'])
  })
})

describeOnDatabases(
  'workers that start at once',
  (t) => {
    test('fifty heartbeats of ten workers make ten workers and one change of status', async () => {
      const { id } = await createWorkPool(t.db, { name: 'p', type: 'process' })
      let changes = 0
      await Promise.all(
        Array.from({ length: 50 }, (_, n) =>
          recordWorkerHeartbeat(t.db, id, `w${n % 10}`, { emitStatusChange: () => void changes++ }),
        ),
      )
      expect(await readWorkers(t.db, id)).toHaveLength(10)
      expect(changes).toBe(1)
    })

    test('heartbeats and the deletion of their pool do not deadlock', async () => {
      for (let round = 0; round < 5; round++) {
        const { id } = await createWorkPool(t.db, { name: `p${round}`, type: 'process' })
        const calls = Array.from({ length: 12 }, (_, n) => recordWorkerHeartbeat(t.db, id, `w${n % 3}`))
        const results = await Promise.allSettled([
          ...calls,
          deleteWorkPool(t.db, id),
          recordWorkerHeartbeat(t.db, id, 'w0'),
        ])
        for (const result of results) {
          if (result.status === 'rejected') expect(result.reason).toMatchObject({ code: 'WORK_POOL_NOT_FOUND' })
        }
        expect(await readWorkers(t.db, id)).toEqual([])
      }
    })
  },
  [postgres, sqliteFile],
)
