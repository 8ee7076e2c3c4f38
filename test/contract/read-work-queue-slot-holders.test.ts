import { readFlowRun, readWorkQueueSlotHolders } from 'kysely-work-queues'
import { expect, test } from 'vitest'
import { describeOnDatabases } from '../support/describe-databases.js'
import { allRows, type Row, testId } from '../support/factory.js'

const now = new Date('2035-01-01T12:00:00.123Z')

describeOnDatabases('readWorkQueueSlotHolders', (t) => {
  const holders = async (id: string, options?: { limit?: number; offset?: number }): Promise<string[]> =>
    (await readWorkQueueSlotHolders(t.db, id, options)).map(({ flowRun }) => flowRun.id)

  test('reads each run with all of its columns and the time of its slot, and changes nothing', async () => {
    const work_queue_id = await t.make.agentQueue({ name: 'etl' })
    const row: Row = { state_type: 'RUNNING', tags: ['a_b'], parameters: { c_d: [1] }, labels: { e_f: null } }
    const [byId = '', byName = ''] = await t.make.runs([
      { ...row, work_queue_id, start_time: now },
      { ...row, work_queue_name: 'etl', job_variables: null },
    ])
    await t.make.state({ flow_run_id: byName, type: 'RUNNING', timestamp: now })
    const before = await allRows(t.database)
    expect(await readWorkQueueSlotHolders(t.db, work_queue_id)).toEqual([
      { flowRun: await readFlowRun(t.db, byId), slotAcquiredAt: null },
      { flowRun: await readFlowRun(t.db, byName), slotAcquiredAt: now },
    ])
    expect(await allRows(t.database)).toEqual(before)
  })

  test('orders by run id, however the runs belong to the queue, and reads a page', async () => {
    const work_queue_id = await t.make.agentQueue({ name: 'etl' })
    const members: Row[] = [{ work_queue_id }, { work_queue_name: 'etl' }]
    const states = ['CANCELLING', 'RUNNING', 'PENDING']
    await t.make.runs(
      [5, 2, 6, 1, 4, 3].map((n) => ({ id: testId(n), ...members[n % 2], state_type: states[n % 3] ?? null })),
    )
    const all = [1, 2, 3, 4, 5, 6].map((n) => testId(n))
    expect(await holders(work_queue_id.toUpperCase())).toEqual(all)
    expect(await holders(work_queue_id, { limit: 2 })).toEqual(all.slice(0, 2))
    expect(await holders(work_queue_id, { limit: 2, offset: 3 })).toEqual(all.slice(3, 5))
    expect(await holders(work_queue_id, { offset: 4 })).toEqual(all.slice(4))
    expect(await holders(work_queue_id, { limit: 0 })).toEqual([])
    expect(await holders(work_queue_id, { offset: 6 })).toEqual([])
  })

  test('leaves out runs of other queues and in other states', async () => {
    const work_queue_id = await t.make.agentQueue({ name: 'etl' })
    const sameName = await t.make.queue({ name: 'etl' })
    const running: Row = { state_type: 'RUNNING' }
    const [own, named] = await t.make.runs([
      { ...running, work_queue_id, work_queue_name: 'other' },
      { ...running, work_queue_name: 'etl' },
      { ...running, work_queue_id: sameName, work_queue_name: 'etl' },
      { ...running, work_queue_name: 'Etl' },
      { work_queue_id, state_type: 'SCHEDULED' },
      { work_queue_id, state_type: 'PAUSED' },
      { work_queue_name: 'etl', state_type: 'COMPLETED' },
      { work_queue_id, state_type: null },
    ])
    expect(await holders(work_queue_id)).toEqual([own, named])
  })

  test('of a queue with a tag filter, reads the PENDING and RUNNING runs of the filter, in pages too', async () => {
    const id = await t.make.queue({ filter: { tags: ['a'], deployment_ids: null } })
    const match: Row = { deployment_id: testId(1), tags: ['b', 'a'] }
    const [first, second] = await t.make.runs([
      { ...match, state_type: 'RUNNING' },
      { ...match, state_type: 'PENDING', work_queue_id: await t.make.queue() },
      { ...match, state_type: 'CANCELLING' },
      { ...match, state_type: 'RUNNING', tags: [] },
      { state_type: 'RUNNING', tags: ['a'] },
      { state_type: 'RUNNING', tags: [], work_queue_id: id },
    ])
    expect(await holders(id)).toEqual([first, second])
    expect(await holders(id, { limit: 1, offset: 1 })).toEqual([second])
  })

  test('a queue that does not exist has none', async () => {
    await t.make.run({ state_type: 'RUNNING', work_queue_id: await t.make.queue() })
    expect(await readWorkQueueSlotHolders(t.db, testId(404))).toEqual([])
  })
})
