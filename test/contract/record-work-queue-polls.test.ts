import { addSeconds } from 'date-fns'
import {
  type EmitWorkQueueStatusChange,
  readWorkQueue,
  recordWorkQueuePolls,
  type WorkQueue,
  type WorkQueueStatus,
} from 'kysely-work-queues'
import { expect, test } from 'vitest'
import { describeOnDatabases } from '../support/describe-databases.js'
import { allRows, testId } from '../support/factory.js'

const past = new Date('2035-01-01T11:00:00.000Z')
const now = new Date('2035-01-01T12:00:00.123Z')

describeOnDatabases('recordWorkQueuePolls', (t) => {
  const read = async (ids: readonly string[]): Promise<(WorkQueue | undefined)[]> => {
    const queues: (WorkQueue | undefined)[] = []
    for (const id of ids) queues.push(await readWorkQueue(t.db, id))
    return queues
  }
  const makeQueues = async (statuses: readonly WorkQueueStatus[]): Promise<string[]> => {
    const ids: string[] = []
    for (const status of statuses) {
      const is_paused = status === 'PAUSED'
      ids.push(await t.make.queue({ status, is_paused, last_polled: past, updated: past }))
    }
    return ids
  }

  test('sets the time of the last poll on all, and READY on the ready ones that are not paused', async () => {
    const ids = await makeQueues(['NOT_READY', 'NOT_READY', 'READY', 'PAUSED', 'PAUSED', 'NOT_READY'])
    const [ready, polled, stays, paused, pausedReady, neighbour] = ids
    const before = await read(ids)
    await recordWorkQueuePolls(t.db, {
      polledWorkQueueIds: [ready, polled, stays, paused, pausedReady].map(String),
      readyWorkQueueIds: [ready, pausedReady].map(String),
      now,
    })
    const statuses = new Map([[ready, 'READY']])
    expect(await read(ids)).toEqual(
      before.map((queue) =>
        queue?.id === neighbour
          ? queue
          : { ...queue, lastPolled: now, updated: now, status: statuses.get(queue?.id) ?? queue?.status },
      ),
    )
  })

  test('a paused queue does not become READY, whatever its status says', async () => {
    const id = await t.make.queue({ status: 'NOT_READY', is_paused: true })
    await recordWorkQueuePolls(t.db, { polledWorkQueueIds: [id], readyWorkQueueIds: [id], now })
    expect(await readWorkQueue(t.db, id)).toMatchObject({ status: 'NOT_READY', isPaused: true, lastPolled: now })
  })

  test('asks the clock when no time is given', async () => {
    const id = await t.make.queue()
    const before = Date.now()
    await recordWorkQueuePolls(t.db, { polledWorkQueueIds: [id], readyWorkQueueIds: [] })
    const polled = (await readWorkQueue(t.db, id))?.lastPolled?.getTime() ?? 0
    expect(polled).toBeGreaterThanOrEqual(before)
    expect(polled).toBeLessThanOrEqual(Date.now())
  })

  test('takes an id twice, in upper case, and ids of no queue', async () => {
    const id = 'abcdefab-cdef-4abc-8def-abcdefabcdef'
    await t.make.queue({ id, status: 'NOT_READY' })
    await recordWorkQueuePolls(t.db, {
      polledWorkQueueIds: [id.toUpperCase(), id, testId(404)],
      readyWorkQueueIds: [id.toUpperCase(), testId(405)],
      now,
    })
    expect(await readWorkQueue(t.db, id)).toMatchObject({ status: 'READY', lastPolled: now })
  })

  test('never sets an earlier time: a server whose clock is slow does not undo what another has recorded', async () => {
    const [a, b] = await makeQueues(['NOT_READY', 'NOT_READY'])
    for (const ids of [[a], [a, b]] as string[][]) {
      await recordWorkQueuePolls(t.db, { polledWorkQueueIds: ids, readyWorkQueueIds: [], now })
      await recordWorkQueuePolls(t.db, { polledWorkQueueIds: ids, readyWorkQueueIds: ids, now: addSeconds(now, -5) })
      for (const id of ids) {
        expect(await readWorkQueue(t.db, id)).toMatchObject({ status: 'READY', lastPolled: now })
      }
    }
  })

  test('no ids change nothing', async () => {
    await makeQueues(['READY', 'NOT_READY'])
    const before = await allRows(t.database)
    await recordWorkQueuePolls(t.db, { polledWorkQueueIds: [], readyWorkQueueIds: [], now })
    expect(await allRows(t.database)).toEqual(before)
  })

  test('is one statement for a thousand queues, and on PostgreSQL one more that locks them in order', async () => {
    const work_pool_id = await t.make.pool()
    const ids: string[] = []
    for (let n = 0; n < 20; n++) ids.push(await t.make.queue({ work_pool_id, last_polled: past }))
    const missing = Array.from({ length: 1000 }, (_, n) => testId(n, 7))
    t.database.statements.length = 0
    await recordWorkQueuePolls(t.db, { polledWorkQueueIds: [...missing, ...ids], readyWorkQueueIds: ids, now })
    expect(t.database.statements).toHaveLength(
      t.kind.dialect === 'sqlite' ? 1 : 'begin, lock, update, commit'.split(', ').length,
    )
    const times = (await read(ids)).map((queue) => queue?.lastPolled)
    expect(times).toEqual(ids.map(() => now))
  })

  test('many at once, of the same queues in any order, do not deadlock', async () => {
    const ids = await makeQueues(['READY', 'NOT_READY', 'READY', 'NOT_READY', 'READY'])
    const orders = Array.from({ length: 30 }, (_, n) => (n % 2 === 0 ? ids : ids.toReversed()))
    await Promise.all(
      orders.map((polledWorkQueueIds, n) =>
        recordWorkQueuePolls(t.db, {
          polledWorkQueueIds,
          readyWorkQueueIds: polledWorkQueueIds,
          now: addSeconds(now, n),
        }),
      ),
    )
    expect((await read(ids)).map((queue) => queue?.status)).toEqual(ids.map(() => 'READY'))
  })

  test('reports each queue that turned READY, by id, as it now is, and no other', async () => {
    const ids = await makeQueues(['READY', 'NOT_READY', 'PAUSED', 'NOT_READY', 'NOT_READY'])
    const [, first, paused, polled, second] = ids as [string, string, string, string, string]
    const unpaused = await t.make.queue({ status: 'PAUSED', is_paused: false })
    const reported: WorkQueue[] = []
    const emitStatusChange: EmitWorkQueueStatusChange = (queue) => reported.push(queue)
    const readyWorkQueueIds = [unpaused, second, first, paused, first, ids[0] ?? '', testId(404)]
    await recordWorkQueuePolls(t.db, { polledWorkQueueIds: [polled], readyWorkQueueIds, emitStatusChange, now })
    expect(reported).toEqual(await read([first, second, unpaused]))
    expect(reported).toMatchObject([first, second, unpaused].map((id) => ({ id, status: 'READY', lastPolled: now })))
    expect((await read([polled])).map((queue) => [queue?.status, queue?.lastPolled])).toEqual([['NOT_READY', now]])

    await recordWorkQueuePolls(t.db, { polledWorkQueueIds: ids, readyWorkQueueIds: ids, emitStatusChange, now })
    expect(reported.slice(3).map(({ id }) => id)).toEqual([polled])
  })

  test('of one queue, reports that it turned READY', async () => {
    const [id = ''] = await makeQueues(['NOT_READY'])
    const reported: string[] = []
    const polls = {
      polledWorkQueueIds: [id],
      readyWorkQueueIds: [id],
      emitStatusChange: (queue: WorkQueue) => reported.push(`${queue.id} ${queue.status}`),
    }
    await recordWorkQueuePolls(t.db, { ...polls, readyWorkQueueIds: [] })
    expect(reported).toEqual([])
    for (let n = 0; n < 2; n++) await recordWorkQueuePolls(t.db, polls)
    expect(reported).toEqual([`${id} READY`])
  })

  test('reports after the commit, awaits each report, and throws the error of one only when all are made', async () => {
    const [first = '', second = ''] = await makeQueues(['NOT_READY', 'NOT_READY'])
    const seen: unknown[] = []
    const failing = recordWorkQueuePolls(t.db, {
      polledWorkQueueIds: [],
      readyWorkQueueIds: [second, first],
      // On one connection this would hang if the transaction were still open.
      emitStatusChange: async ({ id }) => {
        seen.push([id, ...(await read([first, second])).map((queue) => queue?.status)])
        if (id === first) throw new Error('the bus is down')
      },
    })
    await expect(failing).rejects.toThrow('the bus is down')
    expect(seen).toEqual([
      [first, 'READY', 'READY'],
      [second, 'READY', 'READY'],
    ])
  })

  test('many at once report each queue once', async () => {
    const ids = await makeQueues(Array.from({ length: 6 }, () => 'NOT_READY' as const))
    const servers = t.kind.dialect === 'postgres' ? [t.db, t.database.connect()] : [t.db]
    const reported: string[] = []
    await Promise.all(
      Array.from({ length: 12 }, (_, n) =>
        recordWorkQueuePolls(servers[n % servers.length] ?? t.db, {
          polledWorkQueueIds: [],
          readyWorkQueueIds: n % 2 === 0 ? ids : ids.toReversed().slice(0, 1),
          emitStatusChange: ({ id }) => reported.push(id),
        }),
      ),
    )
    expect(reported.toSorted()).toEqual(ids)
  })
})
