import type { Kysely } from 'kysely'
import {
  bulkUpdateWorkQueuePriorities,
  createFlowRuns,
  createWorkPool,
  createWorkQueue,
  deleteWorkPool,
  deleteWorkQueue,
  ensureWorkQueueExists,
  getRunsInWorkQueue,
  readWorkPoolByName,
  readWorkQueueByName,
  readWorkQueues,
  readWorkQueueStatus,
  recordWorkQueuePolls,
  setFlowRunState,
  updateWorkQueue,
  type WorkQueueTables,
} from 'kysely-work-queues'
import { expect, test } from 'vitest'
import { describeOnDatabases } from '../support/describe-databases.js'
import { allRows, testId } from '../support/factory.js'

type Session = Kysely<WorkQueueTables>

interface Ids {
  readonly pool: string
  readonly defaultQueue: string
  readonly queue: string
  readonly run: string
}

/** Every function that writes, each with a call that changes rows. */
const writes: Record<string, (session: Session, ids: Ids) => Promise<unknown>> = {
  createWorkQueue: (session) => createWorkQueue(session, { name: 'new', priority: 1 }),
  updateWorkQueue: (session, { queue }) =>
    updateWorkQueue(session, queue, { name: 'new', isPaused: true, priority: 1 }),
  deleteWorkQueue: (session, { queue }) => deleteWorkQueue(session, queue),
  ensureWorkQueueExists: (session) => ensureWorkQueueExists(session, 'new'),
  recordWorkQueuePolls: (session, { queue }) =>
    recordWorkQueuePolls(session, { polledWorkQueueIds: [queue], readyWorkQueueIds: [queue] }),
  bulkUpdateWorkQueuePriorities: (session, { pool, queue }) =>
    bulkUpdateWorkQueuePriorities(session, pool, { [queue]: 1 }),
  createWorkPool: (session) => createWorkPool(session, { name: 'new' }),
  deleteWorkPool: (session, { pool }) => deleteWorkPool(session, pool),
  createFlowRuns: (session, { queue }) => createFlowRuns(session, [{ workQueueId: queue }, {}]),
  setFlowRunState: (session, { run }) => setFlowRunState(session, run, { type: 'RUNNING' }),
}

/** Calls that end in an error of ours. */
const errors: Record<string, (session: Session, ids: Ids) => Promise<unknown>> = {
  'WorkQueueExistsError of createWorkQueue': (session, { pool }) =>
    createWorkQueue(session, { name: 'etl', workPoolId: pool, priority: 1 }),
  'WorkQueueExistsError of updateWorkQueue': (session, { queue }) =>
    updateWorkQueue(session, queue, { name: 'default', priority: 1 }),
  'WorkPoolExistsError of createWorkPool': (session) => createWorkPool(session, { name: 'default-agent-pool' }),
  'WorkPoolNotFoundError of createWorkQueue': (session) =>
    createWorkQueue(session, { name: 'new', workPoolId: testId(404) }),
  'DefaultWorkQueueError of deleteWorkQueue': (session, { defaultQueue }) => deleteWorkQueue(session, defaultQueue),
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
  const makeRows = async (): Promise<Ids> => {
    const pool = await t.make.pool({ name: 'default-agent-pool' })
    const queue = await t.make.queue({ name: 'etl', priority: 2, work_pool_id: pool, status: 'READY' })
    await t.make.queue({ name: 'other', priority: 3, work_pool_id: pool })
    await t.make.worker({ work_pool_id: pool })
    const run = await t.make.run({ work_queue_id: queue })
    return {
      pool,
      queue,
      run,
      defaultQueue: (await readWorkPoolByName(t.db, 'default-agent-pool'))?.defaultQueueId ?? '',
    }
  }
  const count = (word: string): number => t.database.statements.filter((statement) => statement.trim() === word).length

  test.each(Object.entries(writes))('%s is rolled back with the caller’s transaction', async (_, write) => {
    const ids = await makeRows()
    const before = await allRows(t.database)
    const rolledBack = t.db.transaction().execute(async (trx) => {
      await write(trx, ids)
      throw new Rollback()
    })
    await expect(rolledBack).rejects.toBeInstanceOf(Rollback)
    expect(await allRows(t.database)).toEqual(before)
  })

  test.each(Object.entries(writes))('%s neither nests a transaction nor ends the caller’s', async (_, write) => {
    const ids = await makeRows()
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
      const ids = await makeRows()
      const before = await allRows(t.database)
      t.database.statements.length = 0
      await write(t.db, ids)
      // One statement needs no transaction of its own.
      const transactions = name === 'recordWorkQueuePolls' ? 0 : 1
      expect([count('begin'), count('commit'), count('rollback')]).toEqual([transactions, transactions, 0])
      expect(await allRows(t.database)).not.toEqual(before)
    },
  )

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
    const { queue } = await makeRows()
    const reported: string[] = []
    await t.db.transaction().execute(async (trx) => {
      await updateWorkQueue(trx, queue, { isPaused: true }, { emitStatusChange: ({ status }) => reported.push(status) })
      expect(reported).toEqual(['PAUSED'])
      expect(count('commit')).toBe(0)
    })
    expect(reported).toEqual(['PAUSED'])
  })

  test.each(Object.entries(errors))('after a %s, the caller’s transaction goes on', async (title, fail) => {
    const ids = await makeRows()
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
