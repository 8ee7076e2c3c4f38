import {
  claimRunsInWorkQueue,
  countWorkQueueActiveSlots,
  explainFlowRun,
  getRunsInWorkQueue,
  readFlowRun,
  readFlowRuns,
  readWorkQueue,
} from 'kysely-work-queues'
import { expect, test } from 'vitest'
import { describeOnDatabases } from '../../support/describe-databases.js'
import { testId } from '../../support/factory.js'

const now = new Date('2035-01-01T12:00:00.123Z')

// JSON columns may hold JSON's own null, as SQLAlchemy writes it for Python's None unless it is told otherwise.
describeOnDatabases('JSON null', (t) => {
  test('as a queue’s filter is no filter', async () => {
    const id = await t.make.queue({ filter: 'null' })
    const other = await t.make.queue()
    const [own] = await t.make.runs([
      { work_queue_id: id, next_scheduled_start_time: now },
      { work_queue_id: other, next_scheduled_start_time: now, deployment_id: testId(1, 5) },
      { work_queue_id: id, state_type: 'RUNNING' },
    ])
    expect((await readWorkQueue(t.db, id))?.filter).toBeNull()
    expect((await getRunsInWorkQueue(t.db, id)).runs.map((run) => run.id)).toEqual([own])
    expect((await claimRunsInWorkQueue(t.db, id, { scheduledBefore: null })).runs.map((run) => run.id)).toEqual([own])
    expect(await countWorkQueueActiveSlots(t.db, [id])).toEqual(new Map([[id, 2]]))
  })

  test('in a run is read as empty, and as null where a record has null', async () => {
    const id = await t.make.run({
      work_queue_id: await t.make.queue({ last_polled: now }),
      next_scheduled_start_time: now,
      parameters: 'null',
      context: 'null',
      tags: 'null',
      labels: 'null',
      job_variables: 'null',
      empirical_policy: 'null',
    })
    expect(await readFlowRun(t.db, id)).toMatchObject({
      parameters: {},
      context: {},
      tags: [],
      labels: null,
      jobVariables: null,
      empiricalPolicy: {},
    })
    expect(await readFlowRuns(t.db, { filter: { tags: { all: ['a'] } } })).toEqual([])
    expect(await explainFlowRun(t.db, id, { now })).toMatchObject({ handedOut: true })
  })
})
