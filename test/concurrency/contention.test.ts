import { setTimeout } from 'node:timers/promises'
import {
  bulkUpdateWorkQueuePriorities,
  countFlowRuns,
  createFlowRuns,
  createWorkPool,
  createWorkQueue,
  deleteWorkPool,
  deleteWorkQueue,
  ensureWorkQueueExists,
  readFlowRuns,
  readWorkQueues,
  recordWorkQueuePolls,
  setFlowRunState,
  updateWorkQueue,
} from 'kysely-work-queues'
import { expect, test } from 'vitest'
import { postgres } from '../support/databases.js'
import { type Contract, describeOnDatabases } from '../support/describe-databases.js'
import { testId } from '../support/factory.js'

const times = (count: number): number[] => Array.from({ length: count }, (_, n) => n)

/** The names of the errors of our calls, and the messages of the database's. */
async function errorsOf(calls: readonly Promise<unknown>[]): Promise<string[]> {
  const results = await Promise.allSettled(calls)
  return results.flatMap((result) => {
    if (result.status === 'fulfilled') return []
    const error = result.reason as Error
    return [error.name === 'error' ? error.message : error.name]
  })
}

describeOnDatabases(
  'sessions that get in each other’s way',
  (t) => {
    const sessions = (): [Contract['db'], Contract['db']] => [t.db, t.database.connect()]

    test('all kinds of writes to one pool, in any order, neither deadlock nor leave equal priorities', async () => {
      const [one, two] = sessions()
      const workPoolId = await t.make.pool({ name: 'default-agent-pool' })
      const ids: string[] = []
      for (const n of times(8))
        ids.push(await t.make.queue({ name: `q${n}`, priority: n + 2, work_pool_id: workPoolId }))
      const id = (n: number): string => ids[n % ids.length] ?? ''
      const calls = times(80).map((n) => {
        const db = n % 2 === 0 ? one : two
        const order = n % 3 === 0 ? ids : ids.toReversed()
        const kinds = [
          () => updateWorkQueue(db, id(n), { priority: 1 + (n % 9), isPaused: n % 2 === 0 }),
          () => bulkUpdateWorkQueuePriorities(db, workPoolId, { [id(n)]: 1, [id(n + 1)]: 2, [id(n + 3)]: 5 }),
          () => recordWorkQueuePolls(db, { polledWorkQueueIds: order, readyWorkQueueIds: order.slice(2) }),
          () => createWorkQueue(db, { name: `new ${n}`, priority: 1 + (n % 4) }),
          () => ensureWorkQueueExists(db, `ensured ${n % 3}`),
          () => createFlowRuns(db, [{ workQueueId: id(n) }, { workQueueId: id(n + 5) }]),
          () => updateWorkQueue(db, id(n), { name: `renamed ${n}` }),
        ]
        return kinds[n % kinds.length]?.() ?? Promise.resolve()
      })
      expect(await errorsOf(calls)).toEqual([])
      const priorities = (await readWorkQueues(t.db)).map(({ priority }) => priority)
      expect(new Set(priorities).size).toBe(priorities.length)
      // Queues move down and never up, so that nobody may have priority 1 at the end.
      expect(Math.min(...priorities)).toBeGreaterThanOrEqual(1)
    })

    test('queues that are deleted and queues that get runs', async () => {
      const [one, two] = sessions()
      const work_pool_id = await t.make.pool()
      const ids: string[] = []
      for (const _ of times(10)) ids.push(await t.make.queue({ work_pool_id }))
      const errors = await errorsOf(
        ids.flatMap((workQueueId, n) => [
          createFlowRuns(one, [{ workQueueId }, { workQueueId: ids[(n + 1) % 10] }]),
          createFlowRuns(two, [{ workQueueId: ids[(n + 1) % 10] }, { workQueueId }]),
          deleteWorkQueue(n % 2 === 0 ? one : two, workQueueId),
          recordWorkQueuePolls(two, { polledWorkQueueIds: ids.toReversed(), readyWorkQueueIds: ids }),
        ]),
      )
      expect(errors.filter((name) => name !== 'WorkQueueNotFoundError')).toEqual([])
      expect(await countFlowRuns(t.db, { filter: { workQueueId: { any: ids } } })).toBe(0)
    })

    test('pools that are deleted and pools that get queues and runs', async () => {
      const [one, two] = sessions()
      const errors: string[] = []
      for (const round of times(5)) {
        const pool = await createWorkPool(t.db, { name: `pool ${round}` })
        const { id: workQueueId } = await createWorkQueue(t.db, { name: 'etl', workPoolId: pool.id })
        errors.push(
          ...(await errorsOf([
            ...times(4).map((n) => createWorkQueue(two, { name: `q${n}`, workPoolId: pool.id, priority: 1 })),
            createFlowRuns(one, [{ workQueueId }]),
            deleteWorkPool(one, pool.id),
            createFlowRuns(two, [{ workQueueId }]),
            deleteWorkQueue(two, workQueueId),
            updateWorkQueue(one, workQueueId, { name: 'renamed', priority: 1 }),
          ])),
        )
      }
      const expected = ['WorkPoolNotFoundError', 'WorkQueueNotFoundError']
      expect(errors.filter((name) => !expected.includes(name))).toEqual([])
      expect(await readWorkQueues(t.db)).toEqual([])
    })

    test('runs with the same idempotency keys, in any order', async () => {
      const [one, two] = sessions()
      const flowId = testId(1)
      const inputs = times(1200).map((n) => ({ flowId, idempotencyKey: `key ${n}` }))
      const calls = times(4).map((n) =>
        createFlowRuns(n % 2 === 0 ? one : two, n % 2 === 0 ? inputs : inputs.toReversed()),
      )
      expect(await errorsOf(calls)).toEqual([])
      const runs = await readFlowRuns(t.db)
      expect(runs).toHaveLength(inputs.length)
      const ids = new Map(runs.map(({ id, idempotencyKey }) => [idempotencyKey, id]))
      for (const [n, call] of calls.entries()) {
        const keys = (n % 2 === 0 ? inputs : inputs.toReversed()).map(({ idempotencyKey }) => idempotencyKey)
        expect((await call).map(({ id }) => id)).toEqual(keys.map((key) => ids.get(key)))
      }
    })

    test('states of the same runs, in any order', async () => {
      const [one, two] = sessions()
      const runs = await t.make.runs(times(5).map(() => ({})))
      const calls = times(40).map((n) =>
        setFlowRunState(n % 2 === 0 ? one : two, runs[n % 5] ?? '', { type: n % 3 === 0 ? 'RUNNING' : 'PENDING' }),
      )
      expect(await errorsOf(calls)).toEqual([])
    })

    test('a name that another transaction is about to take is waited for, and then refused or free', async () => {
      const [one, two] = sessions()
      for (const ending of ['commit', 'rollback'] as const) {
        const name = `etl ${ending}`
        const first = await one.startTransaction().execute()
        await createWorkQueue(first, { name })
        const second = two.transaction().execute(async (trx) => {
          const errors = await errorsOf([createWorkQueue(trx, { name })])
          await createWorkQueue(trx, { name: `after ${ending}` })
          return errors
        })
        await setTimeout(50)
        await first[ending]().execute()
        expect(await second).toEqual(ending === 'commit' ? ['WorkQueueExistsError'] : [])
      }
      const names = (await readWorkQueues(t.db)).map(({ name }) => name)
      expect(names).toEqual(['after commit', 'after rollback', 'default', 'etl commit', 'etl rollback'])
    })

    test('an id that another transaction is about to take is refused, and the transaction goes on', async () => {
      const [one, two] = sessions()
      const id = testId(1)
      const first = await one.startTransaction().execute()
      await createFlowRuns(first, [{ id }])
      const second = two.transaction().execute(async (trx) => {
        const errors = await errorsOf([createFlowRuns(trx, [{ id }])])
        await createFlowRuns(trx, [{ id: testId(2) }])
        return errors
      })
      await setTimeout(50)
      await first.commit().execute()
      expect(await second).toEqual(['InvalidInputError'])
      expect(await countFlowRuns(t.db)).toBe(2)
    })

    test.each(['repeatable read', 'serializable'] as const)(
      'under %s, a conflict is the database’s retryable error, and never an equal priority',
      async (isolation) => {
        const [one, two] = sessions()
        const workPoolId = await t.make.pool({ name: 'default-agent-pool' })
        const calls = times(20).map((n) =>
          (n % 2 === 0 ? one : two)
            .transaction()
            .setIsolationLevel(isolation)
            .execute(async (trx) => {
              await readWorkQueues(trx, { workPoolId })
              return await createWorkQueue(trx, { name: `q${n}` })
            }),
        )
        const results = await Promise.allSettled(calls)
        const codes = results.flatMap((result) =>
          result.status === 'rejected' ? [(result.reason as { code?: string }).code] : [],
        )
        expect(new Set(codes)).toEqual(new Set(codes.length === 0 ? [] : ['40001']))
        const priorities = (await readWorkQueues(t.db)).map(({ priority }) => priority)
        expect(priorities).toHaveLength(1 + results.length - codes.length)
        expect(new Set(priorities).size).toBe(priorities.length)
      },
    )
  },
  [postgres],
)
