import type { Scenario } from './transcript.js'

const NOBODY = '00000000-0000-4000-8000-000000000000'
const PAST = '2026-01-01T12:00:00Z'
const FUTURE = '2100-01-01T12:00:00Z'

const due = (scheduled_time = PAST): object => ({ type: 'SCHEDULED', state_details: { scheduled_time } })

/** Routes under /flow_runs, and the polls that find them, by Prefect's reference of them. */
export const ofRuns: readonly Scenario[] = [
  {
    title: 'runs are created, read, updated, deleted',
    async play({ send, flow_id }) {
      const run = await send('POST', '/flow_runs/', {
        name: 'whole',
        flow_id,
        parameters: { n: 1, nested: { a_B: [null] } },
        context: { a: 1 },
        tags: ['x'],
        labels: { team: 'etl', n: 2 },
        empirical_policy: { retries: 2, retry_delay: 60 },
        job_variables: { image: 'i' },
        state: { ...due(FUTURE), message: 'soon' },
      })
      await send('GET', `/flow_runs/${run.id}`)
      await send('POST', '/flow_runs/', { name: 'bare', flow_id })
      const once = { name: 'once', flow_id, idempotency_key: 'created-once', state: due() }
      await send('POST', '/flow_runs/', once)
      await send('POST', '/flow_runs/', { ...once, name: 'twice' })
      await send('POST', '/flow_runs/', { name: 'x' })
      await send('POST', '/flow_runs/', { name: 'x', flow_id, state: { type: 'NEW' } })
      await send('POST', '/flow_runs/', { name: 'x', flow_id, tags: 'x' })
      await send('PATCH', `/flow_runs/${run.id}`, { name: 'renamed', tags: ['y', 'z'], infrastructure_pid: 'p' })
      await send('PATCH', `/flow_runs/${run.id}`, { parameters: { m: 2 }, empirical_policy: { retries: 1 } })
      await send('PATCH', `/flow_runs/${run.id}/labels`, { n: 3, more: true })
      await send('GET', `/flow_runs/${run.id}`)
      await send('PATCH', `/flow_runs/${run.id}`, { colour: 1 })
      await send('PATCH', `/flow_runs/${NOBODY}`, { name: 'x' })
      await send('PATCH', `/flow_runs/${NOBODY}`, { job_variables: {} })
      await send('PATCH', `/flow_runs/${NOBODY}/labels`, { a: 1 })
      await send('GET', `/flow_runs/${NOBODY}`)
      await send('DELETE', `/flow_runs/${run.id}`)
      await send('DELETE', `/flow_runs/${run.id}`)
    },
  },
  {
    title: 'runs wait where they are told to',
    async play({ send, flow_id }) {
      await send('POST', '/work_pools/', { name: 'waiting', type: 'process' })
      await send('POST', '/work_pools/waiting/queues', { name: 'first', priority: 1 })
      const place = { flow_id, work_pool_name: 'waiting' }
      await send('POST', '/flow_runs/', { ...place, name: 'on default', state: due() })
      await send('POST', '/flow_runs/', { ...place, name: 'on first', work_queue_name: 'first', state: due() })
      await send('POST', '/flow_runs/', { ...place, name: 'later', state: due(FUTURE) })
      await send('POST', '/flow_runs/', { flow_id, name: 'x', work_pool_name: 'missing' })
      await send('POST', '/flow_runs/', { ...place, name: 'x', work_queue_name: 'missing' })
      const path = '/work_pools/waiting/get_scheduled_flow_runs'
      const before = { scheduled_before: '2026-06-01T00:00:00Z' }
      await send('POST', path, before)
      await send('POST', path, { ...before, work_queue_names: ['default'] })
      await send('POST', path, { ...before, limit: 1 })
      await send('POST', path, { scheduled_after: '2026-06-01T00:00:00Z' })
      await send('POST', path, { ...before, work_queue_names: ['missing'] })
      await send('POST', '/work_pools/missing/get_scheduled_flow_runs', before)
      await send('PATCH', '/work_pools/waiting/queues/first', { is_paused: true })
      await send('POST', path, before)
      await send('PATCH', '/work_pools/waiting', { is_paused: true })
      await send('POST', path, before)
    },
  },
  {
    title: 'a queue’s runs are polled, and hold its slots',
    async play({ send, flow_id }) {
      await send('POST', '/work_pools/', { name: 'polled', type: 'process', concurrency_limit: 5 })
      const queue = await send('POST', '/work_pools/polled/queues', { name: 'narrow', concurrency_limit: 2 })
      const place = { flow_id, work_pool_name: 'polled', work_queue_name: 'narrow' }
      const run = await send('POST', '/flow_runs/', { ...place, name: 'n1', state: due('2026-01-01T00:00:01Z') })
      await send('POST', '/flow_runs/', { ...place, name: 'n2', state: due('2026-01-01T00:00:02Z') })
      await send('POST', '/flow_runs/', { ...place, name: 'n3', state: due('2026-01-01T00:00:03Z') })
      await send('POST', `/work_queues/${queue.id}/get_runs`, { scheduled_before: PAST })
      await send('POST', `/flow_runs/${run.id}/set_state`, { state: { type: 'PENDING' } })
      await send('POST', `/work_queues/${queue.id}/get_runs`, { scheduled_before: PAST })
      await send('POST', `/work_queues/${queue.id}/concurrency_status`, {})
      await send('POST', '/work_pools/polled/concurrency_status', {})
      await send('POST', '/work_pools/polled/concurrency_status', { flow_run_limit: 0, limit: 1, page: 2 })
      await send('POST', '/work_pools/missing/concurrency_status', {})
      await send('GET', '/work_pools/polled')
      await send('GET', '/work_pools/polled/queues/narrow')
      await send('PATCH', `/work_queues/${queue.id}`, { is_paused: true })
      await send('POST', `/work_queues/${queue.id}/get_runs`, { scheduled_before: PAST })
    },
  },
  {
    title: 'runs are put in order',
    async play({ send, prepare, flow_id }) {
      const ordered: any[] = []
      for (const day of [2, 3, 1]) {
        const state = due(`2026-01-0${day}T00:00:00Z`)
        ordered.push(await prepare('POST', '/flow_runs/', { name: `ordered-${day}`, flow_id, state }))
      }
      const flow_runs = { name: { any_: ['ordered-1', 'ordered-2', 'ordered-3'] } }
      await send('POST', '/flow_runs/filter', { flow_runs, sort: 'NEXT_SCHEDULED_START_TIME_ASC' })
      await send('POST', '/flow_runs/paginate', { flow_runs, sort: 'NEXT_SCHEDULED_START_TIME_ASC', limit: 2, page: 2 })
      for (const { id } of ordered) await prepare('POST', `/flow_runs/${id}/set_state`, { state: { type: 'FAILED' } })
      await send('POST', '/flow_runs/filter', { flow_runs, sort: 'END_TIME_DESC' })
      await send('POST', '/flow_runs/filter', { flow_runs, sort: 'BY_HEART' })
    },
  },
  {
    title: 'runs are found, counted, paged',
    async play({ send, flow_id }) {
      await send('POST', '/work_pools/', { name: 'sought', type: 'process' })
      await send('POST', '/work_pools/sought/queues', { name: 'sought-queue' })
      const run = await send('POST', '/flow_runs/', { name: 'sought-1', flow_id, tags: ['a', 'b'], state: due(FUTURE) })
      const place = { work_pool_name: 'sought', work_queue_name: 'sought-queue' }
      await send('POST', '/flow_runs/', { name: 'sought-2', flow_id, tags: ['a'], ...place, state: due(PAST) })
      await send('POST', '/flow_runs/', { name: 'sought-3', flow_id })
      const names = { name: { any_: ['sought-1', 'sought-2', 'sought-3'] } }
      for (const body of [
        { flow_runs: { id: { any_: [run.id, NOBODY] } } },
        { flow_runs: { ...names, tags: { all_: ['b', 'a'] } } },
        { flow_runs: { ...names, state: { type: { any_: ['PENDING'] } } } },
        { flow_runs: { ...names, state: { name: { any_: ['Pending', 'None'] } } } },
        { flow_runs: { ...names, next_scheduled_start_time: { before_: '2026-06-01T00:00:00Z' } } },
        { flow_runs: { ...names, next_scheduled_start_time: { after_: '2026-06-01T00:00:00Z' } } },
        { flow_runs: names, work_pools: { name: { any_: ['sought'] } } },
        { flow_runs: names, work_pools: { name: { any_: ['default-agent-pool'] } } },
        { flow_runs: names, work_pool_queues: { name: { any_: ['sought-queue'] } } },
        { flow_runs: { ...names, tags: { all_: ['b'] } }, flows: { id: { any_: [flow_id] } } },
        { flow_runs: names, flows: { id: { any_: [NOBODY] } } },
        { flow_runs: { name: { any_: [] } } },
      ]) {
        await send('POST', '/flow_runs/filter', body)
        await send('POST', '/flow_runs/count', body)
      }
      await send('POST', '/flow_runs/count', { flow_runs: names })
      await send('POST', '/flow_runs/filter', { limit: 201 })
      await send('POST', '/flow_runs/filter', { flow_runs: { id: { any_: ['x'] } } })
      const one = { flow_runs: { id: { any_: [run.id] } } }
      await send('POST', '/flow_runs/paginate', one)
      await send('POST', '/flow_runs/paginate', { ...one, limit: 1, page: 2 })
      await send('POST', '/flow_runs/paginate', { flow_runs: { name: { any_: [] } }, limit: 0 })
      await send('POST', '/flow_runs/paginate', { page: 0 })
      await send('POST', '/flow_runs/bulk_delete', one)
      await send('POST', '/flow_runs/bulk_delete', one)
      await send('POST', '/flow_runs/bulk_delete', { limit: 51 })
      await send('POST', '/flow_runs/count', { flow_runs: names })
    },
  },
]
