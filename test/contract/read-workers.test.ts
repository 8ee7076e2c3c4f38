import { addMilliseconds, addSeconds } from 'date-fns'
import { readWorkers, type ReadWorkersOptions } from 'kysely-work-queues'
import { expect, test } from 'vitest'
import { describeOnDatabases } from '../support/describe-databases.js'
import { allRows, testId } from '../support/factory.js'

const now = new Date('2035-01-01T12:00:00.123Z')

describeOnDatabases('readWorkers', (t) => {
  /** The ids of the workers that are read. */
  const ids = async (pool: string, options?: ReadWorkersOptions): Promise<string[]> =>
    (await readWorkers(t.db, pool, options)).map(({ id }) => id)

  test('reads every column, absent values as null, and changes nothing', async () => {
    const work_pool_id = await t.make.pool()
    const row = { work_pool_id, created: now, updated: addSeconds(now, 1), last_heartbeat_time: addSeconds(now, 2) }
    await t.make.worker({ ...row, id: testId(1), name: '[1]', heartbeat_interval_seconds: 0, status: 'OFFLINE' })
    await t.make.worker({ ...row, id: testId(2), name: 'é 😀' })
    const before = await allRows(t.database)
    const times = { created: now, updated: addSeconds(now, 1), lastHeartbeatTime: addSeconds(now, 2) }
    expect(await readWorkers(t.db, work_pool_id.toUpperCase())).toEqual([
      {
        ...times,
        id: testId(1),
        workPoolId: work_pool_id,
        name: '[1]',
        heartbeatIntervalSeconds: 0,
        status: 'OFFLINE',
      },
      {
        ...times,
        id: testId(2),
        workPoolId: work_pool_id,
        name: 'é 😀',
        heartbeatIntervalSeconds: null,
        status: 'ONLINE',
      },
    ])
    expect(await allRows(t.database)).toEqual(before)
  })

  test('newest heartbeat first, equal ones by id, and in pages', async () => {
    const work_pool_id = await t.make.pool()
    for (const [n, milliseconds] of [
      [3, 0],
      [1, 0],
      [5, -1],
      [4, 1],
      [2, 900],
    ] as const) {
      await t.make.worker({ id: testId(n), work_pool_id, last_heartbeat_time: addMilliseconds(now, milliseconds) })
    }
    const expected = [2, 4, 1, 3, 5].map((n) => testId(n))
    expect(await ids(work_pool_id)).toEqual(expected)
    expect(await ids(work_pool_id, { limit: 2, offset: 1 })).toEqual(expected.slice(1, 3))
    expect(await ids(work_pool_id, { limit: 3 })).toEqual(expected.slice(0, 3))
    expect(await ids(work_pool_id, { offset: 3 })).toEqual(expected.slice(3))
    expect(await ids(work_pool_id, { limit: 0 })).toEqual([])
  })

  test('of one status, or of several', async () => {
    const work_pool_id = await t.make.pool()
    const online = await t.make.worker({ work_pool_id, last_heartbeat_time: now })
    const offline = await t.make.worker({ work_pool_id, last_heartbeat_time: addSeconds(now, -1), status: 'OFFLINE' })
    expect(await ids(work_pool_id)).toEqual([online, offline])
    expect(await ids(work_pool_id, { status: undefined })).toEqual([online, offline])
    expect(await ids(work_pool_id, { status: 'ONLINE' })).toEqual([online])
    expect(await ids(work_pool_id, { status: 'OFFLINE' })).toEqual([offline])
    expect(await ids(work_pool_id, { status: ['OFFLINE'] })).toEqual([offline])
    expect(await ids(work_pool_id, { status: ['OFFLINE', 'ONLINE', 'OFFLINE'] })).toEqual([online, offline])
    expect(await ids(work_pool_id, { status: [] })).toEqual([])
    expect(await ids(work_pool_id, { status: ['ONLINE', 'OFFLINE'], offset: 1 })).toEqual([offline])
  })

  test('of this pool alone; one that does not exist has none', async () => {
    const pool = await t.make.pool()
    const other = await t.make.pool()
    const worker = await t.make.worker({ work_pool_id: pool, name: 'w' })
    await t.make.worker({ work_pool_id: other, name: 'w' })
    expect(await ids(pool)).toEqual([worker])
    expect(await ids(testId(404))).toEqual([])
  })
})
