import { addSeconds } from 'date-fns'
import { countFlowRuns, createFlowRuns, type FlowRunCreate, readFlowRun, readFlowRuns } from 'kysely-work-queues'
import { STATE_TYPES } from 'kysely-work-queues/rules'
import { expect, test } from 'vitest'
import { describeOnDatabases } from '../support/describe-databases.js'
import { allRows, testId } from '../support/factory.js'

const now = new Date('2035-01-01T12:00:00.123Z')

const json = {
  snake_case: { nested_key: [1, -2.5, 1e21, null, true, { camelCase: 'é 😀 \u2028 \\ " \n, [{' }], empty: [[], {}] },
  camelCase: { 'a.b': 0 },
  'ключ 键': '{"like": ["JSON"]}',
  '': 'an empty key',
}

/** An input with every key. */
const full: Required<FlowRunCreate> = {
  id: testId(1),
  name: 'nightly',
  flowId: testId(2),
  deploymentId: testId(3),
  workQueueId: null,
  workQueueName: 'etl',
  stateType: 'RUNNING',
  stateName: 'Retrying',
  stateTimestamp: addSeconds(now, -1),
  runCount: 2,
  expectedStartTime: addSeconds(now, -2),
  nextScheduledStartTime: addSeconds(now, -3),
  startTime: addSeconds(now, -4),
  endTime: addSeconds(now, -5),
  parameters: json,
  context: { context_key: json },
  tags: ['a', 'é', 'a_b', '"', '1', '[1]'],
  labels: { label_key: 'é', 'a.b': 1.5, camelCase: false },
  idempotencyKey: "key '1'",
  parentTaskRunId: testId(4),
  infrastructurePid: 'host:42',
  jobVariables: { env: { MY_VAR: '1', myVar: '2' } },
  empiricalPolicy: { retry_type: 'in_process', retryDelay: [1] },
  autoScheduled: true,
}

describeOnDatabases('createFlowRuns', (t) => {
  const states = async (): Promise<{ flowRunId: string; id: string; type: string; name: string }[]> =>
    await t.database.plain
      .selectFrom('flow_run_state')
      .select(['flow_run_id as flowRunId', 'id', 'type', 'name'])
      .orderBy('flow_run_id')
      .execute()

  test('stores every value that is given', async () => {
    const [run] = await createFlowRuns(t.db, [full], { now })
    expect(run).toEqual({ ...full, created: now, updated: now, stateId: run?.stateId })
    expect(await readFlowRun(t.db, testId(1))).toEqual(run)
  })

  test('ids grow in the order of the inputs', async () => {
    const runs = await createFlowRuns(
      t.db,
      Array.from({ length: 50 }, () => ({})),
    )
    const ids = runs.map(({ id }) => id)
    expect(ids).toEqual(ids.toSorted())
    expect((await readFlowRuns(t.db)).map(({ id }) => id)).toEqual(ids)
  })

  test('a run takes the name of its queue, unless it has another', async () => {
    const workQueueId = await t.make.queue({ name: 'etl' })
    const runs = await createFlowRuns(t.db, [
      { workQueueId },
      { workQueueId, workQueueName: 'other' },
      { workQueueId: workQueueId.toUpperCase(), workQueueName: null },
      { workQueueName: 'etl' },
    ])
    expect(runs.map((run) => [run.workQueueId, run.workQueueName])).toEqual([
      [workQueueId, 'etl'],
      [workQueueId, 'other'],
      [workQueueId, null],
      [null, 'etl'],
    ])
    expect(await readFlowRuns(t.db)).toEqual(runs)
  })

  test('writes the first state of each run that has one', async () => {
    const types = [...STATE_TYPES, null]
    const runs = await createFlowRuns(
      t.db,
      types.map((stateType) => ({ stateType })),
      { now },
    )
    expect(runs.map(({ stateType }) => stateType)).toEqual(types)
    expect(runs.map(({ stateName }) => stateName?.toUpperCase() ?? null)).toEqual(types)
    expect(runs.map(({ stateTimestamp }) => stateTimestamp)).toEqual(types.map((type) => (type === null ? null : now)))
    expect(await states()).toEqual(
      runs
        .filter(({ stateType }) => stateType !== null)
        .map(({ id, stateId, stateType, stateName }) => ({
          flowRunId: id,
          id: stateId,
          type: stateType,
          name: stateName,
        })),
    )
    expect(await readFlowRuns(t.db)).toEqual(runs)
  })

  test('a thousand and more at once are all created, in order, each with its state', async () => {
    const inputs = Array.from({ length: 2345 }, (_, n) => ({
      name: `run ${n}`,
      tags: [`tag ${n}`],
      nextScheduledStartTime: addSeconds(now, n),
    }))
    const runs = await createFlowRuns(t.db, inputs, { now })
    expect(runs.map(({ name, tags, nextScheduledStartTime }) => ({ name, tags, nextScheduledStartTime }))).toEqual(
      inputs,
    )
    expect(await readFlowRuns(t.db)).toEqual(runs)
    const written = new Map((await states()).map(({ flowRunId, id }) => [flowRunId, id]))
    expect(runs.map(({ id }) => written.get(id))).toEqual(runs.map(({ stateId }) => stateId))
  })

  test('none are none, without a question to the database', async () => {
    t.database.statements.length = 0
    expect(await createFlowRuns(t.db, [])).toEqual([])
    expect(t.database.statements).toEqual([])
  })

  test('an idempotency key that the flow has is answered with the run that has it', async () => {
    const flowId = testId(1)
    const [first] = await createFlowRuns(t.db, [{ flowId, idempotencyKey: 'k', name: 'first', tags: ['a'] }])
    const before = await allRows(t.database)
    const again = await createFlowRuns(t.db, [{ flowId: flowId.toUpperCase(), idempotencyKey: 'k', name: 'second' }])
    expect(again).toEqual([first])
    expect(await allRows(t.database)).toEqual(before)
  })

  test('idempotency keys are kept apart by flow, and hold within one call', async () => {
    const [flow, other] = [testId(1), testId(2)]
    const runs = await createFlowRuns(t.db, [
      { flowId: flow, idempotencyKey: 'k', name: 'a' },
      { flowId: other, idempotencyKey: 'k', name: 'b' },
      { flowId: flow, idempotencyKey: 'k', name: 'c' },
      { flowId: flow, idempotencyKey: 'l', name: 'd' },
      { flowId: flow, name: 'e' },
      { flowId: flow, name: 'f' },
    ])
    expect(runs.map(({ name }) => name)).toEqual(['a', 'b', 'a', 'd', 'e', 'f'])
    expect(await countFlowRuns(t.db)).toBe(5)
    expect(await states()).toHaveLength(5)
  })

  test('an id that is taken is refused, and nothing is created', async () => {
    const taken = await t.make.run()
    const free = testId(5)
    const before = await allRows(t.database)
    const refused = createFlowRuns(t.db, [{}, { id: taken }, { id: free }, { id: free.toUpperCase() }])
    await expect(refused).rejects.toMatchObject({
      name: 'InvalidInputError',
      issues: [{ path: '1.id' }, { path: '3.id' }],
    })
    expect(await allRows(t.database)).toEqual(before)
  })

  test('a caller’s transaction that goes on after an id was taken has all that it had, also what was found by key', async () => {
    const key = { flowId: testId(7), idempotencyKey: 'K' }
    const [found, other] = await createFlowRuns(t.db, [key, {}], { now })
    // What was created until then is deleted again, and an event log tells both.
    const rows = async (): Promise<object> => ({ ...(await allRows(t.database)), work_queue_event: [] })
    const before = await rows()
    await t.db.transaction().execute(async (trx) => {
      const inputs = [key, { id: found?.id ?? '', ...key }, {}, { id: other?.id ?? '' }]
      await expect(createFlowRuns(trx, inputs)).rejects.toMatchObject({ issues: [{ path: '3.id' }] })
    })
    expect(await rows()).toEqual(before)
  })

  test('the same input twice is one run, and both answers have its state', async () => {
    const key = { flowId: testId(7), idempotencyKey: 'K' }
    for (const input of [key, { id: testId(8), ...key, idempotencyKey: 'L' }]) {
      const [first, second] = await createFlowRuns(t.db, [input, input], { now })
      expect(first?.stateId).toEqual(expect.any(String))
      expect(second).toEqual(first)
      expect(await readFlowRun(t.db, first?.id ?? '')).toEqual(first)
    }
    expect(await countFlowRuns(t.db)).toBe(2)
  })

  test('a queue that does not exist is an error, and nothing is created', async () => {
    const workQueueId = await t.make.queue()
    const missing = testId(404)
    await expect(createFlowRuns(t.db, [{ workQueueId }, { workQueueId: missing }])).rejects.toMatchObject({
      name: 'WorkQueueNotFoundError',
      id: missing,
    })
    expect(await countFlowRuns(t.db)).toBe(0)
  })
})
