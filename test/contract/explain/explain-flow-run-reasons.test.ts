import { expect, test } from 'vitest'
import { describeOnDatabases } from '../../support/describe-databases.js'
import { ago, due, explain, kindsOf, makePlace, now } from './places.js'

const handedOut = { kind: 'handed-out', sentence: 'The next poll hands it out.' }

describeOnDatabases('explainFlowRun, of several reasons,', (t) => {
  test('says that nobody polls the queue, though the next poll would hand out the run', async () => {
    const { queue } = await makePlace(t, { queue: { last_polled: ago(60_001) } })
    const id = await t.make.run(due(0, { work_queue_id: queue }))
    expect(await explain(t, id)).toEqual({
      flowRunId: id,
      handedOut: true,
      reasons: [
        {
          kind: 'not-polled',
          workQueueId: queue,
          workQueueName: 'nightly',
          lastPolled: ago(60_001),
          sentence: 'The work queue "nightly" was last polled at 2035-01-01T11:59:00.122Z.',
        },
        handedOut,
      ],
    })
    await t.make.set('work_queue', queue, { last_polled: ago(60_000) })
    expect((await explain(t, id)).reasons).toEqual([handedOut])
    await t.make.set('work_queue', queue, { last_polled: null })
    expect((await explain(t, id)).reasons[0]).toEqual({
      kind: 'not-polled',
      workQueueId: queue,
      workQueueName: 'nightly',
      lastPolled: null,
      sentence: 'The work queue "nightly" was never polled.',
    })
  })

  test('says that no worker is online, except in a pool for agents', async () => {
    const pool = await t.make.pool({ name: 'etl' })
    const queue = await t.make.queue({ name: 'nightly', work_pool_id: pool, last_polled: now })
    const id = await t.make.run(due(0, { work_queue_id: queue }))
    const noWorker = {
      kind: 'no-worker',
      workPoolId: pool,
      workPoolName: 'etl',
      sentence: 'The work pool "etl" has no worker online.',
    }
    expect(await explain(t, id)).toEqual({ flowRunId: id, handedOut: true, reasons: [noWorker, handedOut] })
    const worker = await t.make.worker({ work_pool_id: pool, status: 'OFFLINE' })
    expect((await explain(t, id)).reasons).toEqual([noWorker, handedOut])
    await t.make.set('worker', worker, { status: 'ONLINE' })
    expect((await explain(t, id)).reasons).toEqual([handedOut])
    await t.make.set('worker', worker, { status: 'OFFLINE' })
    await t.make.set('work_pool', pool, { type: 'prefect-agent' })
    expect((await explain(t, id)).reasons).toEqual([handedOut])
  })

  test('gives every reason that holds, in order', async () => {
    const pool = await t.make.pool({ name: 'etl', is_paused: true, concurrency_limit: 0 })
    const queue = await t.make.queue({
      name: 'nightly',
      work_pool_id: pool,
      is_paused: true,
      concurrency_limit: 0,
      filter: { tags: ['a'], deployment_ids: null },
    })
    const id = await t.make.run(
      due(1, { work_queue_id: queue, state_type: 'PAUSED', empirical_policy: { retry_type: 'in_process' } }),
    )
    const explanation = await explain(t, id)
    expect(explanation.handedOut).toBe(false)
    expect(kindsOf(explanation)).toEqual([
      'not-scheduled',
      'not-due',
      'not-in-filter',
      'retried-in-process',
      'queue-paused',
      'pool-paused',
      'queue-full',
      'pool-full',
      'not-polled',
      'no-worker',
    ])
  })
})
