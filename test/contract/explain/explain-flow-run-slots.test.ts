import { addSeconds } from 'date-fns'
import { createFlowRuns, getScheduledFlowRuns, setFlowRunState } from 'kysely-work-queues'
import { expect, test } from 'vitest'
import { databases } from '../../support/databases.js'
import { describeOnDatabases } from '../../support/describe-databases.js'
import { testId } from '../../support/factory.js'
import { agents, ago, due, explain, kindsOf, makePlace, now } from './places.js'

describeOnDatabases('explainFlowRun, of slots and order,', (t) => {
  test('names who holds the slots of a full queue, and since when', async () => {
    const { queue } = await makePlace(t, { pool: agents, queue: { concurrency_limit: 3 } })
    // A run that was retried holds its slot since its current attempt.
    const retried = await createFlowRuns(t.db, [{ id: testId(1), name: 'retried', workQueueId: queue }], {
      now: ago(90_000),
    })
    for (const [type, seconds] of [
      ['PENDING', 80],
      ['RUNNING', 70],
      ['SCHEDULED', 60],
      ['PENDING', 50],
      ['RUNNING', 40],
    ] as const) {
      await setFlowRunState(t.db, retried[0]?.id as string, { type }, { now: ago(1000 * seconds) })
    }
    await t.make.runs([
      { id: testId(2), name: 'waiting', work_queue_id: queue, state_type: 'PENDING' },
      { id: testId(3), name: 'stopping', work_queue_name: 'nightly', state_type: 'CANCELLING' },
      { id: testId(4), name: 'done', work_queue_id: queue, state_type: 'COMPLETED' },
    ])
    await t.make.state({ flow_run_id: testId(2), type: 'PENDING', timestamp: ago(30_000) })

    const id = await t.make.run(due(0, { work_queue_id: queue }))
    expect(await explain(t, id)).toEqual({
      flowRunId: id,
      handedOut: false,
      reasons: [
        {
          kind: 'queue-full',
          workQueueId: queue,
          workQueueName: 'nightly',
          concurrencyLimit: 3,
          holders: [
            { flowRunId: testId(1), name: 'retried', stateType: 'RUNNING', slotAcquiredAt: ago(50_000) },
            { flowRunId: testId(2), name: 'waiting', stateType: 'PENDING', slotAcquiredAt: ago(30_000) },
            { flowRunId: testId(3), name: 'stopping', stateType: 'CANCELLING', slotAcquiredAt: null },
          ],
          sentence:
            'The work queue "nightly" has no open slot of 3: held by "retried" (RUNNING since 2035-01-01T11:59:10.123Z), ' +
            '"waiting" (PENDING since 2035-01-01T11:59:30.123Z), "stopping" (CANCELLING).',
        },
      ],
    })
  })

  test('names who holds the slots of a full pool: PENDING and RUNNING runs of all of its queues', async () => {
    const { pool, queue } = await makePlace(t, { pool: { concurrency_limit: 1 } })
    const other = await t.make.queue({ work_pool_id: pool, is_paused: true })
    const elsewhere = await t.make.queue({ name: 'nightly' })
    const [holder, id] = await t.make.runs([
      { name: 'holder', work_queue_id: other, state_type: 'RUNNING' },
      due(0, { work_queue_id: queue }),
      { work_queue_id: elsewhere, state_type: 'RUNNING' },
      { work_queue_name: 'nightly', state_type: 'RUNNING' },
      { work_queue_id: queue, state_type: 'CANCELLING' },
    ])
    await t.make.state({ flow_run_id: holder as string, type: 'RUNNING', timestamp: ago(1000) })
    expect(await explain(t, id as string)).toEqual({
      flowRunId: id,
      handedOut: false,
      reasons: [
        {
          kind: 'pool-full',
          workPoolId: pool,
          workPoolName: 'etl',
          concurrencyLimit: 1,
          holders: [{ flowRunId: holder, name: 'holder', stateType: 'RUNNING', slotAcquiredAt: ago(1000) }],
          sentence:
            'The work pool "etl" has no open slot of 1: held by "holder" (RUNNING since 2035-01-01T11:59:59.123Z).',
        },
      ],
    })
  })

  test('a limit of none has no holders, and a pool’s limit does not keep a run that belongs to a queue by name', async () => {
    const { queue } = await makePlace(t, { pool: { ...agents, concurrency_limit: 0 } })
    const [byName, byId] = await t.make.runs([due(0, { work_queue_name: 'nightly' }), due(0, { work_queue_id: queue })])
    expect(await explain(t, byName as string)).toMatchObject({ handedOut: true })
    expect((await explain(t, byId as string)).reasons).toMatchObject([
      { kind: 'pool-full', holders: [], sentence: 'The work pool "default-agent-pool" has no open slot of 0.' },
    ])
  })

  test('names at most a hundred holders, by id, and counts the others in the sentence', async () => {
    const { queue } = await makePlace(t, { queue: { concurrency_limit: 102 } })
    await t.make.runs(
      Array.from({ length: 105 }, (_, index) => ({
        id: testId(500 - index),
        name: `holder-${index}`,
        work_queue_id: queue,
        state_type: 'RUNNING',
      })),
    )
    const id = await t.make.run(due(0, { work_queue_id: queue }))
    const [reason] = (await explain(t, id)).reasons
    expect(reason).toMatchObject({
      kind: 'queue-full',
      concurrencyLimit: 102,
      sentence:
        'The work queue "nightly" has no open slot of 102: held by "holder-104" (RUNNING), "holder-103" (RUNNING), ' +
        '"holder-102" (RUNNING) and 97 more.',
    })
    const holders = reason !== undefined && 'holders' in reason ? reason.holders : []
    expect(holders.map(({ flowRunId }) => flowRunId)).toEqual(
      Array.from({ length: 100 }, (_, index) => testId(396 + index)),
    )
  })

  test('a run is behind the due runs of its limited queue, by start time and then id', async () => {
    const { queue } = await makePlace(t, { pool: agents, queue: { concurrency_limit: 3, priority: 7 } })
    await t.make.run({ work_queue_id: queue, state_type: 'RUNNING' })
    const row = { work_queue_id: queue }
    const [first, second, third, last] = await t.make.runs([
      due(-2, { ...row, id: testId(9) }),
      due(-1, { work_queue_name: 'nightly', id: testId(3) }),
      due(-1, { ...row, id: testId(4) }),
      due(-1, { ...row, id: testId(5) }),
      // None of these comes before it.
      due(-1, { ...row, id: testId(6) }),
      due(1, row),
      row,
      due(-9, { ...row, state_type: 'COMPLETED' }),
      due(-9, { work_queue_id: await t.make.queue({ name: 'nightly' }) }),
    ])
    expect(await explain(t, first as string)).toMatchObject({ handedOut: true })
    expect(await explain(t, second as string)).toMatchObject({ handedOut: true })
    const behind = (runs: number): object => ({
      kind: 'behind',
      scope: 'queue',
      runs,
      openSlots: 2,
      ahead: [{ workQueueId: queue, workQueueName: 'nightly', priority: 7, runs }],
      sentence: `It is behind ${runs} runs in its queue (${runs} of "nightly", priority 7), and the next poll hands out 2.`,
    })
    expect(await explain(t, third as string)).toEqual({ flowRunId: third, handedOut: false, reasons: [behind(2)] })
    const { reasons } = await explain(t, last as string)
    expect(reasons[0]).toEqual(behind(3))
  })

  test('a run is behind runs of its limited pool, by their queues’ priorities', async () => {
    const { pool, queue } = await makePlace(t, { pool: { concurrency_limit: 4 }, queue: { priority: 30 } })
    const urgent = await t.make.queue({ name: 'urgent', work_pool_id: pool, priority: 10, concurrency_limit: 2 })
    const paused = await t.make.queue({ work_pool_id: pool, priority: 11, is_paused: true })
    const low = await t.make.queue({ name: 'low', work_pool_id: pool, priority: 40 })
    await t.make.run({ work_queue_id: low, state_type: 'RUNNING' })
    await t.make.runs([
      // No more of these than the queue's own limit lets in.
      ...[1, 2, 3].map((n) => due(-n, { id: testId(n), work_queue_id: urgent })),
      due(-9, { work_queue_id: paused }),
      due(-9, { work_queue_id: low }),
      due(-9, { work_queue_name: 'nightly' }),
      due(-2, { id: testId(4), name: 'before', work_queue_id: queue }),
      due(-1, { id: testId(5), work_queue_id: queue }),
    ])
    await t.make.run(due(-9, { work_queue_id: queue, empirical_policy: { retry_type: 'in_process' } }))
    expect(await explain(t, testId(4))).toMatchObject({ handedOut: true })
    expect(await explain(t, testId(5))).toEqual({
      flowRunId: testId(5),
      handedOut: false,
      reasons: [
        {
          kind: 'behind',
          scope: 'pool',
          runs: 3,
          openSlots: 3,
          ahead: [
            { workQueueId: urgent, workQueueName: 'urgent', priority: 10, runs: 2 },
            { workQueueId: queue, workQueueName: 'nightly', priority: 30, runs: 1 },
          ],
          sentence:
            'It is behind 3 runs in its pool (2 of "urgent", priority 10; 1 of "nightly", priority 30), ' +
            'and the next poll hands out 3.',
        },
      ],
    })
  })

  test('a run can be behind in its queue and in its pool, and both can be full', async () => {
    const { pool, queue } = await makePlace(t, { pool: { concurrency_limit: 1 }, queue: { concurrency_limit: 1 } })
    const [first, second] = await t.make.runs([due(-2, { work_queue_id: queue }), due(-1, { work_queue_id: queue })])
    expect(kindsOf(await explain(t, second as string))).toEqual(['behind in queue'])
    await t.make.run(due(0, { work_queue_id: await t.make.queue({ work_pool_id: pool, priority: 2 }) }))
    expect(kindsOf(await explain(t, first as string))).toEqual(['behind in pool'])

    await t.make.run({ work_queue_id: queue, state_type: 'RUNNING' })
    expect(kindsOf(await explain(t, first as string))).toEqual(['queue-full', 'pool-full'])
    expect(kindsOf(await explain(t, second as string))).toEqual(['queue-full', 'pool-full', 'behind in queue'])
  })

  test('a run that is behind more than a poll of its pool returns is behind, without a limit too', async () => {
    const { pool, queue } = await makePlace(t)
    await t.make.runs(Array.from({ length: 1000 }, () => due(-10, { work_queue_id: queue })))
    const id = await t.make.run(due(0, { work_queue_id: queue }))
    expect((await explain(t, id)).reasons).toMatchObject([
      { kind: 'behind', scope: 'pool', runs: 1000, openSlots: 1000 },
    ])
    const polled = await getScheduledFlowRuns(t.db, { workPoolIds: [pool], scheduledBefore: now })
    expect(polled.map(({ flowRun }) => flowRun.id)).not.toContain(id)
  })

  test('a queue that takes runs by tag is full and has an order by what matches', async () => {
    const { queue } = await makePlace(t, {
      queue: { concurrency_limit: 2, priority: 5, filter: { tags: ['a'], deployment_ids: [testId(1)] } },
    })
    const row = { work_queue_id: queue, tags: ['a'], deployment_id: testId(1) }
    const [, , second, third] = await t.make.runs([
      { ...row, work_queue_id: null, name: 'holder', state_type: 'RUNNING' },
      { ...row, state_type: 'CANCELLING' },
      due(-2, row),
      due(-1, row),
    ])
    expect(await explain(t, second as string)).toMatchObject({ handedOut: true })
    expect((await explain(t, third as string)).reasons).toMatchObject([
      { kind: 'behind', scope: 'queue', runs: 1, openSlots: 1 },
    ])
    await t.make.set('work_queue', queue, { concurrency_limit: 1 })
    expect((await explain(t, second as string)).reasons).toMatchObject([
      { kind: 'queue-full', concurrencyLimit: 1, holders: [{ name: 'holder', stateType: 'RUNNING' }] },
    ])
  })
})

describeOnDatabases(
  'explainFlowRun in a transaction',
  (t) => {
    test('sees what the transaction sees, and locks nothing', async () => {
      const { pool, queue } = await makePlace(t, { pool: { concurrency_limit: 5 }, queue: { concurrency_limit: 5 } })
      const id = await t.make.run(due(0, { work_queue_id: queue }))
      const other = t.database.connect()
      await t.db.transaction().execute(async (trx) => {
        await setFlowRunState(trx, id, { type: 'SCHEDULED', scheduledTime: addSeconds(now, 5) }, { now })
        expect(kindsOf(await explain({ db: trx }, id))).toEqual(['not-due'])
        const next = await t.make.run(due(0, { work_queue_id: queue }))
        expect(await explain({ db: trx }, next)).toMatchObject({ handedOut: true })
        await other.transaction().execute(async (concurrent) => {
          const polled = await getScheduledFlowRuns(concurrent, { workPoolIds: [pool], scheduledBefore: now })
          expect(polled.map(({ flowRun }) => flowRun.id)).toEqual([next])
        })
      })
    })
  },
  databases.filter(({ dialect }) => dialect === 'postgres'),
)
