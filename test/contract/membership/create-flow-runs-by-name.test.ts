import {
  createFlowRuns,
  createWorkPool,
  createWorkQueue,
  deleteWorkQueue,
  type FlowRunCreate,
  getScheduledFlowRuns,
  readFlowRuns,
} from 'kysely-work-queues'
import { expect, test } from 'vitest'
import { describeOnDatabases } from '../../support/describe-databases.js'
import { testId } from '../../support/factory.js'
import { ids, now } from './views.js'

describeOnDatabases('createFlowRuns with the name of a queue and no id', (t) => {
  const placesOf = async (inputs: FlowRunCreate[]): Promise<unknown[]> => {
    const runs = await createFlowRuns(t.db, inputs, { now })
    expect(await readFlowRuns(t.db, { filter: { id: { any: runs.map(({ id }) => id) } } })).toEqual(runs)
    return runs.map(({ workQueueId, workQueueName }) => [workQueueId, workQueueName])
  }

  test('stores the id of the queue of that name in the default agent pool', async () => {
    await t.make.queue({ name: 'etl' })
    const etl = await t.make.agentQueue({ name: 'etl' })
    const other = await t.make.agentQueue({ name: 'other' })
    const given = await t.make.queue({ name: 'given' })
    expect(
      await placesOf([
        { workQueueName: 'other' },
        { workQueueName: 'etl' },
        { workQueueId: given },
        { workQueueId: undefined, workQueueName: 'etl' },
        { workQueueId: given, workQueueName: 'etl' },
        {},
      ]),
    ).toEqual([
      [other, 'other'],
      [etl, 'etl'],
      [given, 'given'],
      [etl, 'etl'],
      [given, 'etl'],
      [null, null],
    ])
    expect(await placesOf([{ workQueueName: 'etl' }])).toEqual([[etl, 'etl']])
  })

  test('keeps the name alone where there is no such queue, whatever other pools have', async () => {
    await createWorkPool(t.db, { name: 'kubernetes' })
    expect(await placesOf([{ workQueueName: 'default' }])).toEqual([[null, 'default']])
    const { id } = await createWorkQueue(t.db, { name: 'etl' })
    expect(await placesOf([{ workQueueName: 'ETL' }, { workQueueName: 'etl ' }, { workQueueName: 'gone' }])).toEqual([
      [null, 'ETL'],
      [null, 'etl '],
      [null, 'gone'],
    ])
    await deleteWorkQueue(t.db, id)
    expect(await placesOf([{ workQueueName: 'etl' }])).toEqual([[null, 'etl']])
  })

  test('keeps the name alone where an id of null is given', async () => {
    await createWorkQueue(t.db, { name: 'etl' })
    expect(await placesOf([{ workQueueId: null, workQueueName: 'etl' }])).toEqual([[null, 'etl']])
  })

  test('so that polls of the pool, which go by id, find the run', async () => {
    const queue = await t.make.agentQueue({ name: 'etl' })
    const made = await createFlowRuns(t.db, [{ workQueueName: 'etl', nextScheduledStartTime: now }])
    const polled = await getScheduledFlowRuns(t.db, { scheduledBefore: now })
    expect(polled.map(({ workQueueId }) => workQueueId)).toEqual([queue])
    expect(ids(polled.map(({ flowRun }) => flowRun))).toEqual(ids(made))
  })

  test('creates nothing when another input asks for a queue that does not exist', async () => {
    await t.make.agentQueue({ name: 'etl' })
    const inputs = [{ workQueueName: 'etl' }, { workQueueId: testId(404) }]
    await expect(createFlowRuns(t.db, inputs)).rejects.toMatchObject({
      name: 'WorkQueueNotFoundError',
      id: testId(404),
    })
    expect(await readFlowRuns(t.db)).toEqual([])
  })

  test('takes as many statements for a thousand names as for one', async () => {
    await t.make.agentQueue({ name: 'etl' })
    const statementsOf = async (count: number): Promise<number> => {
      const inputs = Array.from({ length: count }, (_, n) => ({ workQueueName: n === 0 ? 'etl' : `queue ${n}` }))
      const { length } = t.database.statements
      await createFlowRuns(t.db, inputs)
      return t.database.statements.slice(length).filter((statement) => /work_queue["` ]/.test(statement)).length
    }
    const one = await statementsOf(1)
    expect(one).toBeGreaterThan(0)
    expect(await statementsOf(1000)).toBe(one)
  })
})
