import { addSeconds } from 'date-fns'
import type { Kysely } from 'kysely'
import {
  claimRunsInWorkQueue,
  claimScheduledFlowRuns,
  createFlowRuns,
  createWorkPool,
  createWorkQueue,
  readFlowRun,
  releaseStaleClaims,
  type WorkQueueTables,
} from 'kysely-work-queues'
import { expect, test } from 'vitest'
import { describeOnDatabases } from '../../support/describe-databases.js'
import { allRows, testId } from '../../support/factory.js'

const now = new Date('2035-01-01T12:00:00.123Z')

/** A statement that writes, locks or begins a transaction. */
const WRITES = /\b(begin|update|insert|delete|for key share)\b/i

describeOnDatabases('claims and transactions', (t) => {
  /** A limited pool with a limited queue, and three due runs in it. */
  const arrange = async (limit: number | null) => {
    const pool = await t.make.pool({ concurrency_limit: limit })
    const queue = await t.make.queue({ work_pool_id: pool, concurrency_limit: limit })
    const runs = await t.make.runs(
      [1, 2, 3].map((n) => ({ work_queue_id: queue, next_scheduled_start_time: addSeconds(now, n) })),
    )
    return { pool, queue, runs }
  }
  const byQueue = async (db: Kysely<WorkQueueTables>, queue: string, limit?: number): Promise<string[]> =>
    (await claimRunsInWorkQueue(db, queue, { limit, now, scheduledBefore: null })).runs.map((run) => run.id)
  const byPool = async (db: Kysely<WorkQueueTables>, limit?: number): Promise<string[]> =>
    (await claimScheduledFlowRuns(db, { limit, now, scheduledBefore: null })).map(({ flowRun }) => flowRun.id)

  test.each([null, 2])(
    'an idle claim outside a transaction goes on only to read, with a limit of %s',
    async (limit) => {
      const { queue } = await arrange(limit)
      await byQueue(t.db, queue)
      expect([await byQueue(t.db, queue), await byPool(t.db)]).toEqual([[], []])
      const before = await allRows(t.database)
      t.database.statements.length = 0
      expect([await byQueue(t.db, queue), await byPool(t.db)]).toEqual([[], []])
      expect([await byQueue(t.db, queue, 0), await byPool(t.db, 0)]).toEqual([[], []])
      expect(t.database.statements).toHaveLength(4)
      // The statement of a claim over pools without limits could write. Idle, it writes nothing: test/plans/idle-poll.test.ts asks the log.
      const looks = t.database.statements.filter((statement) => !statement.includes('gates as materialized'))
      expect(looks).toHaveLength(limit === null && t.kind.dialect === 'postgres' ? 2 : 4)
      for (const statement of looks) expect(statement).not.toMatch(WRITES)
      expect(await allRows(t.database)).toEqual(before)
    },
  )

  test('a claim by queue of a pool that stays full goes on only to read too', async () => {
    const { pool, queue } = await arrange(9)
    await t.make.set('work_pool', pool, { concurrency_limit: 0 })
    expect(await byQueue(t.db, queue)).toEqual([])
    t.database.statements.length = 0
    expect(await byQueue(t.db, queue)).toEqual([])
    for (const statement of t.database.statements) expect(statement).not.toMatch(WRITES)
  })

  test('inside the caller’s transaction a claim does neither begin nor commit', async () => {
    const { queue, runs } = await arrange(2)
    await t.db.transaction().execute(async (trx) => {
      t.database.statements.length = 0
      expect(await byQueue(trx, queue)).toEqual(runs.slice(0, 2))
      expect(await byPool(trx)).toEqual([])
      expect(await releaseStaleClaims(trx, { pendingBefore: now })).toEqual([])
      expect(await releaseStaleClaims(trx, { pendingBefore: addSeconds(now, 1), now })).toHaveLength(2)
      expect(await byPool(trx)).toEqual(runs.slice(0, 2))
      for (const statement of t.database.statements) expect(statement).not.toMatch(/^\s*(begin|commit|rollback)/i)
    })
    for (const run of runs.slice(0, 2)) expect(await readFlowRun(t.db, run)).toMatchObject({ stateType: 'PENDING' })
  })

  test('claims and releases are undone with the caller’s transaction', async () => {
    const { queue, runs } = await arrange(3)
    expect(await byQueue(t.db, queue, 1)).toEqual(runs.slice(0, 1))
    const before = await allRows(t.database)
    const attempt = t.db.transaction().execute(async (trx) => {
      expect(await byQueue(trx, queue, 1)).toEqual(runs.slice(1, 2))
      expect(await byPool(trx)).toEqual(runs.slice(2))
      expect(await releaseStaleClaims(trx, { pendingBefore: addSeconds(now, 9), now })).toHaveLength(3)
      throw new Error('undo')
    })
    await expect(attempt).rejects.toThrow('undo')
    expect(await allRows(t.database)).toEqual(before)
    expect(await byPool(t.db)).toEqual(runs.slice(1))
  })

  test('an error of ours leaves the caller’s transaction usable', async () => {
    const { queue, runs } = await arrange(null)
    await t.db.transaction().execute(async (trx) => {
      await expect(claimRunsInWorkQueue(trx, testId(404), { scheduledBefore: null })).rejects.toMatchObject({
        name: 'WorkQueueNotFoundError',
      })
      await expect(claimRunsInWorkQueue(trx, 'none', { scheduledBefore: null })).rejects.toMatchObject({
        name: 'InvalidInputError',
      })
      expect(await byQueue(trx, queue)).toEqual(runs)
    })
    expect(await readFlowRun(t.db, runs[0] ?? '')).toMatchObject({ stateType: 'PENDING' })
  })

  test('what the caller’s transaction has just created can be claimed in it', async () => {
    const claimed = await t.db.transaction().execute(async (trx) => {
      const pool = await createWorkPool(trx, { name: 'new', concurrencyLimit: 2 })
      const queue = await createWorkQueue(trx, { name: 'etl', workPoolId: pool.id, concurrencyLimit: 1 })
      const runs = await createFlowRuns(trx, [{ workQueueId: queue.id }, { workQueueId: pool.defaultQueueId }])
      expect(await byPool(trx)).toEqual([runs[1]?.id, runs[0]?.id])
      return runs
    })
    for (const { id } of claimed) expect(await readFlowRun(t.db, id)).toMatchObject({ stateType: 'PENDING' })
  })

  test('a controlled transaction with a savepoint undoes the claim alone', async () => {
    const { queue, runs } = await arrange(1)
    const trx = await t.db.startTransaction().execute()
    const saved = await trx.savepoint('before').execute()
    expect(await byQueue(saved, queue)).toEqual(runs.slice(0, 1))
    const back = await saved.rollbackToSavepoint('before').execute()
    expect(await byQueue(back, queue)).toEqual(runs.slice(0, 1))
    await back.commit().execute()
    expect((await allRows(t.database))['flow_run_state']).toHaveLength(1)
  })
})
