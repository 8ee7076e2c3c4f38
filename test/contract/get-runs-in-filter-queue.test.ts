import { addSeconds } from 'date-fns'
import { getRunsInWorkQueue, type GetRunsInWorkQueueOptions, readWorkQueue } from 'kysely-work-queues'
import { STATE_TYPES } from 'kysely-work-queues/rules'
import { expect, test } from 'vitest'
import { describeOnDatabases } from '../support/describe-databases.js'
import { allRows, type Row, testId } from '../support/factory.js'

const now = new Date('2035-01-01T12:00:00.123Z')
const deployed: Row = { deployment_id: testId(1), tags: [] }

describeOnDatabases('getRunsInWorkQueue of a queue with a tag filter', (t) => {
  const makeQueue = (tags: string[] | null, deployment_ids: string[] | null, row: Row = {}): Promise<string> =>
    t.make.queue({ filter: { tags, deployment_ids }, ...row })
  const poll = async (id: string, options?: GetRunsInWorkQueueOptions): Promise<string[]> =>
    (await getRunsInWorkQueue(t.db, id, options)).runs.map((run) => run.id)

  test('takes the runs with all of its tags, whatever their queue', async () => {
    const id = await makeQueue(['a', 'é"'], null, { name: 'tagged' })
    const other = await t.make.queue()
    const [plain, more, elsewhere, named] = await t.make.runs([
      { ...deployed, tags: ['a', 'é"'] },
      { ...deployed, tags: ['b', 'é"', 'a'] },
      { ...deployed, tags: ['a', 'é"'], work_queue_id: other },
      { ...deployed, tags: ['a', 'é"'], work_queue_name: 'tagged' },
    ])
    await t.make.runs([
      { ...deployed, tags: ['a'] },
      { ...deployed, tags: [] },
      { ...deployed, tags: ['A', 'é"'] },
      { ...deployed, tags: ['aé"', 'a,é"'] },
      { ...deployed, work_queue_id: id },
      { ...deployed, work_queue_name: 'tagged' },
    ])
    const before = await allRows(t.database)
    const { workQueue, runs } = await getRunsInWorkQueue(t.db, id)
    expect(runs.map((run) => run.id)).toEqual([plain, more, elsewhere, named])
    expect(workQueue).toEqual(await readWorkQueue(t.db, id))
    expect(await allRows(t.database)).toEqual(before)
  })

  test('takes only runs of a deployment', async () => {
    const [run] = await t.make.runs([
      { ...deployed, tags: ['a'] },
      { tags: ['a'], deployment_id: null },
    ])
    expect(await poll(await makeQueue(['a'], null))).toEqual([run])
    expect(await poll(await makeQueue(null, null))).toEqual([run])
  })

  test('takes runs of one of its deployments; an empty list matches nothing, null every deployment', async () => {
    const [one, two, three] = await t.make.runs([1, 2, 3].map((n) => ({ deployment_id: testId(n) })))
    expect(await poll(await makeQueue(null, [testId(1), testId(3), testId(404)]))).toEqual([one, three])
    expect(await poll(await makeQueue(null, []))).toEqual([])
    expect(await poll(await makeQueue(['a'], []))).toEqual([])
    expect(await poll(await makeQueue(null, null))).toEqual([one, two, three])
    expect(await poll(await t.make.queue({ filter: {} }))).toEqual([one, two, three])
  })

  test('no tags ask for no tags', async () => {
    const [tagged, plain] = await t.make.runs([{ ...deployed, tags: ['a'] }, deployed])
    expect(await poll(await makeQueue([], null))).toEqual([tagged, plain])
    expect(await poll(await makeQueue([], [testId(1)]))).toEqual([tagged, plain])
  })

  test('tags and deployments must both match', async () => {
    const [match] = await t.make.runs([
      { deployment_id: testId(1), tags: ['a'] },
      { deployment_id: testId(2), tags: ['a'] },
      { deployment_id: testId(1), tags: ['b'] },
    ])
    expect(await poll(await makeQueue(['a'], [testId(1)]))).toEqual([match])
  })

  test('a queue without a filter is not one with an empty filter', async () => {
    const id = await t.make.queue({ name: 'plain', filter: null })
    await t.make.run({ ...deployed, tags: ['a'] })
    const own = await t.make.run({ work_queue_id: id })
    expect(await poll(id)).toEqual([own])
  })

  test('of the matching runs, SCHEDULED ones are returned, PENDING and RUNNING ones occupy slots', async () => {
    for (const state_type of STATE_TYPES) {
      const run: Row = { ...deployed, tags: [state_type] }
      const id = await makeQueue([state_type], null, { concurrency_limit: 3 })
      const [state] = await t.make.runs([{ ...run, state_type }, ...Array.from({ length: 5 }, () => run)])
      const runs = await poll(id)
      expect(runs, state_type).toHaveLength(['PENDING', 'RUNNING'].includes(state_type) ? 2 : 3)
      expect(runs.includes(state ?? ''), state_type).toBe(state_type === 'SCHEDULED')
    }
  })

  test('slots are occupied by runs that match the same filter, and by no others', async () => {
    const id = await makeQueue(['a'], [testId(1)], { name: 'tagged', concurrency_limit: 2 })
    const running: Row = { state_type: 'RUNNING', tags: ['a'] }
    await t.make.runs(Array.from({ length: 5 }, () => ({ deployment_id: testId(1), tags: ['a', 'b'] })))
    await t.make.runs([
      { ...running, deployment_id: testId(2) },
      { ...running, deployment_id: null, work_queue_id: id },
      { ...running, deployment_id: null, work_queue_name: 'tagged' },
      { ...running, deployment_id: testId(1), tags: ['b'], work_queue_id: id },
    ])
    expect(await poll(id)).toHaveLength(2)
    await t.make.run({ ...running, deployment_id: testId(1), work_queue_id: await t.make.queue() })
    expect(await poll(id)).toHaveLength(1)
    await t.make.run({ ...running, deployment_id: testId(1), state_type: 'PENDING' })
    await t.make.run({ ...running, deployment_id: testId(1) })
    expect(await poll(id)).toEqual([])
  })

  test('orders, limits and times hold as for other queues', async () => {
    const id = await makeQueue(null, [testId(1)])
    const rows: Row[] = [
      { id: testId(9) },
      { id: testId(2) },
      { id: testId(5), next_scheduled_start_time: now },
      { id: testId(3), next_scheduled_start_time: now },
      { id: testId(7), next_scheduled_start_time: addSeconds(now, -1) },
      { id: testId(1), next_scheduled_start_time: addSeconds(now, 1) },
    ]
    await t.make.runs(rows.map((row) => ({ ...row, ...deployed })))
    const expected = [7, 3, 5, 1, 2, 9].map((n) => testId(n))
    expect(await poll(id)).toEqual(expected)
    expect(await poll(id, { limit: 4 })).toEqual(expected.slice(0, 4))
    expect(await poll(id, { limit: 0 })).toEqual([])
    expect(await poll(id, { scheduledBefore: now })).toEqual(expected.slice(0, 3))
    await t.make.set('work_queue', id, { concurrency_limit: 2 })
    expect(await poll(id, { limit: 4 })).toEqual(expected.slice(0, 2))
    expect(await poll(id, { limit: 1 })).toEqual(expected.slice(0, 1))
    await t.make.set('work_queue', id, { concurrency_limit: 0 })
    expect(await poll(id)).toEqual([])
  })

  test('a paused queue hands out nothing', async () => {
    const id = await makeQueue(null, null, { is_paused: true })
    await t.make.run(deployed)
    expect(await poll(id)).toEqual([])
  })
})
