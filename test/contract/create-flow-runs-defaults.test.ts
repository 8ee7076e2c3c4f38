import { addSeconds } from 'date-fns'
import {
  claimScheduledFlowRuns,
  createFlowRuns,
  type FlowRun,
  type FlowRunCreate,
  getRunsInWorkQueue,
  readFlowRun,
  readFlowRuns,
} from 'kysely-work-queues'
import { expect, test } from 'vitest'
import { describeOnDatabases } from '../support/describe-databases.js'

const now = new Date('2035-01-01T12:00:00.123Z')

describeOnDatabases('what createFlowRuns adds', (t) => {
  test('gives defaults to what is absent', async () => {
    const [run] = await createFlowRuns(t.db, [{}], { now })
    const expected: FlowRun = {
      id: String(run?.id),
      created: now,
      updated: now,
      name: String(run?.name),
      flowId: String(run?.flowId),
      deploymentId: null,
      workQueueId: null,
      workQueueName: null,
      stateId: String(run?.stateId),
      stateType: 'SCHEDULED',
      stateName: 'Scheduled',
      stateTimestamp: now,
      runCount: 0,
      expectedStartTime: now,
      nextScheduledStartTime: now,
      startTime: null,
      endTime: null,
      parameters: {},
      context: {},
      tags: [],
      labels: null,
      idempotencyKey: null,
      parentTaskRunId: null,
      infrastructurePid: null,
      jobVariables: {},
      empiricalPolicy: {},
      autoScheduled: false,
    }
    expect(run).toEqual(expected)
    expect(run?.id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
    expect(run?.name).toContain(String(run?.id))
    expect(await readFlowRun(t.db, expected.id)).toEqual(run)
  })

  test('keeps null as null, and absent as its default', async () => {
    const nulls = { labels: null, jobVariables: null, expectedStartTime: null, nextScheduledStartTime: now }
    const [run, other] = await createFlowRuns(t.db, [nulls, { nextScheduledStartTime: now }])
    expect(await readFlowRun(t.db, String(run?.id))).toMatchObject(nulls)
    expect(await readFlowRun(t.db, String(other?.id))).toMatchObject({ jobVariables: {}, expectedStartTime: now })
  })

  test('a SCHEDULED run is due at once unless it is said when, and null says at no time', async () => {
    const workQueueId = await t.make.queue()
    const later = addSeconds(now, 60)
    const runs = await createFlowRuns(
      t.db,
      [
        {},
        { expectedStartTime: null },
        { nextScheduledStartTime: undefined, stateType: 'SCHEDULED', stateName: 'AwaitingRetry' },
        { nextScheduledStartTime: later },
        { nextScheduledStartTime: null },
        { stateType: 'PENDING' },
        { stateType: null },
      ].map((input) => ({ workQueueId, ...input }) as FlowRunCreate),
      { now },
    )
    const dueTimes = [now, now, now, later, null, null, null]
    expect(runs.map((run) => run.nextScheduledStartTime)).toEqual(dueTimes)
    expect(runs.map((run) => run.expectedStartTime)).toEqual(dueTimes.with(1, null))
    expect(await readFlowRuns(t.db)).toEqual(runs)
    const ids = runs.map(({ id }) => id)
    const polled = await getRunsInWorkQueue(t.db, workQueueId, { scheduledBefore: now })
    expect(polled.runs.map(({ id }) => id)).toEqual(ids.slice(0, 3))
    const claimed = await claimScheduledFlowRuns(t.db, { workQueueIds: [workQueueId], scheduledBefore: now, now })
    expect(claimed.map(({ flowRun }) => flowRun.id)).toEqual(ids.slice(0, 3))
  })

  test('without `now`, a run that is due at once is due at the time at which it was created', async () => {
    const [run] = await createFlowRuns(t.db, [{}])
    expect(run?.nextScheduledStartTime).toEqual(run?.created)
    expect(run?.stateTimestamp).toEqual(run?.created)
    expect(await readFlowRun(t.db, run?.id ?? '')).toEqual(run)
  })

  test('a name is any text, and an empty one is none, as in Prefect', async () => {
    const names = ['prod/2025-01-14/batch-12345', 'load 50% of A & B', 'x > y < z', ' ', '\t\n', "''"]
    const runs = await createFlowRuns(
      t.db,
      names.map((name) => ({ name })),
    )
    expect((await readFlowRuns(t.db)).map(({ name }) => name)).toEqual(names)
    expect(runs.map(({ name }) => name)).toEqual(names)
    const [unnamed] = await createFlowRuns(t.db, [{ name: '' }])
    expect(unnamed?.name).toBe(`run-${unnamed?.id}`)
  })
})
