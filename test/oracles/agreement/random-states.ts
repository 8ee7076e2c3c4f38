import { addSeconds } from 'date-fns'
import fc from 'fast-check'
import { STATE_TYPES } from 'kysely-work-queues/rules'
import type { TestDatabase } from '../../support/databases.js'
import { type Factory, type Row, testId } from '../../support/factory.js'
import { now } from '../../contract/explain/places.js'

/** A random state of the database, by what differs from row to row. */
export interface RandomState {
  readonly pools: readonly Row[]
  /** Each in the pool of this number, counted round and round; a second one of its name there is left out. */
  readonly queues: readonly { readonly pool: number; readonly row: Row }[]
  /** Each with the states of its workers. */
  readonly workers: readonly { readonly pool: number; readonly status: string }[]
  readonly runs: readonly RandomRun[]
}

interface RandomRun {
  readonly row: Row
  /** The number of the queue it belongs to by id, counted round and round. */
  readonly queue: number | null
  /** When it is due, in seconds from now; `soon` is a microsecond from now. */
  readonly due: number | 'soon' | null
}

/** The rows of a state, as they were inserted. */
export interface InsertedState {
  readonly pools: readonly string[]
  readonly queues: readonly {
    readonly id: string
    readonly pool: string
    readonly name: string
    /** Whether runs that are known by its name alone belong to it. */
    readonly takesNames: boolean
  }[]
  readonly runs: readonly { readonly id: string; readonly queue: string | null; readonly name: string | null }[]
}

const rarely = (most: number): fc.Arbitrary<boolean> => fc.integer({ min: 1, max: most }).map((n) => n === most)
const limit = fc.option(fc.integer({ min: 0, max: 4 }), { nil: null, freq: 2 })
// Few names, so that queues of several pools share them.
const name = fc.constantFrom('a', 'b', 'c')
const tags = fc.subarray(['x', 'y'])
const deployment = fc.constantFrom(null, testId(1), testId(2))

const filter = fc.record({
  tags: fc.option(tags),
  deployment_ids: fc.option(fc.subarray([testId(1), testId(2)])),
})

const pool = fc.record({
  type: fc.constantFrom('process', 'process', 'prefect-agent'),
  is_paused: rarely(6),
  concurrency_limit: limit,
})

const queue = fc.record({
  pool: fc.nat({ max: 2 }),
  row: fc.record({
    name,
    is_paused: rarely(6),
    concurrency_limit: limit,
    last_polled: fc.constantFrom(null, addSeconds(now, -60), addSeconds(now, -61)),
    filter: fc.oneof({ weight: 4, arbitrary: fc.constant(null) }, { weight: 1, arbitrary: filter }),
  }),
})

const run = fc.record({
  queue: fc.option(fc.nat({ max: 5 }), { freq: 5 }),
  due: fc.oneof(
    { weight: 8, arbitrary: fc.integer({ min: -3, max: 1 }) },
    { weight: 1, arbitrary: fc.constantFrom('soon' as const, null) },
  ),
  row: fc.record({
    work_queue_name: fc.option(fc.constantFrom('a', 'b', 'c', 'gone')),
    state_type: fc.oneof(
      { weight: 6, arbitrary: fc.constant('SCHEDULED') },
      { weight: 2, arbitrary: fc.constantFrom('PENDING', 'RUNNING', 'CANCELLING') },
      { weight: 1, arbitrary: fc.constantFrom(...STATE_TYPES, null) },
    ),
    empirical_policy: rarely(6).map((isRetried) => (isRetried ? { retry_type: 'in_process' } : {})),
    tags,
    deployment_id: deployment,
  }),
})

/** States with up to three pools, six queues and twenty-five runs. */
export const randomState: fc.Arbitrary<RandomState> = fc.record({
  pools: fc.array(pool, { minLength: 1, maxLength: 3 }),
  queues: fc.array(queue, { minLength: 1, maxLength: 6 }),
  workers: fc.array(fc.record({ pool: fc.nat({ max: 2 }), status: fc.constantFrom('ONLINE', 'OFFLINE') }), {
    maxLength: 3,
  }),
  runs: fc.array(run, { minLength: 10, maxLength: 25 }),
})

/** Inserts a state. */
export async function insertState(
  make: Factory,
  dialect: TestDatabase['dialect'],
  state: RandomState,
): Promise<InsertedState> {
  const pools: string[] = []
  for (const [index, row] of state.pools.entries()) {
    pools.push(await make.pool({ name: index === 0 ? 'default-agent-pool' : `pool-${index}`, ...row }))
  }
  const queues: InsertedState['queues'][number][] = []
  for (const [index, { pool, row }] of state.queues.entries()) {
    const work_pool_id = pools[pool % pools.length] as string
    const name = row['name'] as string
    if (queues.some((other) => other.pool === work_pool_id && other.name === name)) continue
    queues.push({
      id: await make.queue({ ...row, work_pool_id, priority: 7 - index }),
      pool: work_pool_id,
      name,
      takesNames: work_pool_id === pools[0],
    })
  }
  for (const { pool, status } of state.workers) {
    await make.worker({ work_pool_id: pools[pool % pools.length] as string, status })
  }
  const rows = state.runs.map(({ row, queue, due }): Row => {
    const work_queue_id = queue === null ? null : queues[queue % queues.length]?.id
    return { ...row, work_queue_id, next_scheduled_start_time: startTime(due, dialect) } as Row
  })
  const ids = await make.runs(rows)
  return {
    pools,
    queues,
    runs: ids.map((id, index) => ({
      id,
      queue: (rows[index]?.['work_queue_id'] ?? null) as string | null,
      name: (rows[index]?.['work_queue_name'] ?? null) as string | null,
    })),
  }
}

function startTime(due: RandomRun['due'], dialect: TestDatabase['dialect']): Date | string | null {
  if (due !== 'soon') return due === null ? null : addSeconds(now, due)
  return dialect === 'postgres' ? '2035-01-01T12:00:00.123001Z' : '2035-01-01 12:00:00.123001'
}
