import { factory, testId } from '../support/factory.js'
import type { PlanDatabase } from './plan-database.js'

/** Rows of which a call may list as many as there are. */
export interface ListedRows {
  readonly size: number
  readonly pool: string
  readonly pools: readonly string[]
  readonly queues: readonly string[]
  readonly queuesOfPools: readonly string[]
  readonly names: readonly string[]
  readonly flows: readonly string[]
  readonly historic: string
}

/** A pool of so many queues, each with a keyed due run and a PENDING one, as many pools, and a run with as many states. */
export async function seedLists(database: PlanDatabase, size: number): Promise<ListedRows> {
  const make = factory(database)
  const many = <T>(one: (n: number) => T): T[] => Array.from({ length: size }, (_, n) => one(n))
  const pool = await make.pool()
  const base = { type: 'process', base_job_template: {}, storage_configuration: {}, status: 'READY' }
  const names = many((n) => `row ${n}`)
  const pools = await make.rows(
    'work_pool',
    many((n) => ({ name: `row ${n}`, ...base })),
  )
  const queue = { description: '', status: 'READY' }
  const queues = await make.rows(
    'work_queue',
    many((n) => ({ name: `row ${n}`, priority: n + 2, work_pool_id: pool, ...queue })),
  )
  const queuesOfPools = await make.rows(
    'work_queue',
    pools.map((work_pool_id) => ({ name: 'default', priority: 1, work_pool_id, ...queue })),
  )
  const flows = many((n) => testId(n, 77))
  const due = { state_type: 'SCHEDULED', state_name: 'Scheduled', next_scheduled_start_time: new Date(0) }
  await make.runs(
    many((n) => ({ ...due, work_queue_id: queues[n] ?? '', flow_id: flows[n] ?? '', idempotency_key: `row ${n}` })),
  )
  await make.runs(queuesOfPools.map((work_queue_id) => ({ ...due, work_queue_id })))
  const pending = { state_type: 'PENDING', state_name: 'Pending', state_timestamp: new Date(0) }
  const claimed = await make.runs(queues.map((work_queue_id) => ({ ...pending, work_queue_id })))
  const historic = await make.queue({ name: 'historic' })
  const flow_run_id = await make.run({ work_queue_id: historic, state_type: 'RUNNING', state_name: 'Running' })
  await make.rows(
    'flow_run_state',
    many((n) => ({
      flow_run_id,
      type: n === Math.floor(size / 2) ? 'SCHEDULED' : 'RUNNING',
      name: 'state',
      timestamp: new Date(n * 1000),
    })),
  )
  // As everywhere, a run has a few states: were there those of one run only, all of them would be expected of each.
  await make.rows(
    'flow_run_state',
    claimed.map((id) => ({ flow_run_id: id, type: 'PENDING', name: 'Pending', timestamp: new Date(0) })),
  )
  return { size, pool, pools, queues, queuesOfPools, names, flows, historic }
}
