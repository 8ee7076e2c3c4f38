import { deleteWorker, readWorkers } from 'kysely-work-queues'
import { expect, test } from 'vitest'
import { describeOnDatabases } from '../support/describe-databases.js'
import { allRows, testId } from '../support/factory.js'

describeOnDatabases('deleteWorker', (t) => {
  test('deletes the worker of this name in this pool, once, and no other', async () => {
    const pool = await t.make.pool({ status: 'READY' })
    const other = await t.make.pool()
    const worker = await t.make.worker({ work_pool_id: pool, name: 'w' })
    await t.make.worker({ work_pool_id: pool, name: 'W' })
    await t.make.worker({ work_pool_id: pool, name: 'w ' })
    await t.make.worker({ work_pool_id: other, name: 'w' })
    const before = await allRows(t.database)
    expect(await deleteWorker(t.db, pool.toUpperCase(), 'w')).toBe(true)
    const rows = (before['worker'] ?? []).filter((row) => (row as { id: string }).id !== worker)
    expect(rows).toHaveLength(3)
    expect(await allRows(t.database)).toEqual({ ...before, worker: rows })
    expect(await deleteWorker(t.db, pool, 'w')).toBe(false)
    expect(await allRows(t.database)).toEqual({ ...before, worker: rows })
  })

  test('is false for a worker, and for a pool, that does not exist', async () => {
    const pool = await t.make.pool()
    await t.make.worker({ work_pool_id: pool, name: 'w' })
    const before = await allRows(t.database)
    expect(await deleteWorker(t.db, pool, 'x')).toBe(false)
    expect(await deleteWorker(t.db, testId(404), 'w')).toBe(false)
    expect(await allRows(t.database)).toEqual(before)
  })

  test('of many calls at once, one deletes', async () => {
    const pool = await t.make.pool()
    await t.make.worker({ work_pool_id: pool, name: 'w' })
    const results = await Promise.all(Array.from({ length: 5 }, () => deleteWorker(t.db, pool, 'w')))
    expect(results.filter((deleted) => deleted)).toHaveLength(1)
  })

  test('inside a transaction it is a part of that', async () => {
    const pool = await t.make.pool()
    await t.make.worker({ work_pool_id: pool, name: 'w' })
    const before = await allRows(t.database)
    const trx = await t.db.startTransaction().execute()
    expect(await deleteWorker(trx, pool, 'w')).toBe(true)
    expect(await readWorkers(trx, pool)).toEqual([])
    await trx.rollback().execute()
    expect(await allRows(t.database)).toEqual(before)
  })
})
