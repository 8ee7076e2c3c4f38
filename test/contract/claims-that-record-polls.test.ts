import { addSeconds } from 'date-fns'
import { claimRunsInWorkQueue, claimScheduledFlowRuns, readWorkQueue, type WorkQueue } from 'kysely-work-queues'
import { expect, test } from 'vitest'
import { describeOnDatabases } from '../support/describe-databases.js'
import { allRows } from '../support/factory.js'

const now = new Date('2035-01-01T12:00:00.123Z')
const due = { next_scheduled_start_time: addSeconds(now, -60) }

describeOnDatabases('a claim that records polls', (t) => {
  const read = async (ids: readonly string[]): Promise<Pick<WorkQueue, 'status' | 'lastPolled'>[]> => {
    const queues: Pick<WorkQueue, 'status' | 'lastPolled'>[] = []
    for (const id of ids) {
      const { status, lastPolled } = (await readWorkQueue(t.db, id)) as WorkQueue
      queues.push({ status, lastPolled })
    }
    return queues
  }
  const polled = { status: 'READY', lastPolled: now }
  const never = { status: 'NOT_READY', lastPolled: null }
  const inTransactions = [
    ['outside a transaction', false],
    ['inside one', true],
  ] as const

  test.each(inTransactions)('of a queue, with runs, without, at its limit and paused, %s', async (_, isInside) => {
    const pool = await t.make.pool({ concurrency_limit: 1 })
    const work_pool_id = await t.make.pool()
    const queues = [
      await t.make.queue({ status: 'NOT_READY' }),
      await t.make.queue({ status: 'NOT_READY' }),
      await t.make.queue({ status: 'NOT_READY', work_pool_id, concurrency_limit: 1 }),
      await t.make.queue({ status: 'NOT_READY', work_pool_id: pool }),
      await t.make.queue({ status: 'PAUSED', is_paused: true }),
      await t.make.queue({ status: 'READY', last_polled: addSeconds(now, 5) }),
    ]
    const neighbour = await t.make.queue({ status: 'NOT_READY', work_pool_id })
    const [first = '', , limited = '', ofPool = ''] = queues
    await t.make.runs([first, limited, limited, ofPool].map((work_queue_id) => ({ work_queue_id, ...due })))
    await t.make.runs([limited, ofPool].map((work_queue_id) => ({ work_queue_id, state_type: 'RUNNING' })))
    for (const [n, id] of queues.entries()) {
      const claim = (db: typeof t.db) => claimRunsInWorkQueue(db, id, { recordPolls: true, now })
      const { workQueue, runs } = isInside ? await t.db.transaction().execute(claim) : await claim(t.db)
      expect(runs).toHaveLength(n === 0 ? 1 : 0)
      expect(workQueue).toEqual(await readWorkQueue(t.db, id))
    }
    expect(await read([...queues, neighbour])).toEqual([
      polled,
      polled,
      polled,
      polled,
      { status: 'PAUSED', lastPolled: now },
      { status: 'READY', lastPolled: addSeconds(now, 5) },
      never,
    ])
  })

  test.each(inTransactions)('of pools: of every queue that was asked for, and of no other, %s', async (_, isInside) => {
    const pools = [await t.make.pool(), await t.make.pool({ is_paused: true }), await t.make.pool()]
    const queues: string[] = []
    for (const work_pool_id of pools) {
      for (const concurrency_limit of [null, 1]) {
        queues.push(await t.make.queue({ status: 'NOT_READY', work_pool_id, concurrency_limit }))
      }
    }
    const [a = '', b = '', c = '', d = '', e = '', f = ''] = queues
    await t.make.runs([a, b, e].map((work_queue_id) => ({ work_queue_id, ...due })))
    const claim = async (options: Parameters<typeof claimScheduledFlowRuns>[1]): Promise<string[]> => {
      const call = (db: typeof t.db) => claimScheduledFlowRuns(db, { ...options, recordPolls: true, now })
      const claimed = isInside ? await t.db.transaction().execute(call) : await call(t.db)
      return claimed.map(({ workQueueId }) => workQueueId)
    }
    expect(await claim({ workPoolIds: [], workQueueIds: [a] })).toEqual([])
    expect(await read(queues)).toEqual([never, never, never, never, never, never])
    expect(await claim({ workPoolIds: pools.slice(0, 1), workQueueIds: [b, c] })).toEqual([b])
    expect(await read(queues)).toEqual([never, polled, never, never, never, never])
    expect(await claim({ workPoolIds: pools.slice(0, 2) })).toEqual([a])
    expect(await read(queues)).toEqual([polled, polled, polled, polled, never, never])
    expect(await claim({ workQueueIds: [f] })).toEqual([])
    expect(await read([d, e, f])).toEqual([polled, never, polled])
    expect(await claim({})).toEqual([e])
    expect(await read(queues)).toEqual([polled, polled, polled, polled, polled, polled])
  })

  test('is asked for: one that claims nothing and is not asked to writes nothing', async () => {
    const id = await t.make.queue()
    await t.make.runs([{ work_queue_id: id }, { work_queue_id: id }])
    const before = await allRows(t.database)
    expect((await claimRunsInWorkQueue(t.db, id, { limit: 0, recordPolls: false })).runs).toEqual([])
    expect(await allRows(t.database)).toEqual(before)
  })
})
