import {
  countFlowRuns,
  countFlowRunsByState,
  type FlowRunFilter,
  getRunsInWorkQueue,
  readFlowRuns,
} from 'kysely-work-queues'
import { expect, test } from 'vitest'
import { describeOnDatabases } from '../../support/describe-databases.js'
import { type Row, testId } from '../../support/factory.js'

describeOnDatabases('readFlowRuns and countFlowRuns of the members of a queue', (t) => {
  /** A queue of the default agent pool, its namesake elsewhere, and runs of both; their ids are numbers. */
  const arrange = async (): Promise<{ agents: string; namesake: string }> => {
    const agents = await t.make.agentQueue({ name: 'etl' })
    const namesake = await t.make.queue({ name: 'etl' })
    const rows: Row[] = [
      { id: testId(1), work_queue_id: agents },
      { id: testId(2), work_queue_name: 'etl', name: 'by name' },
      { id: testId(3), work_queue_id: agents, work_queue_name: 'another', state_type: 'RUNNING' },
      { id: testId(4), work_queue_id: namesake, work_queue_name: 'etl' },
      { id: testId(5), work_queue_name: 'etl', state_type: 'RUNNING', tags: ['a'] },
      { id: testId(6), work_queue_name: 'other' },
      { id: testId(7) },
    ]
    await t.make.runs(rows.map((row) => ({ tags: [], ...row })))
    return { agents, namesake }
  }
  const numbers = async (filter: FlowRunFilter): Promise<number[]> => {
    const runs = await readFlowRuns(t.db, { filter })
    expect(await countFlowRuns(t.db, { filter })).toBe(runs.length)
    const byState = await countFlowRunsByState(t.db, { filter })
    expect(Object.values(byState).reduce((sum, count) => sum + count, 0)).toBe(runs.length)
    return runs.map(({ id }) => parseInt(id.slice(-12), 16))
  }

  test('go by the rule by which polls go', async () => {
    const { agents, namesake } = await arrange()
    expect(await numbers({ memberOf: agents })).toEqual([1, 2, 3, 5])
    expect(await numbers({ memberOf: agents.toUpperCase() })).toEqual([1, 2, 3, 5])
    expect(await numbers({ memberOf: namesake })).toEqual([4])
    expect(await numbers({ memberOf: testId(404) })).toEqual([])
    for (const memberOf of [agents, namesake]) {
      const { runs } = await getRunsInWorkQueue(t.db, memberOf)
      expect(await readFlowRuns(t.db, { filter: { memberOf, stateType: { any: ['SCHEDULED'] } } })).toEqual(
        runs.toSorted((a, b) => (a.id < b.id ? -1 : 1)),
      )
    }
  })

  test('with other criteria: all of them, or one', async () => {
    const { agents } = await arrange()
    expect(await numbers({ memberOf: agents, stateType: { any: ['RUNNING'] } })).toEqual([3, 5])
    expect(await numbers({ memberOf: agents, stateType: { any: ['RUNNING'] }, tags: { all: ['a'] } })).toEqual([5])
    expect(await numbers({ memberOf: agents, id: { any: [testId(2), testId(4)] } })).toEqual([2])
    expect(await numbers({ memberOf: agents, id: { any: [] } })).toEqual([])
    expect(await numbers({ operator: 'or', memberOf: agents, id: { any: [testId(2), testId(4)] } })).toEqual([
      1, 2, 3, 4, 5,
    ])
    expect(await numbers({ operator: 'or', memberOf: agents })).toEqual([1, 2, 3, 5])
    expect(await numbers({ operator: 'or', memberOf: testId(404), name: { any: ['by name'] } })).toEqual([2])
  })
})

describeOnDatabases('countFlowRunsByState', (t) => {
  test('counts every state type, and runs without a state in none', async () => {
    const queue = await t.make.queue()
    const row = { work_queue_id: queue }
    await t.make.runs([
      row,
      row,
      { ...row, state_name: 'Late' },
      { ...row, state_type: 'RUNNING' },
      { ...row, state_type: 'CANCELLING' },
      { ...row, state_type: null },
      { state_type: 'COMPLETED' },
    ])
    const none = { PENDING: 0, COMPLETED: 0, FAILED: 0, CANCELLED: 0, CRASHED: 0, PAUSED: 0 }
    const ofQueue = { ...none, SCHEDULED: 3, RUNNING: 1, CANCELLING: 1 }
    expect(await countFlowRunsByState(t.db, { filter: { workQueueId: { any: [queue] } } })).toEqual(ofQueue)
    expect(await countFlowRunsByState(t.db)).toEqual({ ...ofQueue, COMPLETED: 1 })
    expect(await countFlowRunsByState(t.db, { filter: { id: { any: [] } } })).toEqual({
      ...none,
      SCHEDULED: 0,
      RUNNING: 0,
      CANCELLING: 0,
    })
  })
})
