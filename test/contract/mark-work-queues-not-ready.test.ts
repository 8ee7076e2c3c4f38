import { addMilliseconds, addSeconds } from 'date-fns'
import {
  type EmitWorkQueueStatusChange,
  markWorkQueuesNotReady,
  readWorkQueue,
  recordWorkQueuePolls,
  type WorkQueue,
} from 'kysely-work-queues'
import { expect, test, vi } from 'vitest'
import { describeOnDatabases } from '../support/describe-databases.js'
import { allRows, testId } from '../support/factory.js'

const now = new Date('2035-01-01T12:00:00.123Z')
const ids = (queues: readonly WorkQueue[]): string[] => queues.map(({ id }) => id)

describeOnDatabases('markWorkQueuesNotReady', (t) => {
  const statusOf = async (id: string): Promise<string | undefined> => (await readWorkQueue(t.db, id))?.status

  test('queues last polled before the time are marked, and not those polled at that very time', async () => {
    const row = { status: 'READY' }
    const before = await t.make.queue({ ...row, last_polled: addMilliseconds(now, -1) })
    const exactly = await t.make.queue({ ...row, last_polled: now })
    const after = await t.make.queue({ ...row, last_polled: addMilliseconds(now, 1) })
    expect(ids(await markWorkQueuesNotReady(t.db, { lastPolledBefore: now }))).toEqual([before])
    expect([await statusOf(exactly), await statusOf(after)]).toEqual(['READY', 'READY'])
    const next = await markWorkQueuesNotReady(t.db, { lastPolledBefore: addMilliseconds(now, 1) })
    expect(ids(next)).toEqual([exactly])
  })

  test('only READY queues that were polled are marked', async () => {
    const last_polled = addSeconds(now, -61)
    const stale = await t.make.queue({ status: 'READY', last_polled })
    const others = [
      await t.make.queue({ status: 'READY', last_polled: null }),
      await t.make.queue({ status: 'PAUSED', is_paused: true, last_polled }),
      await t.make.queue({ status: 'NOT_READY', last_polled }),
    ]
    const kept: (WorkQueue | undefined)[] = []
    for (const id of others) kept.push(await readWorkQueue(t.db, id))
    expect(ids(await markWorkQueuesNotReady(t.db, { lastPolledBefore: now }))).toEqual([stale])
    for (const [n, id] of others.entries()) expect(await readWorkQueue(t.db, id)).toEqual(kept[n])
    expect(await markWorkQueuesNotReady(t.db, { lastPolledBefore: now })).toEqual([])
  })

  test('returns the queues as they now are, by id, and reports each', async () => {
    const work_pool_id = await t.make.pool()
    const made = [testId(3), testId(1), testId(2)]
    for (const id of made) {
      await t.make.queue({
        id,
        work_pool_id,
        status: 'READY',
        last_polled: addSeconds(now, -90),
        concurrency_limit: 2,
        filter: { tags: ['a'], deployment_ids: [testId(1)] },
      })
    }
    const before: (WorkQueue | undefined)[] = []
    for (const id of made.toSorted()) before.push(await readWorkQueue(t.db, id))
    const reported: WorkQueue[] = []
    const emitStatusChange: EmitWorkQueueStatusChange = (queue) => reported.push(queue)
    const marked = await markWorkQueuesNotReady(t.db, { lastPolledBefore: now, emitStatusChange, now })
    expect(marked).toEqual(before.map((queue) => ({ ...queue, status: 'NOT_READY', updated: now })))
    for (const queue of marked) expect(await readWorkQueue(t.db, queue.id)).toEqual(queue)
    expect(reported).toEqual(marked)
  })

  test('reports after the commit, and waits for each report', async () => {
    const row = { status: 'READY', last_polled: addSeconds(now, -90) }
    const first = await t.make.queue(row)
    const second = await t.make.queue(row)
    const seen: unknown[] = []
    await markWorkQueuesNotReady(t.db, {
      lastPolledBefore: now,
      // On one connection this would hang if the transaction were still open.
      emitStatusChange: async ({ id }) => seen.push([id, await statusOf(first), await statusOf(second)]),
    })
    expect(seen).toEqual([
      [first, 'NOT_READY', 'NOT_READY'],
      [second, 'NOT_READY', 'NOT_READY'],
    ])
  })

  test('a report that fails keeps no other from being made, and then is thrown', async () => {
    const row = { status: 'READY', last_polled: addSeconds(now, -90) }
    const [first, second, third] = [await t.make.queue(row), await t.make.queue(row), await t.make.queue(row)]
    const seen: string[] = []
    const failing = (...ids: string[]) =>
      markWorkQueuesNotReady(t.db, {
        lastPolledBefore: now,
        emitStatusChange: ({ id }) => {
          seen.push(id)
          if (ids.includes(id)) throw new Error(`no bus for ${id}`)
        },
      })
    await expect(failing(first)).rejects.toThrow(`no bus for ${first}`)
    expect(seen).toEqual([first, second, third])
    for (const id of seen) await t.make.set('work_queue', id, { status: 'READY' })
    await expect(failing(first, third)).rejects.toThrow(AggregateError)
    expect(seen).toHaveLength(6)
  })

  test('the next poll that is recorded turns the queue READY again', async () => {
    const id = await t.make.queue({ status: 'READY', last_polled: addSeconds(now, -90) })
    expect(ids(await markWorkQueuesNotReady(t.db, { lastPolledBefore: now }))).toEqual([id])
    await recordWorkQueuePolls(t.db, { polledWorkQueueIds: [id], readyWorkQueueIds: [id], now })
    expect(await statusOf(id)).toBe('READY')
    expect(await markWorkQueuesNotReady(t.db, { lastPolledBefore: now })).toEqual([])
  })

  test('a call that finds nothing changes nothing, and reports nothing', async () => {
    await t.make.queue({ status: 'READY', last_polled: now })
    const before = await allRows(t.database)
    const emitStatusChange = vi.fn<EmitWorkQueueStatusChange>()
    expect(await markWorkQueuesNotReady(t.db, { lastPolledBefore: now, emitStatusChange })).toEqual([])
    expect(emitStatusChange).not.toHaveBeenCalled()
    expect(await allRows(t.database)).toEqual(before)
  })

  test('inside a transaction it is a part of that', async () => {
    const id = await t.make.queue({ status: 'READY', last_polled: addSeconds(now, -90) })
    const before = await allRows(t.database)
    const trx = await t.db.startTransaction().execute()
    expect(ids(await markWorkQueuesNotReady(trx, { lastPolledBefore: now }))).toEqual([id])
    expect((await readWorkQueue(trx, id))?.status).toBe('NOT_READY')
    await trx.rollback().execute()
    expect(await allRows(t.database)).toEqual(before)
  })

  test('many calls at once, among polls that are recorded, mark and report each queue once', async () => {
    const stale: string[] = []
    for (let n = 0; n < 8; n++) stale.push(await t.make.queue({ status: 'READY', last_polled: addSeconds(now, -90) }))
    const polled = await t.make.queue({ status: 'READY', last_polled: now })
    const servers = t.kind.dialect === 'postgres' ? [t.db, t.database.connect()] : [t.db]
    const reported: string[] = []
    const calls = Array.from({ length: 6 }, (_, n) =>
      markWorkQueuesNotReady(servers[n % servers.length] ?? t.db, {
        lastPolledBefore: now,
        emitStatusChange: ({ id }) => reported.push(id),
      }),
    )
    const polls = Array.from({ length: 6 }, () =>
      recordWorkQueuePolls(t.db, { polledWorkQueueIds: [polled, ...stale], readyWorkQueueIds: [polled], now }),
    )
    const marked = (await Promise.all(calls)).flat()
    await Promise.all(polls)
    expect(reported.toSorted()).toEqual(ids(marked).toSorted())
    expect(new Set(reported).size).toBe(reported.length)
    // Those that were polled meanwhile are not stale any more.
    for (const id of stale) expect(await statusOf(id)).toBe(reported.includes(id) ? 'NOT_READY' : 'READY')
    expect(await statusOf(polled)).toBe('READY')
  })
})
