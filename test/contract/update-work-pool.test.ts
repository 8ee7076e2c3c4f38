import { addSeconds } from 'date-fns'
import {
  createWorkPool,
  readWorkPool,
  updateWorkPool,
  type WorkPool,
  type WorkPoolStatus,
  type WorkPoolStatusChange,
  type WorkPoolUpdate,
} from 'kysely-work-queues'
import { expect, test } from 'vitest'
import { describeOnDatabases } from '../support/describe-databases.js'
import { allRows, type Row, testId } from '../support/factory.js'

const now = new Date('2035-01-01T12:00:00.123Z')
const before = addSeconds(now, -100)
const json = { snake_case: [{ camelCase: 'é 😀 \\ " \n', 'a key': null }], 'a key': {} }

describeOnDatabases('updateWorkPool', (t) => {
  const read = async (id: string): Promise<WorkPool> => {
    const pool = await readWorkPool(t.db, id)
    if (pool === undefined) throw new Error('no such pool')
    return pool
  }
  /** Updates a pool, and tells what was reported. */
  const update = async (id: string, patch: WorkPoolUpdate): Promise<WorkPoolStatusChange[]> => {
    const reported: WorkPoolStatusChange[] = []
    const emitStatusChange = (change: WorkPoolStatusChange): unknown => reported.push(change)
    expect(await updateWorkPool(t.db, id, patch, { now, emitStatusChange })).toBe(true)
    return reported
  }
  const statuses = (changes: readonly WorkPoolStatusChange[]): [WorkPoolStatus, WorkPoolStatus][] =>
    changes.map((change) => [change.before.status, change.after.status])

  test('writes the values that are given, and nothing else', async () => {
    const { id } = await createWorkPool(t.db, {
      name: 'pool',
      type: 'process',
      description: 'old',
      concurrencyLimit: 1,
      baseJobTemplate: { old: true },
    })
    const other = await t.make.pool()
    const patches: WorkPoolUpdate[] = [
      { description: 'new' },
      { concurrencyLimit: 0 },
      { baseJobTemplate: json },
      { storageConfiguration: { bundle_upload_step: json, bundle_execution_step: null } },
      { description: '', concurrencyLimit: 7, baseJobTemplate: {}, storageConfiguration: {} },
    ]
    const others = await read(other)
    for (const patch of patches) {
      const pool = await read(id)
      expect(await update(id.toUpperCase(), patch)).toEqual([])
      expect(await read(id)).toEqual({ ...pool, ...patch, updated: now })
    }
    expect(await read(other)).toEqual(others)
  })

  test('null clears, and undefined counts as absent', async () => {
    const { id } = await createWorkPool(t.db, { name: 'pool', description: 'old', concurrencyLimit: 1 })
    const pool = await read(id)
    const nothing = { description: undefined, concurrencyLimit: undefined, isPaused: undefined, status: undefined }
    await update(id, { ...nothing, baseJobTemplate: undefined, storageConfiguration: undefined })
    expect(await read(id)).toEqual({ ...pool, updated: now })
    await update(id, { description: null, concurrencyLimit: null })
    expect(await read(id)).toEqual({ ...pool, updated: now, description: null, concurrencyLimit: null })
  })

  test('an empty patch sets the time of the update, and is reported to nobody', async () => {
    const id = await t.make.pool({ status: 'PAUSED', is_paused: true })
    const pool = await read(id)
    expect(await update(id, {})).toEqual([])
    expect(await read(id)).toEqual({ ...pool, updated: now })
  })

  test('a missing pool is an error, and nothing is changed', async () => {
    await t.make.pool()
    const rows = await allRows(t.database)
    const id = testId(404)
    await expect(updateWorkPool(t.db, id, { isPaused: true })).rejects.toMatchObject({
      name: 'WorkPoolNotFoundError',
      code: 'WORK_POOL_NOT_FOUND',
      id,
    })
    expect(await allRows(t.database)).toEqual(rows)
  })

  test.each(['READY', 'NOT_READY', 'PAUSED'] as const)('pausing a pool that is %s writes PAUSED', async (status) => {
    const id = await t.make.pool({ status, is_paused: status === 'PAUSED' })
    await t.make.worker({ work_pool_id: id })
    expect(statuses(await update(id, { isPaused: true }))).toEqual([[status, 'PAUSED']])
    expect(await read(id)).toMatchObject({ status: 'PAUSED', isPaused: true, lastTransitionedStatusAt: now })
  })

  test.each(['READY', 'NOT_READY', 'PAUSED'] as const)(
    'resuming a pool that is %s writes READY only when it has a worker ONLINE',
    async (status) => {
      const row: Row = { status, is_paused: status === 'PAUSED' }
      const served = await t.make.pool(row)
      const left = await t.make.pool(row)
      const empty = await t.make.pool(row)
      await t.make.worker({ work_pool_id: served, status: 'OFFLINE' })
      await t.make.worker({ work_pool_id: served, status: 'ONLINE' })
      await t.make.worker({ work_pool_id: left, status: 'OFFLINE' })
      for (const [id, expected] of [
        [served, 'READY'],
        [left, 'NOT_READY'],
        [empty, 'NOT_READY'],
      ] as const) {
        expect(statuses(await update(id, { isPaused: false }))).toEqual([[status, expected]])
        expect(await read(id)).toMatchObject({ status: expected, isPaused: false, lastTransitionedStatusAt: now })
      }
    },
  )

  test('pausing and resuming leave the status of a pool of type `prefect-agent` alone', async () => {
    const row: Row = { type: 'prefect-agent', status: 'READY', last_transitioned_status_at: before }
    const id = await t.make.pool(row)
    await t.make.worker({ work_pool_id: id, status: 'OFFLINE' })
    for (const isPaused of [true, false]) {
      const pool = await read(id)
      expect(await update(id, { isPaused })).toEqual([])
      expect(await read(id)).toEqual({ ...pool, isPaused, updated: now })
    }
  })

  test('a status that is given is written and reported, and what `isPaused` sets comes before it', async () => {
    const id = await t.make.pool({ status: 'NOT_READY' })
    expect(statuses(await update(id, { status: 'READY' }))).toEqual([['NOT_READY', 'READY']])
    expect(await read(id)).toMatchObject({ status: 'READY', isPaused: false })
    expect(statuses(await update(id, { status: 'READY', isPaused: true }))).toEqual([['READY', 'PAUSED']])
    expect(await read(id)).toMatchObject({ status: 'PAUSED', isPaused: true })
  })

  test('a change of the status is reported with its event, and the pool before and after', async () => {
    const id = await t.make.pool({
      created: before,
      updated: before,
      status: 'READY',
      last_transitioned_status_at: before,
      last_status_event_id: testId(1),
    })
    const pool = await read(id)
    const [change] = await update(id, { isPaused: true, description: 'new', concurrencyLimit: 3 })
    expect(change).toEqual({ eventId: expect.any(String), occurred: now, before: pool, after: await read(id) })
    expect(change?.eventId).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-/)
    expect(change?.after).toEqual({
      ...pool,
      description: 'new',
      concurrencyLimit: 3,
      isPaused: true,
      status: 'PAUSED',
      lastTransitionedStatusAt: now,
      lastStatusEventId: change?.eventId,
      updated: now,
    })
    const [again] = await update(id, { isPaused: true })
    expect(again?.before).toEqual(change?.after)
    expect(again?.eventId).not.toBe(change?.eventId)
  })

  test('an update without a change of the status keeps when and by which event it last changed', async () => {
    const id = await t.make.pool({ last_transitioned_status_at: before, last_status_event_id: testId(1) })
    expect(await update(id, { description: 'new', concurrencyLimit: 1 })).toEqual([])
    expect(await read(id)).toMatchObject({ lastTransitionedStatusAt: before, lastStatusEventId: testId(1) })
  })

  test('the report comes after the commit, and is awaited', async () => {
    const id = await t.make.pool({ status: 'READY' })
    const seen: string[] = []
    await updateWorkPool(
      t.db,
      id,
      { isPaused: true },
      {
        emitStatusChange: async () => {
          // On one connection this would hang if the transaction were still open.
          seen.push((await read(id)).status)
          await updateWorkPool(t.db, id, { description: 'written while reporting' })
          seen.push('awaited')
        },
      },
    )
    expect(seen).toEqual(['PAUSED', 'awaited'])
    expect((await read(id)).description).toBe('written while reporting')
  })

  test('inside a transaction the report comes before its end, and a rollback takes the update back', async () => {
    const id = await t.make.pool({ status: 'READY' })
    const pool = await read(id)
    const trx = await t.db.startTransaction().execute()
    const seen: unknown[] = []
    const emitStatusChange = async (): Promise<void> => void seen.push(await readWorkPool(trx, id))
    await updateWorkPool(trx, id, { isPaused: true }, { now, emitStatusChange })
    expect(seen).toMatchObject([{ status: 'PAUSED' }])
    await trx.rollback().execute()
    expect(await read(id)).toEqual(pool)
  })

  test('the update stays when the report fails, and the failure is the caller’s to see', async () => {
    const id = await t.make.pool({ status: 'READY' })
    const emitStatusChange = (): Promise<never> => Promise.reject(new Error('the bus is down'))
    await expect(updateWorkPool(t.db, id, { isPaused: true }, { emitStatusChange })).rejects.toThrow('the bus is down')
    expect(await read(id)).toMatchObject({ isPaused: true, status: 'PAUSED' })
  })

  test('many updates at once lose nothing, and each report follows from the one before', async () => {
    const id = await t.make.pool({ status: 'READY' })
    const reported: WorkPoolStatusChange[] = []
    const options = { emitStatusChange: (change: WorkPoolStatusChange): unknown => reported.push(change) }
    await Promise.all([
      ...[true, false, true, false].map((isPaused) => updateWorkPool(t.db, id, { isPaused }, options)),
      updateWorkPool(t.db, id, { description: 'kept' }),
      updateWorkPool(t.db, id, { concurrencyLimit: 5 }),
    ])
    const pool = await read(id)
    expect(pool).toMatchObject({
      description: 'kept',
      concurrencyLimit: 5,
      status: pool.isPaused ? 'PAUSED' : 'NOT_READY',
    })
    const next = new Map(reported.map((change) => [change.before.lastStatusEventId, change]))
    let event: string | null = null
    for (const _ of reported) event = next.get(event)?.eventId ?? 'no such event'
    expect([next.size, event]).toEqual([4, pool.lastStatusEventId])
  })
})
