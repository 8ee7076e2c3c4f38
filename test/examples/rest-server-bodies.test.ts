import { createFlowRuns, createWorkPool, createWorkQueue, readWorkQueue } from 'kysely-work-queues'
import { expect, test } from 'vitest'
import { postgres, sqliteMemory } from '../support/databases.js'
import { describeOnDatabases } from '../support/describe-databases.js'
import { testId } from '../support/factory.js'
import { serveEach } from './serve-example.js'

// Bodies as Prefect's clients send them, and what is refused, in the words of Prefect's server.

describeOnDatabases(
  'bodies of requests to the example of a REST server',
  (t) => {
    const { send } = serveEach(t)

    const NOON = new Date('2026-01-01T12:00:00Z')

    test.each([
      '2026-01-01 12:00:00+00:00',
      '2026-01-01 12:00:00.000000+00:00',
      '2026-01-01 12:00:00',
      '2026-01-01T12:00:00.000999Z',
      '2026-01-01t12:00:00z',
      '2026-01-01_12:00Z',
      '2026-01-01T13:00:00+0100',
      '2026-01-01 13:00:00+01',
      '2026-01-01T06:30:00.000-05:30',
      '2026-01-02',
      1767268800,
      '1767268800',
      1767268800000,
    ])('takes %j for the time of a poll, as Python prints it and others do', async (text) => {
      const pool = await createWorkPool(t.db, { name: 'p' })
      const workQueueId = pool.defaultQueueId ?? ''
      const due = { workQueueId, nextScheduledStartTime: NOON }
      const later = { workQueueId, nextScheduledStartTime: new Date('2026-01-02T00:00:00.001Z') }
      const [run] = await createFlowRuns(t.db, [due, later])
      const ofPool = await send('POST', '/work_pools/p/get_scheduled_flow_runs', { scheduled_before: text })
      expect(ofPool.body).toMatchObject([{ flow_run: { id: run?.id } }])
      const ofQueue = await send('POST', `/work_queues/${workQueueId}/get_runs`, { scheduled_before: text })
      expect(ofQueue.body).toMatchObject([{ id: run?.id }])
      const after = await send('POST', '/work_pools/p/get_scheduled_flow_runs', { scheduled_after: text })
      expect(after.body).toHaveLength(text === '2026-01-02' ? 1 : 2)

      expect((await send('PATCH', `/work_queues/${workQueueId}`, { last_polled: text })).status).toBe(204)
      const lastPolled = text === '2026-01-02' ? new Date('2026-01-02T00:00:00Z') : NOON
      expect((await readWorkQueue(t.db, workQueueId))?.lastPolled).toEqual(lastPolled)
    })

    test.each([
      'x',
      '',
      true,
      {},
      '2026-13-01T00:00:00Z',
      '2026-02-30',
      '2026-01-01T00:00:00 Z',
      '2026-01-01T00:00:60Z',
    ])('refuses %j as a time, and says where', async (text) => {
      const { id, defaultQueueId } = await createWorkPool(t.db, { name: 'p' })
      expect(id).toEqual(expect.any(String))
      for (const [path, key] of [
        ['/work_pools/p/get_scheduled_flow_runs', 'scheduled_before'],
        ['/work_pools/p/get_scheduled_flow_runs', 'scheduled_after'],
        [`/work_queues/${defaultQueueId}/get_runs`, 'scheduled_before'],
      ] as const) {
        const { status, body } = await send('POST', path, { [key]: text })
        expect(status).toBe(422)
        expect(body.exception_detail).toMatchObject([{ loc: ['body', key], input: text }])
      }
      const patched = await send('PATCH', `/work_queues/${defaultQueueId}`, { last_polled: text })
      expect(patched.body.exception_detail).toMatchObject([{ loc: ['body', 'last_polled'] }])
    })

    test('says what is wrong with a body, and where, as FastAPI and pydantic do', async () => {
      const { defaultQueueId } = await createWorkPool(t.db, { name: 'p' })
      const queue = `/work_queues/${defaultQueueId}`
      for (const [method, path, body, type, ...loc] of [
        ['POST', '/work_pools/', {}, 'missing', 'name'],
        ['POST', '/work_pools/', undefined, 'missing'],
        ['PATCH', queue, 'null', 'missing'],
        ['POST', '/work_queues/', { name: 1 }, 'string_type', 'name'],
        ['POST', '/work_queues/', { name: 'a/b' }, 'string_pattern_mismatch', 'name'],
        ['POST', '/work_queues/', { name: 'a', colour: 1 }, 'extra_forbidden', 'colour'],
        ['POST', '/work_queues/', { name: 'a', isPaused: true }, 'extra_forbidden', 'isPaused'],
        ['POST', '/work_queues/', { name: 'a', is__paused: true }, 'extra_forbidden', 'is__paused'],
        ['PATCH', queue, { concurrency_limit: -1 }, 'greater_than_equal', 'concurrency_limit'],
        ['PATCH', queue, { priority: 0 }, 'greater_than', 'priority'],
        ['PATCH', queue, { is_paused: 'maybe' }, 'bool_parsing', 'is_paused'],
        ['PATCH', queue, { filter: { tags: [1] } }, 'string_type', 'filter', 'tags', 0],
        ['PATCH', queue, { filter: { deployment_ids: ['x'] } }, 'uuid_parsing', 'filter', 'deployment_ids', 0],
        ['PATCH', '/work_pools/p', { base_job_template: { a: 1 } }, 'value_error', 'base_job_template'],
        ['PATCH', '/work_pools/p', { concurrency_limit: 1.5 }, 'int_type', 'concurrency_limit'],
        ['POST', '/work_queues/filter', { offset: -1 }, 'greater_than_equal', 'offset'],
        [
          'POST',
          '/work_queues/filter',
          { work_queues: { name: { any_: 'x' } } },
          'list_type',
          'work_queues',
          'name',
          'any_',
        ],
        [
          'POST',
          '/work_queues/filter',
          { work_queues: { name: { x: 1 } } },
          'extra_forbidden',
          'work_queues',
          'name',
          'x',
        ],
        [
          'POST',
          '/work_queues/filter',
          { work_queues: { name: { any: [] } } },
          'extra_forbidden',
          'work_queues',
          'name',
          'any',
        ],
        [
          'POST',
          '/work_pools/count',
          { work_pools: { id: { any_: [1] } } },
          'string_type',
          'work_pools',
          'id',
          'any_',
          0,
        ],
        ['POST', '/work_pools/p/workers/heartbeat', {}, 'missing', 'name'],
        ['POST', '/work_pools/p/workers/heartbeat', { name: 'a%b' }, 'string_pattern_mismatch', 'name'],
        ['POST', '/work_pools/p/concurrency_status', { page: 0 }, 'greater_than_equal', 'page'],
        ['POST', '/work_pools/p/concurrency_status', { flow_run_limit: 201 }, 'less_than_equal', 'flow_run_limit'],
        [
          'POST',
          '/work_pools/p/get_scheduled_flow_runs',
          { work_queue_names: ['q', 1] },
          'string_type',
          'work_queue_names',
          1,
        ],
      ] as const) {
        const answer = await send(method, path, body)
        expect([path, body, answer.status]).toEqual([path, body, 422])
        expect(answer.body).toMatchObject({
          exception_message: 'Invalid request received.',
          exception_detail: [{ type, loc: ['body', ...loc], msg: expect.any(String) }],
        })
      }
      const garbled = await send('POST', '/work_queues/', '{"name": ')
      expect(garbled).toMatchObject({ status: 422, body: { exception_detail: [{ type: 'json_invalid' }] } })
      for (const [limit, detail] of [
        [201, 'Invalid limit: must be less than or equal to 200.'],
        [-1, 'Invalid limit: must be greater than or equal to 0.'],
      ] as const) {
        for (const path of ['/work_pools/filter', '/work_pools/p/get_scheduled_flow_runs', `${queue}/get_runs`]) {
          expect(await send('POST', path, { limit })).toMatchObject({ status: 422, body: { detail } })
        }
      }
    })

    test('refuses job templates that no worker could fill in', async () => {
      const template = { job_configuration: { command: '{{ command }}', env: { A: '{{image}}-{{ tag }}' } } }
      const properties = { command: {}, image: {} }
      const withVariables = (variables: object): object => ({
        name: 't',
        base_job_template: { ...template, variables },
      })
      const refused = await send('POST', '/work_pools/', withVariables({ properties }))
      expect(refused.status).toBe(422)
      expect(refused.body.exception_detail[0].msg).toContain('undeclared variable(s): tag.')
      await createWorkPool(t.db, { name: 'other' })
      const patched = await send('PATCH', '/work_pools/other', { name: 'other', base_job_template: { a: 1 } })
      expect(patched.body.exception_detail).toMatchObject([
        { type: 'value_error', loc: ['body', 'base_job_template'] },
        { type: 'extra_forbidden', loc: ['body', 'name'] },
      ])
      const complete = withVariables({ properties: { ...properties, tag: {} } })
      expect((await send('POST', '/work_pools/', complete)).status).toBe(201)
      expect((await send('PATCH', '/work_pools/t', { base_job_template: {} })).status).toBe(204)
    })

    test('shows who holds the slots of a pool, queue by queue', async () => {
      const pool = await createWorkPool(t.db, { name: 'p', type: 'process', concurrencyLimit: 9 })
      const gpu = await createWorkQueue(t.db, { name: 'gpu', workPoolId: pool.id, concurrencyLimit: 4 })
      const state = (type: string): object => ({ state_type: type, state_name: type, state_timestamp: new Date() })
      await t.make.runs([
        ...[1, 2, 3].map((n) => ({ id: testId(n), name: `r${n}`, work_queue_id: gpu.id, ...state('RUNNING') })),
        { id: testId(4), name: 'r4', work_queue_id: pool.defaultQueueId ?? '', ...state('PENDING') },
        { id: testId(5), name: 'r5', work_queue_id: gpu.id, ...state('COMPLETED') },
        { id: testId(6), name: 'r6', work_queue_id: gpu.id, ...state('SCHEDULED') },
      ])
      const status = async (body?: object): Promise<any> =>
        (await send('POST', '/work_pools/p/concurrency_status', body)).body
      expect(await status({ flow_run_limit: 2 })).toMatchObject({
        active_slots: 4,
        concurrency_limit: 9,
        queues: [
          { queue_name: 'default', active_slots: 1, concurrency_limit: null, flow_runs: [{ name: 'r4' }] },
          {
            queue_id: gpu.id,
            queue_name: 'gpu',
            active_slots: 3,
            concurrency_limit: 4,
            flow_runs: [
              { id: testId(1), name: 'r1', state_type: 'RUNNING', time_in_current_state: expect.any(Number) },
              { id: testId(2) },
            ],
            flow_run_count: 3,
          },
        ],
        count: 2,
        limit: 200,
        pages: 1,
        page: 1,
      })
      expect(await status({ page: 2, limit: 1 })).toMatchObject({ queues: [{ queue_name: 'gpu' }], pages: 2, page: 2 })
      expect(await status({ page: 9 })).toMatchObject({ active_slots: 4, queues: [], count: 2 })
      expect(await status({ limit: 0 })).toMatchObject({ queues: [], pages: 0 })
      expect((await status()).queues[1].flow_runs).toHaveLength(3)
    })

    test('spares clients up to 3.3.7 what they do not know, and refuses versions that are too old', async () => {
      const KEYS = ['bundle_upload_step', 'bundle_execution_step', 'default_result_storage_block_id']
      for (const [agent, keys] of [
        ['prefect/3.3.7 (API 0.8.4)', KEYS.slice(0, 2)],
        ['prefect/3.3.7.dev1 (API 0.8.4)', KEYS.slice(0, 2)],
        ['prefect/2.20.9 (API 0.8.4)', KEYS.slice(0, 2)],
        ['prefect/3.3.8 (API 0.8.4)', KEYS],
        ['prefect/3.10.0 (API 0.8.4)', KEYS],
        ['curl/8', KEYS],
      ] as const) {
        const headers = { 'user-agent': agent, 'x-prefect-api-version': '0.8.4' }
        const created = await send('POST', '/work_pools/', { name: `of ${agent.replaceAll('/', ' ')}` }, headers)
        expect(Object.keys(created.body.storage_configuration)).toEqual(keys)
        const read = await send('GET', `/work_pools/${encodeURIComponent(created.body.name)}`, undefined, headers)
        expect(read.body.storage_configuration).toEqual(created.body.storage_configuration)
        const { body } = await send('POST', '/work_pools/filter', {}, headers)
        expect(Object.keys(body[0].storage_configuration)).toEqual(keys)
      }
      for (const [version, status] of [
        ['0.8.0', 200],
        ['0.9.1', 200],
        ['0.7.12', 400],
        ['0.8', 400],
        ['new', 400],
      ] as const) {
        expect((await send('POST', '/work_pools/count', {}, { 'x-prefect-api-version': version })).status).toBe(status)
      }
      expect((await send('GET', '/version')).body).toBe('0.8.4')
    })
  },
  [sqliteMemory, postgres],
)
