import { CamelCasePlugin, type Kysely, sql } from 'kysely'
import {
  claimRunsInWorkQueue,
  claimScheduledFlowRuns,
  createFlowRuns,
  createWorkPool,
  createWorkQueue,
  markWorkPoolsNotReady,
  markWorkQueuesNotReady,
  readFlowRun,
  readWorkPool,
  readWorkPoolByName,
  readWorkPools,
  readWorkQueue,
  readWorkQueues,
  recordWorkerHeartbeat,
  recordWorkQueuePolls,
  setFlowRunState,
  updateWorkPool,
  updateWorkQueue,
  type WorkQueueTables,
} from 'kysely-work-queues'
import { makeFlowRun, makeWorkPool, makeWorkQueue, simulatePolling } from 'kysely-work-queues/testing'
import { expect, test } from 'vitest'
import { postgres, sqliteMemory, withEventLog } from '../../support/databases.js'
import { describeOnDatabases } from '../../support/describe-databases.js'
import { makeWorld, readingCalls, writingCalls } from '../../support/every-call.js'
import { standIn } from './stand-in.js'

// Calls that are made at once on one transaction, with `Promise.all`, run one after the other, in the order made.

type Db = Kysely<WorkQueueTables>
type Call = (db: Db) => Promise<unknown>

class Rollback extends Error {}

/** Runs in a transaction that is rolled back. */
const undone = async <T>(db: Db, run: (trx: Db) => Promise<T>): Promise<T[]> => {
  const results: T[] = []
  const attempt = db.transaction().execute(async (trx) => {
    results.push(await run(trx))
    throw new Rollback()
  })
  await expect(attempt).rejects.toBeInstanceOf(Rollback)
  return results
}

/** The views of a transaction that a host may have at hand: they are all the same transaction. */
const views: ((trx: Db) => Db)[] = [
  (trx) => trx,
  (trx) => standIn(() => trx),
  (trx) => trx.withPlugin(new CamelCasePlugin()),
]

const since = new Date('2021-01-01T00:00:00Z')

describeOnDatabases(
  'calls made at once on one transaction',
  (t) => {
    test('make their statements one call after the other, whatever they are and whatever view they are made on', async () => {
      await makeWorld(t.make)
      const calls: Call[] = []
      const reading = Object.values(readingCalls)
      // Each writing call is followed by a reading one. Those that delete come last.
      const writing = Object.entries(writingCalls).toSorted(
        ([a], [b]) => +a.startsWith('delete') - +b.startsWith('delete'),
      )
      for (const [index, [, call]] of writing.entries()) {
        calls.push((db) => call(db, () => {}), reading[index % reading.length] as Call)
      }
      calls.push(...reading.slice(writing.length))
      const settle = (call: Call, db: Db): Promise<string> =>
        call(db).then(
          () => 'done',
          (error: unknown) => (error instanceof Error ? error.name : 'no error'),
        )
      const recorded = async (run: (trx: Db) => Promise<string[]>) => {
        t.database.statements.length = 0
        const [answers = []] = await undone(t.db, run)
        return { answers, statements: [...t.database.statements] }
      }

      const inTurn = async (trx: Db): Promise<string[]> => {
        const answers: string[] = []
        for (const call of calls) answers.push(await settle(call, trx))
        return answers
      }
      // Once before, for what claims remember of the queues.
      await recorded(inTurn)
      const oneByOne = await recorded(inTurn)
      expect(oneByOne.answers.filter((answer) => answer === 'done').length).toBeGreaterThan(calls.length * 0.8)
      const atOnce = await recorded((trx) =>
        Promise.all(calls.map((call, index) => settle(call, views[index % views.length]?.(trx) ?? trx))),
      )
      expect(atOnce).toEqual(oneByOne)
    })

    test('on a controlled transaction, through its savepoints too, wait for each other and are all in it', async () => {
      const trx = await t.db.startTransaction().execute()
      const saved = await trx.savepoint('one').execute()
      const pool = await createWorkPool(trx, { name: 'p' })
      const queues = await Promise.all(
        [trx, saved, standIn(() => trx), trx.withPlugin(new CamelCasePlugin()), saved].map((db, index) =>
          createWorkQueue(db, { name: `q${index}`, workPoolId: pool.id }),
        ),
      )
      expect(queues.map(({ priority }) => priority)).toEqual([2, 3, 4, 5, 6])
      await trx.rollback().execute()
      expect(await readWorkPools(t.db)).toEqual([])
    })
  },
  [sqliteMemory, postgres].map(withEventLog),
)

describeOnDatabases('calls made at once on one transaction', (t) => {
  const dueRuns = async (queue: string, count: number): Promise<string[]> => {
    const runs = await createFlowRuns(
      t.db,
      Array.from({ length: count }, (_, n) => ({ workQueueId: queue, nextScheduledStartTime: new Date(n * 1000) })),
    )
    return runs.map(({ id }) => id)
  }
  const atOnce = <T>(calls: readonly ((trx: Db) => Promise<T>)[]): Promise<T[]> =>
    t.db.transaction().execute((trx) => Promise.all(calls.map((call) => call(trx))))

  test('give no run to two claims, take no slot twice, and count each start', async () => {
    const pool = await createWorkPool(t.db, { name: 'p' })
    const queue = await createWorkQueue(t.db, { name: 'q', workPoolId: pool.id, concurrencyLimit: 5 })
    const runs = await dueRuns(queue.id, 9)
    const byQueue = async (trx: Db): Promise<string[]> =>
      (await claimRunsInWorkQueue(trx, queue.id, { limit: 2 })).runs.map(({ id }) => id)
    const byPool = async (trx: Db): Promise<string[]> =>
      (await claimScheduledFlowRuns(trx, { limit: 1 })).map(({ flowRun }) => flowRun.id)
    expect(await atOnce([byQueue, byPool, byQueue, byPool])).toEqual([
      runs.slice(0, 2),
      runs.slice(2, 3),
      runs.slice(3, 5),
      [],
    ])
    await atOnce([1, 2, 3].map(() => (trx: Db) => setFlowRunState(trx, runs[0] ?? '', { type: 'RUNNING' })))
    expect(await readFlowRun(t.db, runs[0] ?? '')).toMatchObject({ runCount: 3 })
  })

  test('are not held up by one that is refused', async () => {
    const pool = await createWorkPool(t.db, { name: 'p' })
    const settled = await t.db
      .transaction()
      .execute((trx) =>
        Promise.allSettled(
          ['a', 'default', ' ', 'b'].map((name) => createWorkQueue(trx, { name, workPoolId: pool.id })),
        ),
      )
    expect(settled.map((one) => (one.status === 'fulfilled' ? one.value.priority : one.reason.name))).toEqual([
      2,
      'WorkQueueExistsError',
      'InvalidInputError',
      3,
    ])
    expect((await readWorkQueues(t.db)).map(({ name }) => name)).toEqual(['a', 'b', 'default'])
  })

  test('go well with statements of the host’s own', async () => {
    const pool = await createWorkPool(t.db, { name: 'p' })
    await t.db.transaction().execute(async (trx) => {
      const answers = await Promise.all([
        createWorkQueue(trx, { name: 'a', workPoolId: pool.id }),
        sql`select 1`.execute(trx),
        createWorkQueue(trx, { name: 'b', workPoolId: pool.id }),
        trx.selectFrom('work_queue').select('id').execute(),
      ])
      expect(answers[3]).toHaveLength(3)
    })
  })

  test('of the test kit make names of their own', async () => {
    const pools = await atOnce([makeWorkPool, makeWorkPool, makeWorkPool])
    expect(pools.map(({ name }) => name)).toEqual(['pool-1', 'pool-2', 'pool-3'])
    const queues = await atOnce([makeWorkQueue, makeWorkQueue])
    expect(queues.map(({ name }) => name)).toEqual(['queue-4', 'queue-6'])
    const runs = await atOnce([makeFlowRun, makeFlowRun])
    expect(runs.map(({ name }) => name)).toEqual(['run-1', 'run-2'])
  })

  test('wait for a simulation', async () => {
    await t.db.transaction().execute(async (session) => {
      const options = { session, by: 'poll' as const, runs: [{ queue: 'etl' }], pollers: [{ count: 2 }] }
      await createWorkQueue(session, { name: 'etl' })
      const [first, pool, second] = await Promise.all([
        simulatePolling(options),
        createWorkPool(session, { name: 'p' }),
        simulatePolling(options),
      ])
      expect([first.neverStarted, second.neverStarted]).toEqual([[], []])
      expect(await readWorkPool(session, pool.id)).toEqual(pool)
    })
  })

  const changes: Record<string, (trx: Db, emitStatusChange: () => Promise<void>) => Promise<unknown>> = {
    updateWorkQueue: async (trx, emitStatusChange) => {
      const queue = await createWorkQueue(trx, { name: 'new' })
      return await updateWorkQueue(trx, queue.id, { isPaused: true }, { emitStatusChange })
    },
    updateWorkPool: async (trx, emitStatusChange) => {
      const pool = await createWorkPool(trx, { name: 'new', type: 'process' })
      return await updateWorkPool(trx, pool.id, { isPaused: true }, { emitStatusChange })
    },
    recordWorkerHeartbeat: async (trx, emitStatusChange) => {
      const pool = await createWorkPool(trx, { name: 'new', type: 'process' })
      return await recordWorkerHeartbeat(trx, pool.id, 'worker', { emitStatusChange })
    },
    recordWorkQueuePolls: async (trx, emitStatusChange) => {
      const { id } = await createWorkQueue(trx, { name: 'new' })
      return await recordWorkQueuePolls(trx, { polledWorkQueueIds: [], readyWorkQueueIds: [id], emitStatusChange })
    },
    markWorkPoolsNotReady: (trx, emitStatusChange) => markWorkPoolsNotReady(trx, { emitStatusChange }),
    markWorkQueuesNotReady: (trx, emitStatusChange) =>
      markWorkQueuesNotReady(trx, { lastPolledBefore: since, emitStatusChange }),
  }

  test.each(Object.entries(changes))('a callback of %s may call on the same transaction', async (_, change) => {
    await makeWorld(t.make)
    let made = 0
    await t.db.transaction().execute(async (trx) => {
      const emitStatusChange = async (): Promise<void> => {
        const pool = await createWorkPool(trx, { name: `made-${++made}` })
        expect(await readWorkPoolByName(trx, pool.name)).toEqual(pool)
        await Promise.all([readWorkPools(trx), createWorkQueue(trx, { name: 'in it', workPoolId: pool.id })])
      }
      await Promise.all([change(trx, emitStatusChange), readWorkPools(trx), createWorkPool(trx, { name: 'meanwhile' })])
      expect(made).toBeGreaterThan(0)
    })
  })
})

describeOnDatabases(
  'calls on two transactions',
  (t) => {
    test('do not wait for each other, but for what the other has locked', async () => {
      const pool = await createWorkPool(t.db, { name: 'p' })
      const queue = await createWorkQueue(t.db, { name: 'q', workPoolId: pool.id })
      const one = await t.db.startTransaction().execute()
      const two = await t.db.startTransaction().execute()
      await updateWorkPool(one, pool.id, { description: 'one' })
      const waiting = updateWorkPool(two, pool.id, { description: 'two' })
      const behind = readWorkQueue(two, queue.id)
      // The other transaction goes on meanwhile.
      expect(await Promise.all([readWorkQueue(one, queue.id), readWorkPool(one, pool.id)])).toMatchObject([
        { name: 'q' },
        { description: 'one' },
      ])
      await one.commit().execute()
      expect(await Promise.all([waiting, behind])).toMatchObject([true, { name: 'q' }])
      await two.commit().execute()
      expect(await readWorkPool(t.db, pool.id)).toMatchObject({ description: 'two' })
    })
  },
  [postgres],
)
