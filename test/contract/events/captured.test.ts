import { sql } from 'kysely'
import {
  claimRunsInWorkQueue,
  createFlowRuns,
  createWorkPool,
  createWorkQueue,
  deleteWorkPool,
  getRunsInWorkQueue,
  getScheduledFlowRuns,
  markWorkersOffline,
  recordWorkerHeartbeat,
  recordWorkQueuePolls,
  setFlowRunState,
  setFlowRunStates,
  updateWorkPool,
  updateWorkQueue,
} from 'kysely-work-queues'
import { expect, test } from 'vitest'
import { databases, withEventLog } from '../../support/databases.js'
import { describeOnDatabases } from '../../support/describe-databases.js'
import { makeWorld, writingCalls } from '../../support/every-call.js'
import { testId } from '../../support/factory.js'
import { expectReplayed, readWorld, takeAll, told } from './replay-events.js'

const kinds = databases.map(withEventLog)

// What an event tells is compared with what was stored before and after, read by the library.

describeOnDatabases(
  'the event log',
  (t) => {
    test.each(Object.entries(writingCalls).filter(([name]) => name !== 'takeEvents'))(
      'has what %s changes, and nothing else',
      async (_, call) => {
        await makeWorld(t.make)
        await takeAll(t.db)
        const before = await readWorld(t.db)
        await call(t.db, () => {})
        const events = await takeAll(t.db)
        expectReplayed(before, events, await readWorld(t.db))
      },
    )

    test('has nothing of what is rolled back', async () => {
      await makeWorld(t.make)
      await takeAll(t.db)
      for (const call of Object.values(writingCalls)) {
        const trx = await t.db.startTransaction().execute()
        await call(trx, () => {})
        await trx.rollback().execute()
      }
      expect(await takeAll(t.db)).toEqual([])
    })

    test('has nothing of polls, of claims that find nothing, and of heartbeats that change the time alone', async () => {
      const pool = await createWorkPool(t.db, { name: 'p', concurrencyLimit: 5 })
      const queue = await createWorkQueue(t.db, { name: 'q', workPoolId: pool.id, concurrencyLimit: 2 })
      await recordWorkerHeartbeat(t.db, pool.id, 'w', { heartbeatIntervalSeconds: 30 })
      await recordWorkQueuePolls(t.db, { polledWorkQueueIds: [queue.id], readyWorkQueueIds: [queue.id] })
      await takeAll(t.db)
      await recordWorkerHeartbeat(t.db, pool.id, 'w', { heartbeatIntervalSeconds: 60 })
      await recordWorkQueuePolls(t.db, { polledWorkQueueIds: [queue.id], readyWorkQueueIds: [queue.id] })
      await getRunsInWorkQueue(t.db, queue.id)
      await getScheduledFlowRuns(t.db, { workPoolIds: [pool.id] })
      await claimRunsInWorkQueue(t.db, queue.id, { recordPolls: true })
      await updateWorkQueue(t.db, queue.id, { name: 'q', concurrencyLimit: 2, priority: queue.priority })
      await updateWorkPool(t.db, pool.id, { concurrencyLimit: 5, description: pool.description })
      await markWorkersOffline(t.db)
      expect(await takeAll(t.db)).toEqual([])
    })

    test('has nothing of a host’s statements that change what no event is of, or nothing', async () => {
      const pool = await t.make.pool()
      const queue = await t.make.queue({ work_pool_id: pool, filter: { tags: ['a', 'b'], deployment_ids: null } })
      const worker = await t.make.worker({ work_pool_id: pool })
      const run = await t.make.run({ work_queue_id: queue })
      await takeAll(t.db)
      const time = new Date('2035-01-01T00:00:00Z')
      await t.make.set('work_pool', pool, { updated: time, status: 'NOT_READY', last_transitioned_status_at: time })
      // The same JSON, its keys in another order.
      await t.make.set('work_queue', queue, { last_polled: time, filter: { deployment_ids: null, tags: ['a', 'b'] } })
      await t.make.set('worker', worker, { last_heartbeat_time: time, heartbeat_interval_seconds: 7, status: 'ONLINE' })
      await t.make.set('flow_run', run, { name: 'other', run_count: 3, end_time: time, work_queue_id: null })
      await t.database.plain
        .updateTable('flow_run')
        .set({ state_type: sql.ref('state_type') })
        .execute()
      expect(await takeAll(t.db)).toEqual([])
      await t.make.set('work_queue', queue, { filter: { deployment_ids: null, tags: ['b', 'a'] } })
      expect(await takeAll(t.db)).toHaveLength(1)
    })

    test('tells each property that changed, before and after, and no other', async () => {
      const pool = await createWorkPool(t.db, { name: 'p', type: 'process', baseJobTemplate: { a: 1 } })
      const queue = await createWorkQueue(t.db, { name: 'q', workPoolId: pool.id })
      await takeAll(t.db)
      await updateWorkQueue(t.db, queue.id, { isPaused: true, concurrencyLimit: 3, description: 'd' })
      const filter = { tags: ['é', "'"], deploymentIds: [testId(1)] }
      await updateWorkQueue(t.db, queue.id, { filter, concurrencyLimit: 3 })
      await updateWorkQueue(t.db, queue.id, { filter: null })
      await updateWorkPool(t.db, pool.id, { baseJobTemplate: { a: { b: [true, null] } }, isPaused: true })
      const queueEvent = { resource: 'work-queue', resourceId: queue.id, kind: 'updated' }
      expect(await takeAll(t.db)).toMatchObject([
        {
          ...queueEvent,
          before: { isPaused: false, concurrencyLimit: null, description: '', status: 'NOT_READY' },
          after: { isPaused: true, concurrencyLimit: 3, description: 'd', status: 'PAUSED' },
        },
        { ...queueEvent, before: { filter: null }, after: { filter } },
        { ...queueEvent, before: { filter }, after: { filter: null } },
        {
          resource: 'work-pool',
          resourceId: pool.id,
          before: { isPaused: false, status: 'NOT_READY', baseJobTemplate: { a: 1 } },
          after: { isPaused: true, status: 'PAUSED', baseJobTemplate: { a: { b: [true, null] } } },
        },
      ])
    })

    test('tells a run’s states, in order, and has a new run as it is but for large JSON', async () => {
      const start = new Date('2035-01-01T12:00:00.123Z')
      const input = {
        name: 'r',
        workQueueName: 'none',
        tags: ['a'],
        nextScheduledStartTime: start,
        parameters: { a: 1 },
      }
      const [run] = await createFlowRuns(t.db, [{ ...input, flowId: testId(9), idempotencyKey: 'k' }])
      const claimed = await setFlowRunState(t.db, run?.id ?? '', { type: 'PENDING' })
      const [ended] = (await setFlowRunStates(t.db, [{ id: claimed.id, type: 'COMPLETED', name: 'Done' }])).changed
      await t.database.plain.deleteFrom('flow_run').where('id', '=', claimed.id).execute()
      const events = await takeAll(t.db)
      const facts = {
        name: 'r',
        flowId: testId(9),
        deploymentId: null,
        workQueueId: null,
        workQueueName: 'none',
        nextScheduledStartTime: start,
        tags: ['a'],
        idempotencyKey: 'k',
        infrastructurePid: null,
      }
      const scheduled = { stateId: run?.stateId, stateType: 'SCHEDULED', stateName: 'Scheduled' }
      const pending = { stateId: claimed.stateId, stateType: 'PENDING', stateName: 'Pending' }
      const done = { stateId: ended?.stateId, stateType: 'COMPLETED', stateName: 'Done' }
      const event = { id: expect.any(String), occurred: expect.any(Date), resource: 'flow-run', resourceId: claimed.id }
      expect(events).toEqual([
        {
          ...event,
          kind: 'created',
          before: null,
          after: { ...facts, ...scheduled, stateId: null, stateTimestamp: run?.stateTimestamp },
        },
        { ...event, kind: 'updated', before: scheduled, after: pending },
        { ...event, kind: 'updated', before: pending, after: done },
        {
          ...event,
          kind: 'deleted',
          before: {
            ...facts,
            ...done,
            stateTimestamp: ended?.stateTimestamp,
            nextScheduledStartTime: ended?.nextScheduledStartTime,
          },
          after: null,
        },
      ])
      expect(new Set(events.map(({ id }) => id)).size).toBe(4)
      for (const { occurred } of events) expect(Math.abs(occurred.getTime() - Date.now())).toBeLessThan(60_000)
    })

    test('has what a cascade deletes', async () => {
      const pool = await createWorkPool(t.db, { name: 'p' })
      const queues = await Promise.all(['a', 'b'].map((name) => createWorkQueue(t.db, { name, workPoolId: pool.id })))
      await recordWorkerHeartbeat(t.db, pool.id, 'w1')
      await recordWorkerHeartbeat(t.db, pool.id, 'w2')
      await createFlowRuns(
        t.db,
        queues.map(({ id }) => ({ workQueueId: id })),
      )
      const before = await readWorld(t.db)
      await takeAll(t.db)
      // As a host may delete it: the database does the rest.
      await t.database.plain.updateTable('work_pool').set({ default_queue_id: null }).execute()
      await t.database.plain.deleteFrom('work_pool').where('id', '=', pool.id).execute()
      const events = await takeAll(t.db)
      expectReplayed(before, events, await readWorld(t.db))
      expect(told(events).toSorted()).toEqual([
        'work-pool deleted',
        `work-pool updated { defaultQueueId: ${pool.defaultQueueId} -> null }`,
        'work-queue deleted',
        'work-queue deleted',
        'work-queue deleted',
        'worker deleted',
        'worker deleted',
      ])
    })

    test('has each run of a statement of many, once', async () => {
      const queue = await t.make.queue()
      const inputs = Array.from({ length: 700 }, () => ({ workQueueId: queue }))
      const runs = await createFlowRuns(t.db, inputs)
      await takeAll(t.db)
      await t.database.plain.updateTable('flow_run').set({ state_name: 'Late' }).execute()
      const events = await takeAll(t.db)
      expect(events.map(({ resourceId }) => resourceId).toSorted()).toEqual(runs.map(({ id }) => id).toSorted())
      expect(new Set(told(events))).toEqual(new Set(['flow-run updated { stateName: Scheduled -> Late }']))
      await t.database.plain.deleteFrom('flow_run').execute()
      expect(new Set(told(await takeAll(t.db)))).toEqual(new Set(['flow-run deleted']))
    })

    test('is told the same way of a pool that is deleted by the library', async () => {
      const { id } = await createWorkPool(t.db, { name: 'p' })
      await takeAll(t.db)
      const before = await readWorld(t.db)
      await deleteWorkPool(t.db, id)
      expectReplayed(before, await takeAll(t.db), await readWorld(t.db))
    })
  },
  kinds,
)
