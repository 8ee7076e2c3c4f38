import { addMilliseconds, addSeconds } from 'date-fns'
import { explainFlowRun } from 'kysely-work-queues'
import { STATE_TYPES } from 'kysely-work-queues/rules'
import { expect, test } from 'vitest'
import { describeOnDatabases } from '../../support/describe-databases.js'
import { allRows, testId } from '../../support/factory.js'
import { agents, due, explain, kindsOf, makePlace, now } from './places.js'

const handedOut = { kind: 'handed-out', sentence: 'The next poll hands it out.' }

describeOnDatabases('explainFlowRun', (t) => {
  test('says that the next poll hands out a run that nothing keeps, and changes nothing', async () => {
    const { queue } = await makePlace(t)
    const id = await t.make.run(due(0, { work_queue_id: queue, state_name: 'Late' }))
    const before = await allRows(t.database)
    expect(await explain(t, id)).toEqual({ flowRunId: id, handedOut: true, reasons: [handedOut] })
    expect(await allRows(t.database)).toEqual(before)
  })

  test('takes the clock when it is not told the time', async () => {
    const { queue } = await makePlace(t)
    const past = await t.make.run({ work_queue_id: queue, next_scheduled_start_time: addSeconds(new Date(), -60) })
    const future = await t.make.run({ work_queue_id: queue, next_scheduled_start_time: addSeconds(new Date(), 60) })
    expect(await explainFlowRun(t.db, past)).toMatchObject({ handedOut: true })
    expect(kindsOf(await explainFlowRun(t.db, future))).toEqual(['not-due'])
  })

  test('takes an id in either case, and answers in lower case', async () => {
    const { queue } = await makePlace(t)
    const id = await t.make.run(due(0, { id: 'abcdefab-0000-4000-8000-00000000000f', work_queue_id: queue }))
    expect(await explain(t, id.toUpperCase())).toMatchObject({ flowRunId: id, handedOut: true })
  })

  test('a missing run is an error', async () => {
    const id = testId(404)
    await expect(explain(t, id)).rejects.toMatchObject({ name: 'FlowRunNotFoundError', code: 'FLOW_RUN_NOT_FOUND', id })
  })

  test('only SCHEDULED runs are handed out', async () => {
    const { queue } = await makePlace(t)
    for (const state_type of STATE_TYPES.filter((type) => type !== 'SCHEDULED')) {
      const id = await t.make.run(due(0, { work_queue_id: queue, state_type, state_name: 'Named' }))
      expect(await explain(t, id)).toEqual({
        flowRunId: id,
        handedOut: false,
        reasons: [
          {
            kind: 'not-scheduled',
            stateType: state_type,
            stateName: 'Named',
            sentence: `It is ${state_type}, and only SCHEDULED runs are handed out.`,
          },
        ],
      })
    }
    const without = await t.make.run(due(0, { work_queue_id: queue, state_type: null, state_name: null }))
    expect((await explain(t, without)).reasons).toEqual([
      {
        kind: 'not-scheduled',
        stateType: null,
        stateName: null,
        sentence: 'It has no state yet, and only SCHEDULED runs are handed out.',
      },
    ])
  })

  test('a run without a queue, or of a queue that does not exist, is handed out by nobody', async () => {
    await makePlace(t)
    const [without, unknown] = await t.make.runs([due(0), due(0, { work_queue_name: 'gone' })])
    expect((await explain(t, without as string)).reasons).toEqual([
      { kind: 'no-queue', workQueueName: null, sentence: 'It belongs to no work queue.' },
    ])
    expect(await explain(t, unknown as string)).toEqual({
      flowRunId: unknown,
      handedOut: false,
      reasons: [
        {
          kind: 'no-queue',
          workQueueName: 'gone',
          sentence: 'It belongs to the work queue "gone" of the work pool "default-agent-pool", which does not exist.',
        },
      ],
    })
  })

  test('a run is not due until its start time, to the microsecond', async () => {
    const { queue } = await makePlace(t)
    const [at, later, without] = await t.make.runs([
      due(0, { work_queue_id: queue }),
      { work_queue_id: queue, next_scheduled_start_time: addMilliseconds(now, 1) },
      { work_queue_id: queue },
    ])
    expect(await explain(t, at as string)).toMatchObject({ handedOut: true })
    expect(await explain(t, later as string)).toEqual({
      flowRunId: later,
      handedOut: false,
      reasons: [
        { kind: 'not-due', until: addMilliseconds(now, 1), sentence: 'It is not due until 2035-01-01T12:00:00.124Z.' },
      ],
    })
    expect((await explain(t, without as string)).reasons).toEqual([
      { kind: 'not-due', until: null, sentence: 'It has no start time, and polls for due runs leave it out.' },
    ])

    const time = t.kind.dialect === 'postgres' ? '2035-01-01T12:00:00.123001Z' : '2035-01-01 12:00:00.123001'
    await t.make.set('flow_run', at as string, { next_scheduled_start_time: time })
    // Rounded up: at the millisecond that the database's time begins with, the run is not due yet.
    expect((await explain(t, at as string)).reasons).toMatchObject([
      { kind: 'not-due', until: addMilliseconds(now, 1) },
    ])
    expect(await explainFlowRun(t.db, at as string, { now: addMilliseconds(now, 1) })).toMatchObject({
      handedOut: true,
    })
  })

  test('a queue that takes runs by tag and deployment does not take one that does not match', async () => {
    const { queue } = await makePlace(t, { queue: { filter: { tags: ['a'], deployment_ids: null } } })
    const [matching, other] = await t.make.runs([
      due(0, { work_queue_id: queue, tags: ['a', 'b'], deployment_id: testId(1) }),
      due(0, { work_queue_id: queue, tags: ['b'], deployment_id: testId(1) }),
    ])
    expect((await explain(t, matching as string)).reasons).toEqual([handedOut])
    expect(await explain(t, other as string)).toEqual({
      flowRunId: other,
      handedOut: false,
      reasons: [
        {
          kind: 'not-in-filter',
          workQueueId: queue,
          workQueueName: 'nightly',
          sentence: 'The work queue "nightly" takes runs by tag and deployment, and it does not match.',
        },
      ],
    })
  })

  test('a run that waits for a retry in its process is left out by polls of its pool', async () => {
    const { queue } = await makePlace(t, { pool: agents })
    const empirical_policy = { retry_type: 'in_process' }
    const [byId, byName, rescheduled] = await t.make.runs([
      due(0, { work_queue_id: queue, empirical_policy }),
      due(0, { work_queue_name: 'nightly', empirical_policy }),
      due(0, { work_queue_id: queue, empirical_policy: { retry_type: 'reschedule' } }),
    ])
    expect(await explain(t, byId as string)).toEqual({
      flowRunId: byId,
      handedOut: false,
      reasons: [
        {
          kind: 'retried-in-process',
          sentence:
            'It waits for a retry inside the process that ran it before, and polls of its work pool leave it out.',
        },
      ],
    })
    expect((await explain(t, byName as string)).reasons).toEqual([handedOut])
    expect((await explain(t, rescheduled as string)).reasons).toEqual([handedOut])
  })

  test('a paused queue and a paused pool keep their runs; the pool’s pause, only those that belong to its queue by id', async () => {
    const { pool, queue } = await makePlace(t, { pool: { ...agents, is_paused: true }, queue: { is_paused: true } })
    const [byId, byName] = await t.make.runs([due(0, { work_queue_id: queue }), due(0, { work_queue_name: 'nightly' })])
    const queuePaused = {
      kind: 'queue-paused',
      workQueueId: queue,
      workQueueName: 'nightly',
      sentence: 'The work queue "nightly" is paused.',
    }
    expect(await explain(t, byId as string)).toEqual({
      flowRunId: byId,
      handedOut: false,
      reasons: [
        queuePaused,
        {
          kind: 'pool-paused',
          workPoolId: pool,
          workPoolName: 'default-agent-pool',
          sentence: 'The work pool "default-agent-pool" is paused.',
        },
      ],
    })
    expect((await explain(t, byName as string)).reasons).toEqual([queuePaused])
    await t.make.set('work_queue', queue, { is_paused: false })
    expect((await explain(t, byName as string)).reasons).toEqual([handedOut])
    expect(kindsOf(await explain(t, byId as string))).toEqual(['pool-paused'])
  })

  test('a run that is known by its queue’s name alone waits for the queue of that name in the default agent pool', async () => {
    const elsewhere = await makePlace(t)
    const id = await t.make.run(due(0, { work_queue_name: 'nightly' }))
    expect((await explain(t, id)).reasons).toMatchObject([{ kind: 'no-queue', workQueueName: 'nightly' }])

    const { queue } = await makePlace(t, { pool: agents, queue: { concurrency_limit: 0 } })
    expect((await explain(t, id)).reasons).toMatchObject([{ kind: 'queue-full', workQueueId: queue }])

    await t.make.set('work_queue', elsewhere.queue, { is_paused: true, concurrency_limit: 0 })
    await t.make.set('work_queue', queue, { concurrency_limit: null })
    expect(await explain(t, id)).toEqual({ flowRunId: id, handedOut: true, reasons: [handedOut] })
  })

  test.each(['', 'x', 7, null, undefined, {}])('refuses the id %j before the first query', async (id) => {
    const before = t.database.statements.length
    await expect(explainFlowRun(t.db, id as string)).rejects.toMatchObject({
      name: 'InvalidInputError',
      issues: [{ path: 'flowRunId' }],
    })
    expect(t.database.statements).toHaveLength(before)
  })

  test('refuses a time that is none, and unknown options', async () => {
    const id = testId(1)
    const refused = async (options: object, path: string): Promise<void> => {
      await expect(explainFlowRun(t.db, id, options)).rejects.toMatchObject({ issues: [{ path }] })
    }
    await refused({ now: new Date(NaN) }, 'now')
    await refused({ now: null }, 'now')
    await refused({ by: 'polls' }, 'by')
    await refused({ limit: 1 }, 'limit')
  })
})
