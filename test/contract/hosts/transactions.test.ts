import {
  createFlowRuns,
  createWorkPool,
  createWorkQueue,
  deleteWorkQueue,
  ensureWorkQueueExists,
  getRunsInWorkQueue,
  readWorkPool,
  readWorkQueueByName,
  readWorkQueues,
  readWorkQueueStatus,
  setFlowRunState,
  updateWorkQueue,
} from 'kysely-work-queues'
import { expect, test } from 'vitest'
import { postgres, sqliteFile, sqliteMemory } from '../../support/databases.js'
import { describeOnDatabases } from '../../support/describe-databases.js'
import { allRows, testId } from '../../support/factory.js'
import { type Call, makeRows, writes } from './calls.js'

/** Calls that end in an error of ours. */
const errors: Record<string, Call> = {
  'WorkQueueExistsError of createWorkQueue': (session, { pool }) =>
    createWorkQueue(session, { name: 'etl', workPoolId: pool, priority: 1 }),
  'WorkQueueExistsError of updateWorkQueue': (session, { queue }) =>
    updateWorkQueue(session, queue, { name: 'default', priority: 1 }),
  'WorkPoolExistsError of createWorkPool': (session) => createWorkPool(session, { name: 'default-agent-pool' }),
  'WorkPoolNotFoundError of createWorkQueue': (session) =>
    createWorkQueue(session, { name: 'new', workPoolId: testId(404) }),
  'DefaultWorkQueueError of deleteWorkQueue': async (session, { pool }) =>
    await deleteWorkQueue(session, (await readWorkPool(session, pool))?.defaultQueueId ?? ''),
  'WorkQueueNotFoundError of getRunsInWorkQueue': (session) => getRunsInWorkQueue(session, testId(404)),
  'WorkQueueNotFoundError of readWorkQueueStatus': (session) => readWorkQueueStatus(session, testId(404)),
  'WorkQueueNotFoundError of createFlowRuns': (session, { queue }) =>
    createFlowRuns(session, [{ workQueueId: queue }, { workQueueId: testId(404) }]),
  'FlowRunNotFoundError of setFlowRunState': (session) => setFlowRunState(session, testId(404), { type: 'PENDING' }),
  'InvalidInputError of createFlowRuns, for an id that is taken': (session, { run }) =>
    createFlowRuns(session, [{}, { id: run }]),
  'InvalidInputError of createWorkQueue, for a move past the largest priority': async (session) => {
    await createWorkQueue(session, { name: 'last', priority: 2 ** 31 - 1 })
    await createWorkQueue(session, { name: 'new', priority: 2 ** 31 - 1 })
  },
}

class Rollback extends Error {}

describeOnDatabases('transactions', (t) => {
  const count = (word: string): number => t.database.statements.filter((statement) => statement.trim() === word).length

  test.each(Object.entries(writes))('%s is rolled back with the caller’s transaction', async (_, write) => {
    const ids = await makeRows(t.make)
    const before = await allRows(t.database)
    const rolledBack = t.db.transaction().execute(async (trx) => {
      await write(trx, ids)
      throw new Rollback()
    })
    await expect(rolledBack).rejects.toBeInstanceOf(Rollback)
    expect(await allRows(t.database)).toEqual(before)
  })

  test('a controlled transaction is one, with its savepoints', async () => {
    const trx = await t.db.startTransaction().execute()
    await createWorkQueue(trx, { name: 'kept' })
    const saved = await trx.savepoint('one').execute()
    await createWorkQueue(saved, { name: 'undone' })
    await ensureWorkQueueExists(saved, 'undone too')
    const back = await saved.rollbackToSavepoint('one').execute()
    await createWorkQueue(back, { name: 'kept too' })
    await trx.commit().execute()
    expect((await readWorkQueues(t.db)).map(({ name }) => name)).toEqual(['default', 'kept', 'kept too'])

    const other = await t.db.startTransaction().execute()
    await createWorkQueue(other, { name: 'rolled back' })
    await other.rollback().execute()
    expect(await readWorkQueueByName(t.db, 'rolled back')).toBeUndefined()
  })

  test('functions see what the caller’s transaction did before', async () => {
    await t.db.transaction().execute(async (trx) => {
      const queue = await createWorkQueue(trx, { name: 'etl', concurrencyLimit: 1 })
      const [run] = await createFlowRuns(trx, [{ workQueueId: queue.id }, { workQueueId: queue.id }])
      expect((await getRunsInWorkQueue(trx, queue.id)).runs).toEqual([run])
      const running = await setFlowRunState(trx, run?.id ?? '', { type: 'RUNNING' })
      expect(running.runCount).toBe(1)
      expect((await getRunsInWorkQueue(trx, queue.id)).runs).toEqual([])
      expect(await ensureWorkQueueExists(trx, 'etl')).toEqual(queue)
    })
  })

  test('a status change is reported before the caller’s transaction ends', async () => {
    const { queue } = await makeRows(t.make)
    const reported: string[] = []
    await t.db.transaction().execute(async (trx) => {
      await updateWorkQueue(trx, queue, { isPaused: true }, { emitStatusChange: ({ status }) => reported.push(status) })
      expect(reported).toEqual(['PAUSED'])
      expect(count('commit')).toBe(0)
    })
    expect(reported).toEqual(['PAUSED'])
  })

  test.each(Object.entries(errors))('after a %s, the caller’s transaction goes on', async (title, fail) => {
    const ids = await makeRows(t.make)
    const before = await readWorkQueues(t.db)
    await t.db.transaction().execute(async (trx) => {
      await expect(fail(trx, ids)).rejects.toMatchObject({ name: title.split(' ')[0] })
      await createWorkQueue(trx, { name: 'after', priority: 1000 })
    })
    const kept = (await readWorkQueues(t.db)).filter(({ name }) => name !== 'after' && name !== 'last')
    expect(kept).toEqual(before)
    expect(await readWorkQueueByName(t.db, 'after')).toBeDefined()
  })
})

// Which transactions are opened does not depend on what the host has set, so some kinds of database will do.
describeOnDatabases(
  'the transactions of',
  (t) => {
    const count = (word: string): number =>
      t.database.statements.filter((statement) => statement.trim() === word).length

    test.each(Object.entries(writes))('%s neither nests a transaction nor ends the caller’s', async (_, write) => {
      const ids = await makeRows(t.make)
      const before = await allRows(t.database)
      t.database.statements.length = 0
      await t.db.transaction().execute(async (trx) => {
        await write(trx, ids)
        expect(count('commit') + count('rollback')).toBe(0)
        expect(count('begin')).toBe(1)
      })
      expect(count('commit')).toBe(1)
      expect(await allRows(t.database)).not.toEqual(before)
    })

    test.each(Object.entries(writes))(
      '%s outside a transaction commits what it did, all at once',
      async (name, write) => {
        const ids = await makeRows(t.make)
        const before = await allRows(t.database)
        t.database.statements.length = 0
        await write(t.db, ids)
        // One statement needs no transaction of its own.
        const isPostgres = t.kind.dialect === 'postgres'
        const isAlone = name === 'recordWorkQueuePolls' || (isPostgres && name.startsWith('setFlowRunState'))
        const transactions = isAlone ? 0 : 1
        expect([count('begin'), count('commit'), count('rollback')]).toEqual([transactions, transactions, 0])
        expect(await allRows(t.database)).not.toEqual(before)
      },
    )
  },
  [sqliteMemory, sqliteFile, postgres],
)
