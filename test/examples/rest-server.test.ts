import { addMinutes, subSeconds } from 'date-fns'
import { createFlowRuns, readWorkQueue, setFlowRunState } from 'kysely-work-queues'
import { expect, test } from 'vitest'
import { postgres, sqliteMemory } from '../support/databases.js'
import { describeOnDatabases } from '../support/describe-databases.js'
import { testId } from '../support/factory.js'
import { serveEach } from './serve-example.js'

describeOnDatabases(
  'the example of a REST server',
  (t) => {
    const server = serveEach(t)
    const { send } = server

    test('creates, reads, updates and deletes a queue, in Prefect’s JSON', async () => {
      const created = await send('POST', '/work_queues/', { name: 'etl', concurrency_limit: 2, description: 'nightly' })
      expect(created).toMatchObject({
        status: 201,
        body: { name: 'etl', is_paused: false, concurrency_limit: 2, active_slots: 0, filter: null, last_polled: null },
      })
      expect(created.body).toMatchObject({ work_pool_name: 'default-agent-pool', status: 'NOT_READY', priority: 2 })
      const path = `/work_queues/${created.body.id}`

      const patched = await send('PATCH', path, { is_paused: true, concurrency_limit: null, priority: 5 })
      expect(patched).toMatchObject({ status: 204, body: undefined })
      const read = await send('GET', path)
      expect(read.body).toMatchObject({ is_paused: true, concurrency_limit: null, active_slots: null, priority: 5 })
      expect(read.body).toMatchObject({ status: 'PAUSED', description: 'nightly' })
      expect((await send('GET', '/work_queues/name/etl')).body).toEqual(read.body)

      const filter = { operator: 'and_', id: null, name: { any_: null, startswith_: ['ET'] } }
      expect((await send('POST', '/work_queues/filter', { work_queues: filter })).body).toEqual([read.body])
      expect((await send('POST', '/work_queues/filter', { work_queues: { name: { any_: [] } } })).body).toEqual([])
      const everything = { work_queues: null, limit: null, offset: null }
      expect((await send('POST', '/work_queues/filter', everything)).body).toHaveLength(2)
      expect((await send('POST', '/work_queues/filter')).body).toHaveLength(2)

      expect((await send('DELETE', path)).status).toBe(204)
      expect((await send('GET', path)).status).toBe(404)
    })

    test('takes a queue’s filter and times, which have Prefect’s names and formats too', async () => {
      const filter = { tags: ['a'], deployment_ids: [testId(1)] }
      const { body } = await send('POST', '/work_queues/', { name: 'tagged', filter })
      expect(body.filter).toEqual(filter)
      await send('PATCH', `/work_queues/${body.id}`, { last_polled: '2035-01-01T12:00:00+01:00' })
      expect((await readWorkQueue(t.db, body.id))?.lastPolled).toEqual(new Date('2035-01-01T11:00:00Z'))
    })

    test('hands out runs to polls of a queue, and takes the poll down, unless a person looks', async () => {
      const { body: queue } = await send('POST', '/work_queues/', { name: 'etl', concurrency_limit: 2 })
      const now = new Date()
      const runs = await createFlowRuns(t.db, [
        { name: 'first', workQueueId: queue.id, nextScheduledStartTime: subSeconds(now, 2), parameters: { a_B: 1 } },
        { name: 'second', workQueueId: queue.id, nextScheduledStartTime: subSeconds(now, 1) },
        { name: 'third', workQueueId: queue.id, nextScheduledStartTime: now },
      ])
      const poll = { scheduled_before: now.toISOString(), limit: 10 }
      const path = `/work_queues/${queue.id}`

      const looked = await send('POST', `${path}/get_runs`, poll, { 'x-prefect-ui': 'true' })
      expect(looked.body.map(({ name }: { name: string }) => name)).toEqual(['first', 'second'])
      expect((await send('GET', path)).body).toMatchObject({ status: 'NOT_READY', last_polled: null })

      const polled = await send('POST', `${path}/get_runs`, poll)
      expect(polled.body[0]).toMatchObject({
        id: runs[0]?.id,
        parameters: { a_B: 1 },
        next_scheduled_start_time: subSeconds(now, 2).toISOString(),
        state: { id: runs[0]?.stateId, type: 'SCHEDULED', name: 'Scheduled' },
      })
      expect((await send('GET', path)).body).toMatchObject({ status: 'READY', last_polled: expect.any(String) })

      await setFlowRunState(t.db, runs[0]?.id ?? '', { type: 'RUNNING' })
      expect((await send('GET', path)).body.active_slots).toBe(1)
      expect((await send('POST', `${path}/get_runs`, poll)).body).toHaveLength(1)
      expect((await send('POST', `${path}/concurrency_status`, { page: 1, limit: 1 })).body).toMatchObject({
        active_slots: 1,
        concurrency_limit: 2,
        flow_runs: [{ name: 'first', state_type: 'RUNNING', time_in_current_state: expect.any(Number) }],
        pages: 1,
      })
      expect((await send('GET', `${path}/status`)).body).toMatchObject({
        healthy: true,
        late_runs_count: 0,
        health_check_policy: { maximum_late_runs: 0, maximum_seconds_since_last_polled: 60 },
      })
    })

    test('serves pools, their queues and their workers by name', async () => {
      const pool = await send('POST', '/work_pools/', {
        name: 'k8s',
        type: 'kubernetes',
        concurrency_limit: 1,
        base_job_template: { job_configuration: { aB: 1 }, variables: { type: 'object' } },
      })
      expect(pool).toMatchObject({
        status: 201,
        body: { type: 'kubernetes', status: 'NOT_READY', active_slots: 0, default_queue_id: expect.any(String) },
      })
      expect(pool.body.base_job_template).toEqual({ job_configuration: { aB: 1 }, variables: { type: 'object' } })
      const gpu = await send('POST', '/work_pools/k8s/queues', { name: 'gpu', priority: 1 })
      expect(gpu).toMatchObject({
        status: 201,
        body: { work_pool_name: 'k8s', work_pool_id: pool.body.id, priority: 1 },
      })
      const queues = await send('POST', '/work_pools/k8s/queues/filter', {})
      expect(queues.body.map((queue: any) => [queue.name, queue.priority])).toEqual([
        ['gpu', 1],
        ['default', 2],
      ])

      await createFlowRuns(t.db, [
        { name: 'low', workQueueId: pool.body.default_queue_id, nextScheduledStartTime: addMinutes(new Date(), -5) },
        { name: 'high', workQueueId: gpu.body.id, nextScheduledStartTime: addMinutes(new Date(), -1) },
      ])
      const poll = { scheduled_before: new Date().toISOString() }
      const path = '/work_pools/k8s/get_scheduled_flow_runs'
      expect((await send('POST', path, poll)).body).toMatchObject([
        {
          work_pool_id: pool.body.id,
          work_queue_id: gpu.body.id,
          flow_run: { name: 'high', state: { type: 'SCHEDULED' } },
        },
      ])
      expect((await send('POST', path, { ...poll, work_queue_names: ['default'] })).body).toMatchObject([
        { flow_run: { name: 'low' } },
      ])
      expect((await send('GET', '/work_pools/k8s/queues/gpu')).body.status).toBe('READY')

      const heartbeat = { name: 'worker-1', heartbeat_interval_seconds: 30 }
      expect((await send('POST', '/work_pools/k8s/workers/heartbeat', heartbeat)).status).toBe(204)
      expect((await send('GET', '/work_pools/k8s')).body.status).toBe('READY')
      const workers = { workers: { status: { any_: ['ONLINE'] } } }
      expect((await send('POST', '/work_pools/k8s/workers/filter', workers)).body).toMatchObject([heartbeat])
      expect((await send('DELETE', '/work_pools/k8s/workers/worker-1')).status).toBe(204)
      expect((await send('DELETE', '/work_pools/k8s/workers/worker-1')).status).toBe(404)

      expect((await send('PATCH', '/work_pools/k8s', { is_paused: true })).status).toBe(204)
      expect((await send('POST', path, poll)).body).toEqual([])
      expect((await send('PATCH', '/work_pools/k8s/queues/gpu', { name: 'gpus' })).status).toBe(204)
      expect((await send('DELETE', '/work_pools/k8s/queues/gpus')).status).toBe(204)
      expect((await send('POST', '/work_pools/count', { work_pools: { type: { any_: ['kubernetes'] } } })).body).toBe(1)
      expect((await send('DELETE', '/work_pools/k8s')).status).toBe(204)
      expect((await send('POST', '/work_pools/filter', {})).body).toEqual([])
    })

    test('answers 404 to what is not there, 409 to what is taken or protected, 422 to what is not valid', async () => {
      const missing = `/work_queues/${testId(7)}`
      for (const [method, path] of [
        ['GET', missing],
        ['PATCH', missing],
        ['DELETE', missing],
        ['POST', `${missing}/get_runs`],
        ['GET', `${missing}/status`],
        ['GET', '/work_queues/name/none'],
        ['GET', '/work_pools/none'],
        ['POST', '/work_pools/none/get_scheduled_flow_runs'],
        ['POST', '/work_pools/none/workers/heartbeat'],
        ['GET', '/nowhere'],
      ] as const) {
        const answer = await send(method, path, method === 'GET' || method === 'DELETE' ? undefined : { name: 'a' })
        expect([method, path, answer.status]).toEqual([method, path, 404])
        expect(answer.body.detail ?? answer.body.exception_message).toEqual(expect.any(String))
      }

      const { body: pool } = await send('POST', '/work_pools/', { name: 'k8s' })
      await send('POST', '/work_queues/', { name: 'etl' })
      expect((await send('POST', '/work_queues/', { name: 'etl' })).status).toBe(409)
      expect((await send('POST', '/work_pools/', { name: 'k8s' })).status).toBe(409)
      expect(await send('DELETE', `/work_queues/${pool.default_queue_id}`)).toMatchObject({ status: 409 })

      const refused = await send('POST', '/work_queues/', { name: 'a/b', concurrency_limit: -1, colour: 'red' })
      expect(refused.status).toBe(422)
      const places = refused.body.exception_detail.map(({ loc }: { loc: string[] }) => loc.join('.'))
      expect(places).toEqual(expect.arrayContaining(['body.name', 'body.concurrency_limit']))
      expect((await send('POST', '/work_queues/filter', { limit: 201 })).status).toBe(422)
      expect((await send('POST', '/work_queues/filter', { work_queues: { colour: {} } })).status).toBe(422)
      expect((await send('PATCH', `/work_queues/${pool.default_queue_id}`, { last_polled: 'noon' })).status).toBe(422)
      const garbled = await fetch(`${server.url}/work_queues/`, { method: 'POST', body: '{' })
      expect(garbled.status).toBe(422)
      // The default pool came with the queue "etl".
      expect((await send('POST', '/work_queues/filter', {})).body).toHaveLength(3)
    })
  },
  [sqliteMemory, postgres],
)
