import { addSeconds } from 'date-fns'
import {
  deleteWorkPool,
  readWorkers,
  readWorkPool,
  recordWorkerHeartbeat,
  type RecordWorkerHeartbeatOptions,
  type Worker,
  type WorkPoolStatusChange,
} from 'kysely-work-queues'
import { expect, test } from 'vitest'
import { postgres, sqliteFile } from '../support/databases.js'
import { describeOnDatabases } from '../support/describe-databases.js'
import { allRows, testId } from '../support/factory.js'

const now = new Date('2035-01-01T12:00:00.123Z')

describeOnDatabases('recordWorkerHeartbeat', (t) => {
  test('never goes back: a server whose clock is slow does not undo what another has recorded', async () => {
    const pool = await t.make.pool()
    const later = new Date('2035-01-01T12:00:05.000Z')
    const earlier = new Date('2035-01-01T12:00:00.123Z')
    await recordWorkerHeartbeat(t.db, pool, 'worker', { now: later })
    expect((await recordWorkerHeartbeat(t.db, pool, 'worker', { now: earlier })).lastHeartbeatTime).toEqual(later)
    expect(await readWorkers(t.db, pool)).toMatchObject([{ status: 'ONLINE', lastHeartbeatTime: later }])
  })

  test('creates the worker, ONLINE, and returns it', async () => {
    const pool = await t.make.pool()
    const worker = await recordWorkerHeartbeat(t.db, pool.toUpperCase(), 'w 1', { now, heartbeatIntervalSeconds: 30 })
    expect(worker).toEqual({
      id: expect.stringMatching(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}$/),
      created: now,
      updated: now,
      workPoolId: pool,
      name: 'w 1',
      lastHeartbeatTime: now,
      heartbeatIntervalSeconds: 30,
      status: 'ONLINE',
    })
    expect(await readWorkers(t.db, pool)).toEqual([worker])
  })

  test('moves the time of the last heartbeat, and keeps the worker', async () => {
    const pool = await t.make.pool({ status: 'READY' })
    const first = await recordWorkerHeartbeat(t.db, pool, 'w', { now })
    const later = addSeconds(now, 5)
    const second = await recordWorkerHeartbeat(t.db, pool, 'w', { now: later })
    expect({ ...second, updated: now }).toEqual({ ...first, lastHeartbeatTime: later })
    expect(await readWorkers(t.db, pool)).toEqual([second])
  })

  test('keeps the interval that the worker said before, unless it says another', async () => {
    const pool = await t.make.pool()
    const beat = async (options: RecordWorkerHeartbeatOptions): Promise<number | null> =>
      (await recordWorkerHeartbeat(t.db, pool, 'w', options)).heartbeatIntervalSeconds
    expect(await beat({})).toBeNull()
    expect(await beat({ heartbeatIntervalSeconds: 30 })).toBe(30)
    expect(await beat({})).toBe(30)
    expect(await beat({ heartbeatIntervalSeconds: undefined })).toBe(30)
    expect(await beat({ heartbeatIntervalSeconds: 2 ** 31 - 1 })).toBe(2 ** 31 - 1)
    expect(await beat({ heartbeatIntervalSeconds: 0 })).toBe(0)
    expect((await readWorkers(t.db, pool)).map((worker) => worker.heartbeatIntervalSeconds)).toEqual([0])
  })

  test('brings an OFFLINE worker back ONLINE, and no other', async () => {
    const pool = await t.make.pool()
    const neighbour = await t.make.pool()
    for (const work_pool_id of [pool, neighbour]) {
      await t.make.worker({ work_pool_id, name: 'w', status: 'OFFLINE', last_heartbeat_time: addSeconds(now, -900) })
    }
    await t.make.worker({
      work_pool_id: pool,
      name: 'W',
      status: 'OFFLINE',
      last_heartbeat_time: addSeconds(now, -900),
    })
    const others = [...(await readWorkers(t.db, neighbour)), ...(await readWorkers(t.db, pool))].filter(
      ({ workPoolId, name }) => workPoolId === neighbour || name === 'W',
    )
    const worker = await recordWorkerHeartbeat(t.db, pool, 'w', { now })
    expect(worker).toMatchObject({ status: 'ONLINE', lastHeartbeatTime: now })
    expect(await readWorkers(t.db, pool, { status: 'ONLINE' })).toEqual([worker])
    expect(others).toHaveLength(2)
    expect([
      ...(await readWorkers(t.db, neighbour)),
      ...(await readWorkers(t.db, pool, { status: 'OFFLINE' })),
    ]).toEqual(others)
  })

  test.each(['process', 'prefect-agent'])(
    'turns a NOT_READY pool of type %s READY, once, and reports it',
    async (type) => {
      const pool = await t.make.pool({ type, created: now, updated: now })
      const before = await readWorkPool(t.db, pool)
      const reported: WorkPoolStatusChange[] = []
      const emitStatusChange = (change: WorkPoolStatusChange): unknown => reported.push(change)
      const later = addSeconds(now, 1)
      await recordWorkerHeartbeat(t.db, pool, 'w', { now: later, emitStatusChange })
      await recordWorkerHeartbeat(t.db, pool, 'w', { now: addSeconds(now, 2), emitStatusChange })
      await recordWorkerHeartbeat(t.db, pool, 'other', { now: addSeconds(now, 3), emitStatusChange })
      const after = await readWorkPool(t.db, pool)
      expect(reported).toEqual([{ eventId: after?.lastStatusEventId, occurred: later, before, after }])
      expect(after).toEqual({
        ...before,
        status: 'READY',
        lastTransitionedStatusAt: later,
        lastStatusEventId: expect.stringMatching(/^[0-9a-f]{8}-[0-9a-f]{4}-7/),
        updated: later,
      })
    },
  )

  test.each(['PAUSED', 'READY'])('leaves a pool that is %s as it is, and reports nothing', async (status) => {
    const pool = await t.make.pool({ status, is_paused: status === 'PAUSED' })
    const before = await readWorkPool(t.db, pool)
    const reported: WorkPoolStatusChange[] = []
    await recordWorkerHeartbeat(t.db, pool, 'w', { emitStatusChange: (change) => reported.push(change) })
    expect(await readWorkPool(t.db, pool)).toEqual(before)
    expect(reported).toEqual([])
  })

  test('reports after the commit, and waits for the report', async () => {
    const pool = await t.make.pool()
    const seen: unknown[] = []
    await recordWorkerHeartbeat(t.db, pool, 'w', {
      emitStatusChange: async () => {
        // On one connection this would hang if the transaction were still open.
        seen.push((await readWorkPool(t.db, pool))?.status, (await readWorkers(t.db, pool)).length)
      },
    })
    expect(seen).toEqual(['READY', 1])
  })

  test('inside a transaction it is a part of that, report and all', async () => {
    const pool = await t.make.pool()
    const rows = await allRows(t.database)
    const trx = await t.db.startTransaction().execute()
    const seen: unknown[] = []
    const emitStatusChange = async (): Promise<void> => void seen.push((await readWorkPool(trx, pool))?.status)
    await recordWorkerHeartbeat(trx, pool, 'w', { emitStatusChange })
    expect(seen).toEqual(['READY'])
    await trx.rollback().execute()
    expect(await allRows(t.database)).toEqual(rows)
  })

  test('a pool that does not exist is an error, and nothing is changed', async () => {
    await t.make.worker({ work_pool_id: await t.make.pool(), name: 'w' })
    const rows = await allRows(t.database)
    const id = testId(404)
    await expect(recordWorkerHeartbeat(t.db, id, 'w')).rejects.toMatchObject({ name: 'WorkPoolNotFoundError', id })
    await t.db.transaction().execute(async (trx) => {
      await expect(recordWorkerHeartbeat(trx, id, 'w')).rejects.toMatchObject({ name: 'WorkPoolNotFoundError', id })
      // The transaction goes on.
      expect(await readWorkers(trx, id)).toEqual([])
    })
    expect(await allRows(t.database)).toEqual(rows)
  })
})

describeOnDatabases(
  'fifty heartbeats at once',
  (t) => {
    /** Fifty heartbeats, from two servers where there can be two. Returns the workers and what was reported. */
    const fiftyHeartbeats = async (
      pool: string,
      nameOf: (n: number) => string,
    ): Promise<{ workers: Worker[]; reported: WorkPoolStatusChange[] }> => {
      // A second connection to a SQLite file would wait for the first on the same thread.
      const other = t.kind.dialect === 'postgres' ? t.database.connect() : t.db
      const reported: WorkPoolStatusChange[] = []
      const workers = await Promise.all(
        Array.from({ length: 50 }, (_, n) =>
          recordWorkerHeartbeat(n % 2 === 0 ? t.db : other, pool, nameOf(n), {
            now: addSeconds(now, n),
            emitStatusChange: (change) => reported.push(change),
          }),
        ),
      )
      return { workers, reported }
    }

    test('of fifty workers make fifty workers, and turn the pool READY once', async () => {
      const pool = await t.make.pool()
      const { workers, reported } = await fiftyHeartbeats(pool, (n) => `w${n}`)
      expect(await readWorkers(t.db, pool)).toEqual(workers.toReversed())
      expect(new Set(workers.map(({ id }) => id)).size).toBe(50)
      expect(reported.map(({ before, after }) => [before.status, after.status])).toEqual([['NOT_READY', 'READY']])
      expect(await readWorkPool(t.db, pool)).toEqual(reported[0]?.after)
    })

    test('of one worker make one worker, and turn the pool READY once', async () => {
      const pool = await t.make.pool()
      const { workers, reported } = await fiftyHeartbeats(pool, () => 'w')
      expect(new Set(workers.map(({ id }) => id)).size).toBe(1)
      expect(await readWorkers(t.db, pool)).toHaveLength(1)
      expect(reported).toHaveLength(1)
    })

    test('and the deletion of their pool end in workers or in errors of ours, and leave nothing behind', async () => {
      for (let round = 0; round < 5; round++) {
        const pool = await t.make.pool()
        const results = await Promise.allSettled([
          ...Array.from({ length: 20 }, (_, n) => recordWorkerHeartbeat(t.db, pool, `w${n % 5}`)),
          deleteWorkPool(t.db, pool),
          ...Array.from({ length: 20 }, (_, n) => recordWorkerHeartbeat(t.db, pool, `w${n % 5}`)),
        ])
        const errors = results.flatMap((result) => (result.status === 'rejected' ? [result.reason] : []))
        for (const error of errors) expect(error).toMatchObject({ name: 'WorkPoolNotFoundError', id: pool })
        expect(results[20]).toEqual({ status: 'fulfilled', value: true })
        expect(await readWorkers(t.db, pool)).toEqual([])
      }
    })
  },
  [postgres, sqliteFile],
)

describeOnDatabases(
  'heartbeats of a READY pool',
  (t) => {
    test('do not wait for each other', async () => {
      const pool = await t.make.pool({ status: 'READY' })
      const trx = await t.db.startTransaction().execute()
      await recordWorkerHeartbeat(trx, pool, 'one')
      // This would wait for the transaction, and the test with it.
      expect(await recordWorkerHeartbeat(t.database.connect(), pool, 'two')).toMatchObject({ name: 'two' })
      await trx.commit().execute()
      expect(await readWorkers(t.db, pool)).toHaveLength(2)
    })
  },
  [postgres],
)
