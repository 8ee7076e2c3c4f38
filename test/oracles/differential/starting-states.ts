import fc from 'fast-check'
import { sql } from 'kysely'
import type { TestDatabase } from '../../support/databases.js'
import { factory, testId } from '../../support/factory.js'
import { type Pool, type Queue, type Run, type State } from './model.js'

export const NOW = Date.UTC(2035, 0, 1, 12)

// Names that collations order in another way than bytes, that patterns would mistake, and that differ by the case of letters.
export const QUEUE_NAMES = ['default', 'etl', 'ETL', 'ünï', 'Ünï', 'a_b', 'a%b', 'aXb', '😀', '｡']
export const POOL_NAMES = ['default-agent-pool', 'b', 'B', 'é']
export const TYPES = ['process', 'docker']
export const TAGS = ['x', 'y', '"é"']
export const DEPLOYMENTS = [testId(1, 5), testId(2, 5)]
export const FLOWS = [testId(1, 4), testId(2, 4)]
export const STATE_TYPES = [
  'SCHEDULED',
  'PENDING',
  'RUNNING',
  'CANCELLING',
  'COMPLETED',
  'FAILED',
  'CANCELLED',
  'CRASHED',
  'PAUSED',
]
export const poolIds: string[] = [1, 2, 3].map((n) => testId(n, 1))
export const queueIds: string[] = [1, 2, 3, 4, 5, 6].map((n) => testId(n, 2))
export const runIds: string[] = Array.from({ length: 16 }, (_, n) => testId(n + 1, 3))

const limit = fc.option(fc.integer({ min: 0, max: 4 }))
/** Few times, so that many are equal, and some a millisecond apart. */
export const times: fc.Arbitrary<number> = fc.constantFrom(-3000, -1000, -1, 0, 1, 2000).map((offset) => NOW + offset)
const rarely = fc.integer({ min: 0, max: 4 }).map((n) => n === 4)

const pools = fc
  .uniqueArray(
    fc.record({ name: fc.constantFrom(...POOL_NAMES), type: fc.constantFrom(...TYPES), isPaused: rarely, limit }),
    { minLength: 1, maxLength: poolIds.length, selector: ({ name }) => name },
  )
  .map((some) => some.map((pool, n): Pool => ({ ...pool, id: poolIds[n] ?? '' })))

const filter = fc.record({
  tags: fc.option(fc.subarray(TAGS)),
  deploymentIds: fc.option(fc.subarray(DEPLOYMENTS)),
})

const queuesOf = (ids: string[]): fc.Arbitrary<Queue[]> =>
  fc
    .uniqueArray(
      fc.record({
        poolId: fc.constantFrom(...ids),
        name: fc.oneof(fc.constantFrom(...QUEUE_NAMES.slice(0, 3)), fc.constantFrom(...QUEUE_NAMES)),
        // Equal ones too, which only other programs leave behind.
        priority: fc.integer({ min: 1, max: 4 }),
        isPaused: rarely,
        limit,
        lastPolled: fc.option(fc.constantFrom(NOW, NOW - 60_000, NOW - 60_001, NOW + 5000)),
        filter: fc.oneof({ arbitrary: fc.constant(null), weight: 3 }, { arbitrary: filter, weight: 1 }),
      }),
      { minLength: 1, maxLength: queueIds.length, selector: ({ poolId, name }) => `${poolId} ${name}` },
    )
    .map((some) => some.map((queue, n): Queue => ({ ...queue, id: queueIds[n] ?? '' })))

const history = fc.uniqueArray(fc.tuple(fc.constantFrom(...STATE_TYPES), fc.integer({ min: 0, max: 9 })), {
  maxLength: 5,
  selector: ([, seconds]) => seconds,
})

const nameOf = (type: string | null): string | null => type && type.charAt(0) + type.slice(1).toLowerCase()

const runsOf = (ids: string[]): fc.Arbitrary<Run[]> =>
  fc
    .array(
      fc.record({
        flowId: fc.constantFrom(...FLOWS),
        queueId: fc.option(fc.constantFrom(...ids), { freq: 3 }),
        queueName: fc.option(fc.constantFrom(...QUEUE_NAMES.slice(0, 3))),
        state: fc.oneof(
          { arbitrary: fc.constant('SCHEDULED'), weight: 5 },
          { arbitrary: fc.constantFrom('PENDING', 'RUNNING', 'CANCELLING'), weight: 3 },
          { arbitrary: fc.constantFrom(null, ...STATE_TYPES), weight: 2 },
        ),
        isLate: rarely,
        start: fc.option(times, { freq: 5 }),
        end: fc.option(times),
        created: times,
        deploymentId: fc.option(fc.constantFrom(...DEPLOYMENTS)),
        tags: fc.subarray(TAGS),
        isRetriedInProcess: rarely,
        history,
        lease: fc.option(fc.record({ holder: fc.constantFrom('w', 'W'), since: fc.integer({ min: -1, max: 9 }) })),
      }),
      { maxLength: runIds.length },
    )
    .map((some) =>
      some.map(({ isLate, history: entered, lease, ...run }, n): Run => ({
        ...run,
        id: runIds[n] ?? '',
        name: `run ${n}`,
        stateName: isLate ? 'Late' : nameOf(run.state),
        history: entered.map(([type, seconds]) => [type, NOW + seconds * 1000]),
        lease: lease && {
          holder: lease.holder,
          since: NOW + lease.since * 1000,
          until: NOW + lease.since * 1000 + 60_000,
        },
      })),
    )

/** Random states: same names in several pools, equal priorities, equal and missing times, runs known by name alone. */
export const states: fc.Arbitrary<State> = pools.chain((somePools) =>
  queuesOf(somePools.map(({ id }) => id)).chain((queues) =>
    runsOf(queues.map(({ id }) => id)).map((runs): State => ({ pools: somePools, queues, runs })),
  ),
)

const toTime = (time: number | null): Date | null => (time === null ? null : new Date(time))
const created = { created: new Date(NOW - 90_000), updated: new Date(NOW - 90_000) }

/** Puts a state into a database, past the library, in place of what was there. */
export async function load(database: TestDatabase, state: State): Promise<void> {
  const { plain: db } = database
  const make = factory(database)
  await db.deleteFrom('flow_run').execute()
  await db.updateTable('work_pool').set({ default_queue_id: null }).execute()
  await db.deleteFrom('work_pool').execute()
  await make.rows(
    'work_pool',
    state.pools.map(({ id, name, type, isPaused, limit: concurrency_limit }) => ({
      ...created,
      id,
      name,
      type,
      is_paused: isPaused,
      concurrency_limit,
    })),
  )
  await make.rows(
    'work_queue',
    state.queues.map(({ id, name, poolId, priority, isPaused, limit: concurrency_limit, lastPolled, filter: of }) => ({
      ...created,
      id,
      name,
      work_pool_id: poolId,
      priority,
      is_paused: isPaused,
      concurrency_limit,
      last_polled: toTime(lastPolled),
      filter: of && { tags: of.tags, deployment_ids: of.deploymentIds },
    })),
  )
  await sql`
    update work_pool set default_queue_id = (
      select queue.id from work_queue as queue where queue.work_pool_id = work_pool.id and queue.name = 'default')
  `.execute(db)
  await make.rows(
    'flow_run',
    state.runs.map((run) => ({
      created: new Date(run.created),
      updated: new Date(run.created),
      id: run.id,
      name: run.name,
      flow_id: run.flowId,
      work_queue_id: run.queueId,
      work_queue_name: run.queueName,
      state_type: run.state,
      state_name: run.stateName,
      // What is entered next comes after all that the run was in before.
      state_timestamp: toTime(run.history.length === 0 ? null : Math.max(...run.history.map(([, time]) => time))),
      next_scheduled_start_time: toTime(run.start),
      end_time: toTime(run.end),
      deployment_id: run.deploymentId,
      tags: run.tags,
      empirical_policy: run.isRetriedInProcess ? { retry_type: 'in_process' } : {},
    })),
  )
  await make.rows(
    'flow_run_state',
    state.runs.flatMap(({ id, history: entered }) =>
      entered.map(([type, time]) => ({ flow_run_id: id, type, name: type, timestamp: new Date(time) })),
    ),
  )
  for (const { id, lease } of state.runs) {
    if (lease === null) continue
    const { holder, since, until } = lease
    const times = { acquired_at: new Date(since), expires_at: new Date(until) }
    // The state of the claim is none that the run is in.
    await make.lease({ flow_run_id: id, state_id: testId(404, 404), holder, ...times })
  }
}
