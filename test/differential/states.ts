import fc from 'fast-check'
import type { Factory, Row } from '../support/factory.js'
import { testId } from '../support/factory.js'
import type { TestDatabase } from '../support/databases.js'
import type { Pool, PoolPoll, Queue, Run, State } from './model.js'

export const NOW = Date.UTC(2035, 0, 1, 12)
const NAMES = ['default', 'etl', 'ETL', 'ünï', 'a_b', 'a%b']
const TAGS = ['x', 'y']
const DEPLOYMENTS = [testId(1, 5), testId(2, 5)]
const STATES = [
  'SCHEDULED',
  'SCHEDULED',
  'SCHEDULED',
  'SCHEDULED',
  'PENDING',
  'RUNNING',
  'CANCELLING',
  'COMPLETED',
  'PAUSED',
]

const limit = fc.option(fc.integer({ min: 0, max: 4 }))
const time = fc.option(
  fc.integer({ min: -4, max: 3 }).map((seconds) => NOW + seconds * 1000),
  { freq: 5 },
)
const rarely = fc.integer({ min: 0, max: 4 }).map((n) => n === 0)

const pools = fc
  .array(fc.record({ isPaused: rarely, limit }), { minLength: 1, maxLength: 3 })
  .map((some) => some.map((pool, n): Pool => ({ ...pool, id: testId(n + 1, 1), name: `pool ${n}` })))

const queueFilter = fc.record({
  tags: fc.option(fc.subarray(TAGS)),
  deploymentIds: fc.option(fc.subarray(DEPLOYMENTS)),
})

const queuesOf = (poolIds: string[]): fc.Arbitrary<Queue[]> =>
  fc
    .uniqueArray(
      fc.record({
        poolId: fc.constantFrom(...poolIds),
        name: fc.constantFrom(...NAMES),
        priority: fc.integer({ min: 1, max: 4 }),
        isPaused: rarely,
        limit,
        lastPolled: fc.option(fc.constantFrom(NOW, NOW - 60_000, NOW - 60_001, NOW + 5000)),
        filter: fc.option(queueFilter, { freq: 1 }).map((filter) => filter),
      }),
      { minLength: 1, maxLength: 6, selector: ({ poolId, name }) => `${poolId} ${name}` },
    )
    .map((some) =>
      some.map((queue, n): Queue => ({ ...queue, filter: n % 3 === 2 ? queue.filter : null, id: testId(n + 1, 2) })),
    )

const runsOf = (queueIds: string[]): fc.Arbitrary<Run[]> =>
  fc
    .array(
      fc.record({
        queueId: fc.option(fc.constantFrom(...queueIds), { freq: 3 }),
        queueName: fc.option(fc.constantFrom(...NAMES.slice(0, 3))),
        state: fc.constantFrom(...STATES),
        isLate: rarely,
        start: time,
        deploymentId: fc.option(fc.constantFrom(...DEPLOYMENTS)),
        tags: fc.subarray(TAGS),
        isRetriedInProcess: rarely,
      }),
      { maxLength: 16 },
    )
    .map((some) =>
      some.map(({ isLate, ...run }, n): Run => ({
        ...run,
        stateName: isLate ? 'Late' : run.state,
        id: testId(n + 1, 3),
      })),
    )

/** Random states: same names in several pools, equal priorities, equal and missing times, runs known by name alone. */
export const states: fc.Arbitrary<State> = pools.chain((somePools) =>
  queuesOf(somePools.map(({ id }) => id)).chain((queues) =>
    runsOf(queues.map(({ id }) => id)).map((runs): State => ({ pools: somePools, queues, runs })),
  ),
)

/** A random poll of a queue. */
export const queuePolls: fc.Arbitrary<{ limit?: number | undefined; before?: number | undefined }> = fc.record({
  limit: fc.option(fc.integer({ min: 0, max: 5 }), { nil: undefined }),
  before: fc.option(fc.constantFrom(NOW, NOW - 2000), { nil: undefined }),
})

/** A random poll of pools. */
export const poolPolls: fc.Arbitrary<PoolPoll> = fc.record({
  poolIds: fc.option(fc.subarray([1, 2, 3].map((n) => testId(n, 1))), { nil: undefined }),
  queueIds: fc.option(fc.subarray([1, 2, 3, 4, 5, 6].map((n) => testId(n, 2))), { nil: undefined }),
  before: fc.option(fc.constantFrom(NOW, NOW - 2000), { nil: undefined }),
  after: fc.option(fc.constantFrom(NOW - 3000, NOW - 1000), { nil: undefined }),
  limit: fc.constantFrom(1000, 0, 1, 3),
  byPriority: fc.boolean(),
})

/** Puts a state into a database, past the library, in place of what was there. */
export async function load({ plain: db }: TestDatabase, make: Factory, state: State): Promise<void> {
  await db.deleteFrom('flow_run').execute()
  await db.updateTable('work_pool').set({ default_queue_id: null }).execute()
  await db.deleteFrom('work_queue').execute()
  await db.deleteFrom('work_pool').execute()
  await make.rows(
    'work_pool',
    state.pools.map((pool) => ({
      id: pool.id,
      name: pool.name,
      type: 'process',
      is_paused: pool.isPaused,
      concurrency_limit: pool.limit,
    })),
  )
  await make.rows(
    'work_queue',
    state.queues.map((queue) => ({
      id: queue.id,
      name: queue.name,
      work_pool_id: queue.poolId,
      priority: queue.priority,
      is_paused: queue.isPaused,
      concurrency_limit: queue.limit,
      last_polled: queue.lastPolled === null ? null : new Date(queue.lastPolled),
      filter: queue.filter && { tags: queue.filter.tags, deployment_ids: queue.filter.deploymentIds },
    })),
  )
  await make.runs(state.runs.map(toRow))
}

function toRow(run: Run): Row {
  return {
    id: run.id,
    work_queue_id: run.queueId,
    work_queue_name: run.queueName,
    state_type: run.state,
    state_name: run.stateName,
    next_scheduled_start_time: run.start === null ? null : new Date(run.start),
    deployment_id: run.deploymentId,
    tags: run.tags,
    empirical_policy: run.isRetriedInProcess ? { retry_type: 'in_process' } : {},
  }
}
