import { addMilliseconds, addSeconds } from 'date-fns'
import {
  countFlowRuns,
  createFlowRuns,
  type FlowRun,
  type FlowRunFilter,
  readFlowRun,
  readFlowRuns,
} from 'kysely-work-queues'
import { STATE_TYPES } from 'kysely-work-queues/rules'
import { beforeEach, expect, test } from 'vitest'
import { describeOnDatabases } from '../support/describe-databases.js'
import { testId } from '../support/factory.js'

const now = new Date('2035-01-01T12:00:00.123Z')

describeOnDatabases('readFlowRun', (t) => {
  test('finds nothing where there is nothing', async () => {
    await t.make.run()
    expect(await readFlowRun(t.db, testId(404))).toBeUndefined()
  })

  test('reads every column that another program wrote', async () => {
    const id = 'abcdefab-cdef-4abc-8def-abcdefabcdef'
    const work_queue_id = await t.make.queue()
    const time = (n: number): Date => addMilliseconds(now, n)
    await t.make.run({
      id,
      created: time(1),
      updated: time(2),
      name: '{"a": 1}',
      flow_id: testId(1),
      deployment_id: testId(2),
      work_queue_id,
      work_queue_name: '[1]',
      state_id: testId(3),
      state_type: 'CANCELLING',
      state_name: 'null',
      state_timestamp: time(3),
      run_count: 4,
      expected_start_time: time(5),
      next_scheduled_start_time: time(6),
      start_time: time(7),
      end_time: time(8),
      parameters: { snake_key: { inner_key: ['{}'] } },
      context: { camelKey: 'é' },
      tags: ['[1]', 'a_b'],
      labels: { 'prefect.flow.id': 'x', a_b: 1.5 },
      idempotency_key: '42',
      parent_task_run_id: testId(4),
      infrastructure_pid: 'true',
      job_variables: { env_vars: { A_B: '1' } },
      empirical_policy: { retry_type: 'in_process' },
      auto_scheduled: true,
    })
    const expected: FlowRun = {
      id,
      created: time(1),
      updated: time(2),
      name: '{"a": 1}',
      flowId: testId(1),
      deploymentId: testId(2),
      workQueueId: work_queue_id,
      workQueueName: '[1]',
      stateId: testId(3),
      stateType: 'CANCELLING',
      stateName: 'null',
      stateTimestamp: time(3),
      runCount: 4,
      expectedStartTime: time(5),
      nextScheduledStartTime: time(6),
      startTime: time(7),
      endTime: time(8),
      parameters: { snake_key: { inner_key: ['{}'] } },
      context: { camelKey: 'é' },
      tags: ['[1]', 'a_b'],
      labels: { 'prefect.flow.id': 'x', a_b: 1.5 },
      idempotencyKey: '42',
      parentTaskRunId: testId(4),
      infrastructurePid: 'true',
      jobVariables: { env_vars: { A_B: '1' } },
      empiricalPolicy: { retry_type: 'in_process' },
      autoScheduled: true,
    }
    expect(await readFlowRun(t.db, id)).toEqual(expected)
    expect(await readFlowRun(t.db, id.toUpperCase())).toEqual(expected)
  })

  test('reads absent values as null', async () => {
    const id = await t.make.run({ state_type: null, state_name: null, job_variables: null })
    expect(await readFlowRun(t.db, id)).toMatchObject({
      deploymentId: null,
      workQueueId: null,
      workQueueName: null,
      stateId: null,
      stateType: null,
      stateName: null,
      stateTimestamp: null,
      expectedStartTime: null,
      nextScheduledStartTime: null,
      startTime: null,
      endTime: null,
      labels: null,
      idempotencyKey: null,
      parentTaskRunId: null,
      infrastructurePid: null,
      jobVariables: null,
    })
  })
})

describeOnDatabases('readFlowRuns', (t) => {
  const queueIds: string[] = []
  let runs: FlowRun[] = []

  const undated = { nextScheduledStartTime: null }

  beforeEach(async () => {
    queueIds.splice(0, 2, await t.make.queue({ name: 'etl' }), await t.make.queue({ name: 'other' }))
    runs = await createFlowRuns(t.db, [
      { name: 'a', flowId: testId(1), deploymentId: testId(1), workQueueId: queueIds[0], tags: ['x', 'y'], ...undated },
      { name: 'b', flowId: testId(1), deploymentId: testId(2), workQueueId: queueIds[1], tags: ['x'], ...undated },
      { name: 'c', flowId: testId(2), workQueueName: 'etl', stateType: 'RUNNING', tags: ['y', 'x', 'z'] },
      { name: "d'_", stateType: 'PENDING', stateName: 'Submitting', nextScheduledStartTime: now },
      { name: 'e', stateName: 'Late', nextScheduledStartTime: addSeconds(now, -1), tags: ['"', 'é', 'X'] },
      { name: 'f', stateType: null, nextScheduledStartTime: addMilliseconds(now, 1) },
    ])
  })

  /** The names of the runs that match; counting them must agree. */
  const matching = async (filter: FlowRunFilter): Promise<string> => {
    const found = await readFlowRuns(t.db, { filter })
    expect(await countFlowRuns(t.db, { filter })).toBe(found.length)
    expect(found).toEqual(runs.filter(({ id }) => found.some((run) => run.id === id)))
    return found.map(({ name }) => name).join(' ')
  }

  test('reads all, by id, in pages', async () => {
    expect(await readFlowRuns(t.db)).toEqual(runs)
    expect(await readFlowRuns(t.db, { limit: 2 })).toEqual(runs.slice(0, 2))
    expect(await readFlowRuns(t.db, { limit: 2, offset: 3 })).toEqual(runs.slice(3, 5))
    expect(await readFlowRuns(t.db, { offset: 4 })).toEqual(runs.slice(4))
    expect(await readFlowRuns(t.db, { limit: 0 })).toEqual([])
    expect(await countFlowRuns(t.db)).toBe(runs.length)
  })

  test('filters by ids and names', async () => {
    const id = (n: number): string => runs[n]?.id ?? ''
    expect(await matching({ id: { any: [id(1), id(3).toUpperCase(), testId(404)] } })).toBe("b d'_")
    expect(await matching({ name: { any: ["d'_", 'a', 'A'] } })).toBe("a d'_")
    expect(await matching({ flowId: { any: [testId(1)] } })).toBe('a b')
    expect(await matching({ deploymentId: { any: [testId(2), testId(3)] } })).toBe('b')
    expect(await matching({ workQueueId: { any: [queueIds[0] ?? ''] } })).toBe('a')
    expect(await matching({ workQueueName: { any: ['etl'] } })).toBe('a c')
  })

  test('filters by state', async () => {
    expect(await matching({ stateType: { any: ['RUNNING', 'PENDING'] } })).toBe("c d'_")
    expect(await matching({ stateType: { any: [...STATE_TYPES] } })).toBe("a b c d'_ e")
    expect(await matching({ stateName: { any: ['Late', 'Submitting'] } })).toBe("d'_ e")
    expect(await matching({ stateName: { any: ['late'] } })).toBe('')
  })

  test('filters by tags, all of which a run must have', async () => {
    expect(await matching({ tags: { all: ['x'] } })).toBe('a b c')
    expect(await matching({ tags: { all: ['x', 'y', 'x'] } })).toBe('a c')
    expect(await matching({ tags: { all: ['"', 'é'] } })).toBe('e')
    expect(await matching({ tags: { all: ['xy'] } })).toBe('')
    expect(await matching({ tags: { all: [] } })).toBe("a b c d'_ e f")
  })

  test('filters by start time, the edges included', async () => {
    expect(await matching({ nextScheduledStartTime: { before: now } })).toBe("d'_ e")
    expect(await matching({ nextScheduledStartTime: { after: now } })).toBe("d'_ f")
    expect(await matching({ nextScheduledStartTime: { before: now, after: now } })).toBe("d'_")
    expect(await matching({ nextScheduledStartTime: {} })).toBe("a b c d'_ e f")
  })

  test('all keys must match, or one of them with the operator `or`', async () => {
    const criteria: FlowRunFilter = { flowId: { any: [testId(1)] }, tags: { all: ['y'] } }
    expect(await matching(criteria)).toBe('a')
    expect(await matching({ ...criteria, operator: 'and' })).toBe('a')
    expect(await matching({ ...criteria, operator: 'or' })).toBe('a b c')
    expect(await matching({ operator: 'or' })).toBe("a b c d'_ e f")
  })

  test('an empty list matches nothing', async () => {
    for (const key of [
      'id',
      'name',
      'flowId',
      'deploymentId',
      'workQueueId',
      'workQueueName',
      'stateType',
      'stateName',
    ]) {
      expect(await matching({ [key]: { any: [] } })).toBe('')
    }
    expect(await matching({ operator: 'or', stateType: { any: [] }, name: { any: ['a'] } })).toBe('a')
  })
})
