import {
  countWorkPools,
  createWorkPool,
  ensureWorkPoolExists,
  readWorkPool,
  readWorkPoolByName,
  readWorkPools,
  readWorkQueues,
} from 'kysely-work-queues'
import { expect, test } from 'vitest'
import { describeOnDatabases } from '../support/describe-databases.js'
import { allRows } from '../support/factory.js'

const now = new Date('2035-01-01T12:00:00.123Z')

describeOnDatabases('ensureWorkPoolExists', (t) => {
  test('creates the pool with its queue `default`, as createWorkPool does', async () => {
    const input = { name: 'kubernetes', type: 'kubernetes', concurrencyLimit: 50, baseJobTemplate: { a: [1] } }
    const { workPool, created } = await ensureWorkPoolExists(t.db, input, { now })
    expect(created).toBe(true)
    expect(workPool).toMatchObject({ ...input, created: now, updated: now, status: 'NOT_READY' })
    expect(await readWorkPool(t.db, workPool.id)).toEqual(workPool)
    expect(await readWorkQueues(t.db)).toMatchObject([
      { id: workPool.defaultQueueId, name: 'default', priority: 1, workPoolId: workPool.id },
    ])
    const plain = await createWorkPool(t.db, { ...input, name: 'other' }, { now })
    const { id, defaultQueueId } = workPool
    expect({ ...plain, id, defaultQueueId, name: 'kubernetes' }).toEqual(workPool)
  })

  test('returns the pool that is there as it is, and writes nothing', async () => {
    const pool = await createWorkPool(t.db, { name: 'etl', type: 'process', isPaused: true })
    const before = await allRows(t.database)
    t.database.statements.length = 0
    const input = { name: 'etl', type: 'docker', concurrencyLimit: 1 }
    expect(await ensureWorkPoolExists(t.db, input)).toEqual({ workPool: pool, created: false })
    expect(t.database.statements).toHaveLength(1)
    expect(t.database.statements[0]).toMatch(/^\s*select\b/)
    expect(await allRows(t.database)).toEqual(before)
  })

  test('can create the default agent pool', async () => {
    const { workPool } = await ensureWorkPoolExists(t.db, { name: 'default-agent-pool' })
    expect(workPool.type).toBe('prefect-agent')
    expect(await readWorkPoolByName(t.db, 'default-agent-pool')).toEqual(workPool)
  })

  test('runs in the caller’s transaction', async () => {
    const undone = t.db.transaction().execute(async (trx) => {
      const { workPool, created } = await ensureWorkPoolExists(trx, { name: 'etl' })
      expect(created).toBe(true)
      expect(await ensureWorkPoolExists(trx, { name: 'etl' })).toEqual({ workPool, created: false })
      throw new Error('rollback')
    })
    await expect(undone).rejects.toThrow('rollback')
    expect(await countWorkPools(t.db)).toBe(0)
  })

  test('many calls at once all get the same pool, and one of them created it', async () => {
    const ensured = await Promise.all(Array.from({ length: 20 }, () => ensureWorkPoolExists(t.db, { name: 'etl' })))
    expect(new Set(ensured.map(({ workPool }) => workPool.id)).size).toBe(1)
    expect(ensured.filter(({ created }) => created)).toHaveLength(1)
    expect(await readWorkPools(t.db)).toEqual([ensured[0]?.workPool])
    expect(await readWorkQueues(t.db)).toHaveLength(1)
  })
})
