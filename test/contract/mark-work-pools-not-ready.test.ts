import { addSeconds } from 'date-fns'
import {
  markWorkersOffline,
  markWorkPoolsNotReady,
  readWorkPool,
  recordWorkerHeartbeat,
  type WorkPool,
  type WorkPoolStatusChange,
} from 'kysely-work-queues'
import { expect, test } from 'vitest'
import { describeOnDatabases } from '../support/describe-databases.js'
import { allRows, testId } from '../support/factory.js'

const now = new Date('2035-01-01T12:00:00.123Z')
const ids = (pools: readonly WorkPool[]): string[] => pools.map(({ id }) => id)

describeOnDatabases('markWorkPoolsNotReady', (t) => {
  test('READY pools without a worker ONLINE are marked, and no others', async () => {
    const empty = await t.make.pool({ status: 'READY' })
    const left = await t.make.pool({ status: 'READY' })
    const served = await t.make.pool({ status: 'READY' })
    const paused = await t.make.pool({ status: 'PAUSED', is_paused: true })
    const notReady = await t.make.pool({ status: 'NOT_READY' })
    await t.make.worker({ work_pool_id: left, status: 'OFFLINE' })
    await t.make.worker({ work_pool_id: served, status: 'OFFLINE' })
    await t.make.worker({ work_pool_id: served, status: 'ONLINE' })
    await t.make.worker({ work_pool_id: served, status: 'ONLINE' })
    const kept = [
      await readWorkPool(t.db, served),
      await readWorkPool(t.db, paused),
      await readWorkPool(t.db, notReady),
    ]
    expect(ids(await markWorkPoolsNotReady(t.db, { now }))).toEqual([empty, left])
    expect([
      await readWorkPool(t.db, served),
      await readWorkPool(t.db, paused),
      await readWorkPool(t.db, notReady),
    ]).toEqual(kept)
    expect(await markWorkPoolsNotReady(t.db, { now })).toEqual([])
  })

  test('returns the pools as they now are, by id, and reports each with its own event', async () => {
    const made = [testId(3), testId(1), testId(2)]
    for (const id of made) {
      await t.make.pool({
        id,
        status: 'READY',
        description: id,
        base_job_template: { a_b: [1] },
        last_transitioned_status_at: addSeconds(now, -60),
        last_status_event_id: testId(9),
      })
    }
    const before: (WorkPool | undefined)[] = []
    for (const id of made.toSorted()) before.push(await readWorkPool(t.db, id))
    const reported: WorkPoolStatusChange[] = []
    const marked = await markWorkPoolsNotReady(t.db, { now, emitStatusChange: (change) => reported.push(change) })
    const events = new Set(marked.map(({ lastStatusEventId }) => lastStatusEventId))
    expect(events.size).toBe(3)
    expect(marked).toEqual(
      before.map((pool, n) => ({
        ...pool,
        status: 'NOT_READY',
        updated: now,
        lastTransitionedStatusAt: now,
        lastStatusEventId: marked[n]?.lastStatusEventId,
      })),
    )
    for (const pool of marked) expect(await readWorkPool(t.db, pool.id)).toEqual(pool)
    expect(reported).toEqual(
      marked.map((after, n) => ({ eventId: after.lastStatusEventId, occurred: now, before: before[n], after })),
    )
  })

  test('reports after the commit, and waits for each report', async () => {
    const first = await t.make.pool({ status: 'READY' })
    const second = await t.make.pool({ status: 'READY' })
    const seen: unknown[] = []
    await markWorkPoolsNotReady(t.db, {
      emitStatusChange: async ({ after }) => {
        // On one connection this would hang if the transaction were still open.
        seen.push([after.id, (await readWorkPool(t.db, first))?.status, (await readWorkPool(t.db, second))?.status])
      },
    })
    expect(seen).toEqual([
      [first, 'NOT_READY', 'NOT_READY'],
      [second, 'NOT_READY', 'NOT_READY'],
    ])
  })

  test('follows markWorkersOffline, and the next heartbeat turns the pool READY again', async () => {
    const pool = await t.make.pool()
    const statuses: string[] = []
    const options = { emitStatusChange: ({ after }: WorkPoolStatusChange): unknown => statuses.push(after.status) }
    await recordWorkerHeartbeat(t.db, pool, 'w', { ...options, now: addSeconds(now, -91) })
    expect(await markWorkPoolsNotReady(t.db, { ...options, now })).toEqual([])
    await markWorkersOffline(t.db, { now })
    expect(ids(await markWorkPoolsNotReady(t.db, { ...options, now }))).toEqual([pool])
    await recordWorkerHeartbeat(t.db, pool, 'w', { ...options, now })
    expect(statuses).toEqual(['READY', 'NOT_READY', 'READY'])
    expect(await markWorkPoolsNotReady(t.db, { ...options, now })).toEqual([])
  })

  test('a call that finds nothing changes nothing', async () => {
    await t.make.worker({ work_pool_id: await t.make.pool({ status: 'READY' }) })
    const before = await allRows(t.database)
    expect(await markWorkPoolsNotReady(t.db)).toEqual([])
    expect(await allRows(t.database)).toEqual(before)
  })

  test('inside a transaction it is a part of that', async () => {
    const pool = await t.make.pool({ status: 'READY' })
    const before = await allRows(t.database)
    const trx = await t.db.startTransaction().execute()
    const seen: unknown[] = []
    const emitStatusChange = async (): Promise<void> => void seen.push((await readWorkPool(trx, pool))?.status)
    await markWorkPoolsNotReady(trx, { emitStatusChange })
    expect(seen).toEqual(['NOT_READY'])
    await trx.rollback().execute()
    expect(await allRows(t.database)).toEqual(before)
  })

  test('many calls at once mark and report each pool once', async () => {
    const pools: string[] = []
    for (let n = 0; n < 8; n++) pools.push(await t.make.pool({ status: 'READY' }))
    const servers = t.kind.dialect === 'postgres' ? [t.db, t.database.connect()] : [t.db]
    const reported: string[] = []
    const marked = await Promise.all(
      Array.from({ length: 6 }, (_, n) =>
        markWorkPoolsNotReady(servers[n % servers.length] ?? t.db, {
          emitStatusChange: ({ after }) => reported.push(after.id),
        }),
      ),
    )
    expect(ids(marked.flat()).toSorted()).toEqual(pools)
    expect(reported.toSorted()).toEqual(pools)
  })
})
