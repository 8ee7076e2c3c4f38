import { addMilliseconds, addSeconds } from 'date-fns'
import { explainWorkQueue, formatExplanation, getRunsInWorkQueue } from 'kysely-work-queues'
import { expect, test } from 'vitest'
import { databases } from '../../support/databases.js'
import { describeOnDatabases } from '../../support/describe-databases.js'
import { allRows, testId } from '../../support/factory.js'
import { agents, ago, due, kindsOf, makePlace, now } from './places.js'

describeOnDatabases('explainWorkQueue', (t) => {
  const explain = async (id: string) => await explainWorkQueue(t.db, id, { by: 'poll', now })

  test('counts the scheduled, due, late and active runs of the queue, and changes nothing', async () => {
    const { pool, queue } = await makePlace(t, {
      pool: { ...agents, concurrency_limit: 9 },
      queue: { concurrency_limit: 5, status: 'READY' },
    })
    const row = { work_queue_id: queue }
    await t.make.runs([
      due(-5, { ...row, state_name: 'Late' }),
      due(0, { work_queue_name: 'nightly' }),
      due(1, row),
      row,
      { ...row, state_type: 'PENDING' },
      { ...row, state_type: 'RUNNING' },
      { work_queue_name: 'nightly', state_type: 'CANCELLING' },
      { ...row, state_type: 'COMPLETED' },
      { ...row, state_type: 'PAUSED' },
      // Of other queues.
      due(-5, { work_queue_name: 'other' }),
      due(-9, { work_queue_id: await t.make.queue({ name: 'nightly' }), work_queue_name: 'nightly' }),
    ])
    const before = await allRows(t.database)
    expect(await explain(queue)).toEqual({
      workQueueId: queue,
      workQueueName: 'nightly',
      workPoolId: pool,
      workPoolName: 'default-agent-pool',
      status: 'READY',
      lastPolled: now,
      scheduled: 4,
      due: 2,
      late: 1,
      active: 3,
      countLimit: 10_000,
      openSlots: 2,
      openPoolSlots: 7,
      nextStartTime: addSeconds(now, -5),
      reasons: [],
    })
    expect(await allRows(t.database)).toEqual(before)
  })

  test('gives every reason that holds the queue back, in order', async () => {
    const pool = await t.make.pool({ name: 'etl', is_paused: true, concurrency_limit: 1 })
    const queue = await t.make.queue({ name: 'nightly', work_pool_id: pool, is_paused: true, concurrency_limit: 1 })
    const [holder] = await t.make.runs([
      { name: 'holder', work_queue_id: queue, state_type: 'RUNNING' },
      due(7, { work_queue_id: queue }),
    ])
    await t.make.state({ flow_run_id: holder as string, type: 'RUNNING', timestamp: ago(1000) })
    const held = {
      concurrencyLimit: 1,
      holders: [{ flowRunId: holder, name: 'holder', stateType: 'RUNNING', slotAcquiredAt: ago(1000) }],
    }
    const { openSlots, openPoolSlots, nextStartTime, reasons } = await explain(queue)
    expect({ openSlots, openPoolSlots, nextStartTime }).toEqual({
      openSlots: 0,
      openPoolSlots: 0,
      nextStartTime: addSeconds(now, 7),
    })
    expect(reasons).toEqual([
      {
        kind: 'queue-paused',
        workQueueId: queue,
        workQueueName: 'nightly',
        sentence: 'The work queue "nightly" is paused.',
      },
      { kind: 'pool-paused', workPoolId: pool, workPoolName: 'etl', sentence: 'The work pool "etl" is paused.' },
      {
        kind: 'queue-full',
        workQueueId: queue,
        workQueueName: 'nightly',
        ...held,
        sentence:
          'The work queue "nightly" has no open slot of 1: held by "holder" (RUNNING since 2035-01-01T11:59:59.123Z).',
      },
      {
        kind: 'pool-full',
        workPoolId: pool,
        workPoolName: 'etl',
        ...held,
        sentence:
          'The work pool "etl" has no open slot of 1: held by "holder" (RUNNING since 2035-01-01T11:59:59.123Z).',
      },
      {
        kind: 'nothing-due',
        nextStartTime: addSeconds(now, 7),
        sentence: 'No run is due before 2035-01-01T12:00:07.123Z.',
      },
      {
        kind: 'not-polled',
        workQueueId: queue,
        workQueueName: 'nightly',
        lastPolled: null,
        sentence: 'The work queue "nightly" was never polled.',
      },
      {
        kind: 'no-worker',
        workPoolId: pool,
        workPoolName: 'etl',
        sentence: 'The work pool "etl" has no worker online.',
      },
    ])
  })

  test('an empty queue without limits has no next start time', async () => {
    const { queue } = await makePlace(t)
    await t.make.run({ work_queue_id: queue })
    expect(await explain(queue)).toMatchObject({
      scheduled: 1,
      due: 0,
      openSlots: null,
      openPoolSlots: null,
      nextStartTime: null,
      reasons: [
        { kind: 'nothing-due', nextStartTime: null, sentence: 'No run is due, and none is scheduled to become due.' },
      ],
    })
  })

  test('the next start time is the first of those by id and by name', async () => {
    const { queue } = await makePlace(t, { pool: agents })
    await t.make.runs([due(9, { work_queue_id: queue }), due(8, { work_queue_name: 'nightly' })])
    expect(await explain(queue)).toMatchObject({ nextStartTime: addSeconds(now, 8) })
    await t.make.run({ work_queue_id: queue, next_scheduled_start_time: addMilliseconds(now, 7001) })
    expect(await explain(queue)).toMatchObject({ nextStartTime: addMilliseconds(now, 7001) })
  })

  test('a queue that takes runs by tag and deployment counts what matches', async () => {
    const filter = { tags: ['a'], deployment_ids: [testId(1)] }
    const { queue } = await makePlace(t, { queue: { filter, concurrency_limit: 3 } })
    const matching = { tags: ['a', 'b'], deployment_id: testId(1), work_queue_id: await t.make.queue() }
    await t.make.runs([
      due(-1, matching),
      due(-2, { ...matching, tags: ['b'] }),
      due(-3, { ...matching, work_queue_id: queue, deployment_id: testId(2) }),
      { ...matching, state_type: 'RUNNING' },
      { ...matching, state_type: 'CANCELLING' },
    ])
    expect(await explain(queue)).toMatchObject({
      scheduled: 1,
      due: 1,
      active: 1,
      openSlots: 2,
      nextStartTime: addSeconds(now, -1),
      reasons: [],
    })
    expect((await getRunsInWorkQueue(t.db, queue, { scheduledBefore: now })).runs).toHaveLength(1)
  })

  test('reads a queue by its id in either case, at the clock’s time', async () => {
    const { queue } = await makePlace(t)
    await t.make.run({ work_queue_id: queue, next_scheduled_start_time: addSeconds(new Date(), -60) })
    const explanation = await explainWorkQueue(t.db, queue.toUpperCase())
    expect(explanation).toMatchObject({ workQueueId: queue, due: 1 })
    expect(kindsOf(explanation)).toEqual([])
  })

  test('a missing queue is an error', async () => {
    const id = testId(404)
    await expect(explain(id)).rejects.toMatchObject({
      name: 'WorkQueueNotFoundError',
      code: 'WORK_QUEUE_NOT_FOUND',
      id,
    })
  })

  test.each(['', 'x', 7, null, undefined, {}])('refuses the id %j before the first query', async (id) => {
    const before = t.database.statements.length
    await expect(explainWorkQueue(t.db, id as string)).rejects.toMatchObject({
      name: 'InvalidInputError',
      issues: [{ path: 'id' }],
    })
    expect(t.database.statements).toHaveLength(before)
  })

  test('refuses a time that is none, and unknown options', async () => {
    const refused = async (options: object, path: string): Promise<void> => {
      await expect(explainWorkQueue(t.db, testId(1), options)).rejects.toMatchObject({ issues: [{ path }] })
    }
    await refused({ now: new Date(NaN) }, 'now')
    await refused({ now: null }, 'now')
    await refused({ limit: 1 }, 'limit')
  })
})

describeOnDatabases(
  'explainWorkQueue of a large queue',
  (t) => {
    test('stops counting at ten thousand', async () => {
      const { queue } = await makePlace(t, { queue: { concurrency_limit: 20_000 } })
      const many = (row: object): object[] => Array.from({ length: 10_001 }, () => row)
      await t.make.runs([
        ...many(due(-1, { work_queue_id: queue, state_name: 'Late' })),
        ...many({ work_queue_id: queue, state_type: 'RUNNING' }),
      ] as Parameters<typeof t.make.runs>[0])
      const explanation = await explainWorkQueue(t.db, queue, { now })
      expect(explanation).toMatchObject({
        countLimit: 10_000,
        scheduled: 10_000,
        due: 10_000,
        late: 10_000,
        active: 10_000,
        // Slots are counted as far as the limit goes.
        openSlots: 9_999,
        reasons: [],
      })
      expect(formatExplanation(explanation)).toContain(
        'scheduled 10000 or more, due 10000 or more, late 10000 or more, active 10000 or more',
      )
    })
  },
  databases.filter(({ name }) => name === 'SQLite in memory' || name === 'PostgreSQL'),
)
