import type { Scenario } from './transcript.js'

const NOBODY = '00000000-0000-4000-8000-000000000000'

/** Routes under /work_pools, by Prefect's reference of them: pools, their queues, their workers. */
export const ofPools: readonly Scenario[] = [
  {
    title: 'pools are created, read, updated, deleted',
    async play({ send }) {
      await send('POST', '/work_pools/', { name: 'made', type: 'process', description: 'd', concurrency_limit: 3 })
      await send('POST', '/work_pools/', { name: 'made', type: 'process' })
      await send('POST', '/work_pools/', { name: 'a/b' })
      await send('POST', '/work_pools/', { name: '' })
      await send('POST', '/work_pools/', {})
      await send('POST', '/work_pools/', { name: 'x', concurrency_limit: -1 })
      await send('POST', '/work_pools/', { name: 'x', colour: 1 })
      await send('POST', '/work_pools/', { name: 'x', base_job_template: { a: 1 } })
      await send('GET', '/work_pools/made')
      await send('GET', '/work_pools/missing')
      await send('PATCH', '/work_pools/made', { is_paused: true, description: 'e' })
      await send('GET', '/work_pools/made')
      await send('PATCH', '/work_pools/made', { is_paused: false, concurrency_limit: null })
      await send('GET', '/work_pools/made')
      await send('PATCH', '/work_pools/made', { concurrency_limit: -1 })
      await send('PATCH', '/work_pools/missing', { is_paused: true })
      await send('DELETE', '/work_pools/made')
      await send('DELETE', '/work_pools/made')
      await send('GET', '/work_pools/made')
    },
  },
  {
    title: 'pools are found and counted',
    async play({ send }) {
      await send('POST', '/work_pools/', { name: 'found-b', type: 'found' })
      const a = await send('POST', '/work_pools/', { name: 'found-a', type: 'found' })
      const ofType = { work_pools: { type: { any_: ['found'] } } }
      await send('POST', '/work_pools/filter', ofType)
      await send('POST', '/work_pools/filter', { ...ofType, limit: 1, offset: 1 })
      await send('POST', '/work_pools/filter', { work_pools: { id: { any_: [a.id] } } })
      await send('POST', '/work_pools/filter', { work_pools: { name: { any_: ['found-b'] } } })
      await send('POST', '/work_pools/filter', { work_pools: { name: { any_: [] } } })
      await send('POST', '/work_pools/filter', { limit: 201 })
      await send('POST', '/work_pools/filter', { limit: -1 })
      await send('POST', '/work_pools/filter', { offset: -1 })
      await send('POST', '/work_pools/count', ofType)
      await send('POST', '/work_pools/count', { work_pools: { name: { any_: ['found-a', 'nothing'] } } })
    },
  },
  {
    title: 'queues of a pool are created, read, updated, deleted',
    async play({ send }) {
      await send('POST', '/work_pools/', { name: 'holder', type: 'process' })
      await send('POST', '/work_pools/holder/queues', { name: 'etl', concurrency_limit: 2, priority: 1 })
      await send('POST', '/work_pools/holder/queues', { name: 'etl' })
      await send('POST', '/work_pools/holder/queues', { name: 'a%b' })
      await send('POST', '/work_pools/holder/queues', { name: 'x', priority: 0 })
      await send('POST', '/work_pools/missing/queues', { name: 'etl' })
      await send('GET', '/work_pools/holder/queues/etl')
      await send('GET', '/work_pools/holder/queues/default')
      await send('GET', '/work_pools/holder/queues/missing')
      await send('GET', '/work_pools/missing/queues/etl')
      await send('POST', '/work_pools/holder/queues/filter', {})
      await send('POST', '/work_pools/holder/queues/filter', { limit: 1, offset: 1 })
      await send('POST', '/work_pools/holder/queues/filter', { work_queues: { name: { startswith_: ['ET'] } } })
      await send('POST', '/work_pools/missing/queues/filter', {})
      await send('PATCH', '/work_pools/holder/queues/etl', { is_paused: true, description: 'd' })
      await send('GET', '/work_pools/holder/queues/etl')
      await send('PATCH', '/work_pools/holder/queues/etl', { is_paused: false, concurrency_limit: null })
      await send('GET', '/work_pools/holder/queues/etl')
      await send('PATCH', '/work_pools/holder/queues/missing', { is_paused: true })
      await send('DELETE', '/work_pools/holder/queues/etl')
      await send('DELETE', '/work_pools/holder/queues/etl')
    },
  },
  {
    title: 'workers say that they live, are found and forgotten',
    async play({ send }) {
      await send('POST', '/work_pools/', { name: 'staffed', type: 'process' })
      await send('POST', '/work_pools/staffed/workers/heartbeat', { name: 'w', heartbeat_interval_seconds: 7 })
      await send('POST', '/work_pools/staffed/workers/heartbeat', { name: 'v' })
      await send('POST', '/work_pools/staffed/workers/heartbeat', {})
      await send('POST', '/work_pools/missing/workers/heartbeat', { name: 'w' })
      await send('GET', '/work_pools/staffed')
      await send('POST', '/work_pools/staffed/workers/filter', {})
      await send('POST', '/work_pools/staffed/workers/filter', { workers: { status: { any_: ['OFFLINE'] } } })
      await send('POST', '/work_pools/staffed/workers/filter', { limit: 1, offset: 1 })
      await send('POST', '/work_pools/missing/workers/filter', {})
      await send('DELETE', '/work_pools/staffed/workers/w')
      await send('DELETE', '/work_pools/staffed/workers/w')
      await send('DELETE', '/work_pools/missing/workers/w')
    },
  },
  {
    title: 'queues by id, and by name in the default agent pool',
    async play({ send }) {
      const queue = await send('POST', '/work_queues/', { name: 'by-id', description: 'd', concurrency_limit: 1 })
      await send('POST', '/work_queues/', { name: 'by-id' })
      await send('POST', '/work_queues/', { name: 'x&y' })
      await send('GET', `/work_queues/${queue.id}`)
      await send('GET', '/work_queues/name/by-id')
      await send('GET', '/work_queues/name/missing')
      await send('GET', `/work_queues/${NOBODY}`)
      await send('POST', '/work_queues/filter', { work_queues: { name: { any_: ['by-id'] } } })
      await send('POST', '/work_queues/filter', { work_queues: { id: { any_: [queue.id, NOBODY] } } })
      await send('POST', '/work_queues/filter', { limit: 300 })
      await send('PATCH', `/work_queues/${queue.id}`, { is_paused: true })
      await send('GET', `/work_queues/${queue.id}`)
      await send('PATCH', `/work_queues/${queue.id}`, { name: 'by-other-name', is_paused: false })
      await send('PATCH', `/work_queues/${NOBODY}`, { is_paused: true })
      await send('GET', `/work_queues/${queue.id}/status`)
      await send('GET', `/work_queues/${NOBODY}/status`)
      await send('POST', `/work_queues/${queue.id}/concurrency_status`, {})
      await send('POST', `/work_queues/${NOBODY}/concurrency_status`, {})
      await send('POST', `/work_queues/${queue.id}/concurrency_status`, { page: 0 })
      await send('POST', `/work_queues/${NOBODY}/get_runs`, {})
      await send('DELETE', `/work_queues/${queue.id}`)
      await send('DELETE', `/work_queues/${queue.id}`)
    },
  },
]
