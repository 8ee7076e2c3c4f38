import { readFlowRun, readWorkPoolSlotHolders, type ReadWorkPoolSlotHoldersOptions } from 'kysely-work-queues'
import { expect, test } from 'vitest'
import { describeOnDatabases } from '../support/describe-databases.js'
import { allRows, type Row, testId } from '../support/factory.js'

const now = new Date('2035-01-01T12:00:00.123Z')
const running: Row = { state_type: 'RUNNING' }

describeOnDatabases('readWorkPoolSlotHolders', (t) => {
  const holders = async (id: string, options?: ReadWorkPoolSlotHoldersOptions): Promise<string[]> =>
    (await readWorkPoolSlotHolders(t.db, id, options)).map(({ flowRun }) => flowRun.id)

  test('reads each run with all of its columns and the time of its slot, and changes nothing', async () => {
    const pool = await t.make.pool()
    const work_queue_id = await t.make.queue({ work_pool_id: pool })
    const row: Row = { ...running, work_queue_id, tags: ['a_b'], parameters: { c_d: [1] }, labels: { e_f: null } }
    const [first = '', second = ''] = await t.make.runs([row, { ...row, state_type: 'PENDING', start_time: now }])
    await t.make.state({ flow_run_id: second, type: 'PENDING', timestamp: now })
    const before = await allRows(t.database)
    expect(await readWorkPoolSlotHolders(t.db, pool)).toEqual([
      { flowRun: await readFlowRun(t.db, first), slotAcquiredAt: null },
      { flowRun: await readFlowRun(t.db, second), slotAcquiredAt: now },
    ])
    expect(await allRows(t.database)).toEqual(before)
  })

  test('reads the runs of all queues of the pool by run id, of paused queues too, and no others', async () => {
    const pool = await t.make.pool({ is_paused: true })
    const a = await t.make.queue({ work_pool_id: pool, name: 'etl', is_paused: true })
    const b = await t.make.queue({ work_pool_id: pool })
    const sameName = await t.make.queue({ name: 'etl' })
    await t.make.runs([
      { id: testId(3), ...running, work_queue_id: a },
      { id: testId(1), ...running, work_queue_id: b },
      { id: testId(2), state_type: 'PENDING', work_queue_id: a, work_queue_name: 'other' },
      { id: testId(4), state_type: 'CANCELLING', work_queue_id: a },
      { id: testId(5), state_type: 'SCHEDULED', work_queue_id: b },
      { id: testId(6), ...running, work_queue_id: sameName, work_queue_name: 'etl' },
      { id: testId(7), ...running, work_queue_name: 'etl' },
      { id: testId(8), ...running },
    ])
    expect(await holders(pool)).toEqual([1, 2, 3].map((n) => testId(n)))
    expect(await holders(pool.toUpperCase())).toHaveLength(3)
  })

  test('reads the runs of some queues, each up to a limit of its own', async () => {
    const pool = await t.make.pool()
    const queues = [
      await t.make.queue({ work_pool_id: pool }),
      await t.make.queue({ work_pool_id: pool }),
      await t.make.queue({ work_pool_id: pool }),
    ]
    const elsewhere = await t.make.queue()
    const [a = '', b = ''] = queues
    const runs = await t.make.runs([0, 1, 2, 0, 1, 0].map((n) => ({ ...running, work_queue_id: queues[n] ?? '' })))
    await t.make.run({ ...running, work_queue_id: elsewhere })
    const of = (...indexes: number[]): (string | undefined)[] => indexes.map((n) => runs[n])
    expect(await holders(pool, { workQueueIds: [b, a] })).toEqual(of(0, 1, 3, 4, 5))
    expect(await holders(pool, { workQueueIds: [a, b], limitPerQueue: 2 })).toEqual(of(0, 1, 3, 4))
    expect(await holders(pool, { workQueueIds: queues, limitPerQueue: 1 })).toEqual(of(0, 1, 2))
    expect(await holders(pool, { workQueueIds: queues, limitPerQueue: 0 })).toEqual([])
    expect(await holders(pool, { workQueueIds: queues, limitPerQueue: undefined })).toEqual(runs)
    expect(await holders(pool, { workQueueIds: [b.toUpperCase(), testId(404), elsewhere, b] })).toEqual(of(1, 4))
    expect(await holders(pool, { workQueueIds: undefined })).toEqual(runs)
  })

  test('an empty list of queues has none', async () => {
    const pool = await t.make.pool()
    await t.make.run({ ...running, work_queue_id: await t.make.queue({ work_pool_id: pool }) })
    expect(await holders(pool)).toHaveLength(1)
    expect(await holders(pool, { workQueueIds: [] })).toEqual([])
    expect(await holders(pool, { workQueueIds: [], limitPerQueue: 5 })).toEqual([])
  })

  test('a limit for each queue has no effect without the queues, as in Prefect', async () => {
    const pool = await t.make.pool()
    const work_queue_id = await t.make.queue({ work_pool_id: pool })
    const runs = await t.make.runs(Array.from({ length: 3 }, () => ({ ...running, work_queue_id })))
    expect(await holders(pool, { limitPerQueue: 1 })).toEqual(runs)
  })

  test('a pool that does not exist has none', async () => {
    await t.make.run({ ...running, work_queue_id: await t.make.queue() })
    expect(await holders(testId(404))).toEqual([])
  })
})
