import fc from 'fast-check'
import { type LeaseRead, type Page, type PoolPoll, type QueuePoll } from './model.js'
import { type PoolFilter, type QueueFilter, type QueueRead, type RunFilter, type RunRead } from './model-filters.js'
import {
  DEPLOYMENTS,
  FLOWS,
  NOW,
  POOL_NAMES,
  poolIds,
  QUEUE_NAMES,
  queueIds,
  runIds,
  STATE_TYPES,
  TAGS,
  times,
  TYPES,
} from './starting-states.js'

/** What is asked of a state: a few of each question, some of them about every queue or pool. */
export interface Questions {
  queuePolls: QueuePoll[]
  poolPolls: PoolPoll[]
  queueReads: QueueRead[]
  poolReads: (Page & { filter?: PoolFilter | undefined })[]
  runReads: RunRead[]
  holders: Page
  leases: LeaseRead
  poolHolders: { queueIds?: string[] | undefined; limitPerQueue?: number | undefined }
  names: { name: string; poolName?: string | undefined }
}

/** The value, or nothing. */
const maybe = <T>(values: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> =>
  fc.option(values, { nil: undefined, freq: 1 })
/** Some of the values, or a list without any, or one that nothing matches. */
const any = (values: readonly string[], missing: string): fc.Arbitrary<{ any: string[] }> =>
  fc.subarray([...values, missing]).map((some) => ({ any: some }))

const count = fc.integer({ min: 0, max: 5 })
const page = { limit: maybe(count), offset: maybe(fc.integer({ min: 0, max: 3 })) }
const operator = maybe(fc.constantFrom('and' as const, 'or' as const))
const time = fc.oneof(times, fc.constant(NOW))
const missingId = '00000000-0000-4000-8404-000000000404'
const prefixes = ['', 'e', 'E', 'Ü', 'ü', 'a_', 'a%', 'A', 'default', '😀', '\\', 'etlx']

const queueFilter: fc.Arbitrary<QueueFilter> = fc.record({
  operator,
  id: maybe(any(queueIds, missingId)),
  name: maybe(
    fc.oneof(
      any(QUEUE_NAMES, 'missing'),
      fc.record({ startsWith: fc.subarray(prefixes) }),
      fc.record({ any: fc.subarray(QUEUE_NAMES), startsWith: fc.subarray(prefixes) }),
    ),
  ),
})

const poolFilter: fc.Arbitrary<PoolFilter> = fc.record({
  operator,
  id: maybe(any(poolIds, missingId)),
  name: maybe(any(POOL_NAMES, 'missing')),
  type: maybe(any(TYPES, 'missing')),
})

// One or two criteria at a time: more would match nothing.
const runFilter: fc.Arbitrary<RunFilter> = fc
  .record({
    operator,
    id: any(runIds, missingId),
    name: any(['run 0', 'run 1', 'run 2', 'run 5'], 'Run 0'),
    flowId: any(FLOWS, missingId),
    deploymentId: any(DEPLOYMENTS, missingId),
    workQueueId: any(queueIds, missingId),
    workQueueName: any(QUEUE_NAMES.slice(0, 3), 'missing'),
    memberOf: fc.constantFrom(...queueIds, missingId),
    stateType: fc.subarray(STATE_TYPES).map((some) => ({ any: some })),
    stateName: any(['Late', 'Scheduled', 'Running'], 'late'),
    tags: fc.subarray([...TAGS, 'missing']).map((all) => ({ all })),
    start: fc
      .tuple(maybe(time), maybe(time))
      .map(([before, after]) => ({ before, after }))
      .filter(({ before, after }) => before !== undefined || after !== undefined),
  })
  .chain(({ operator: of, ...criteria }) =>
    fc
      .subarray(Object.keys(criteria) as (keyof typeof criteria)[], { maxLength: 2 })
      .map((keys): RunFilter => ({ operator: of, ...Object.fromEntries(keys.map((key) => [key, criteria[key]])) })),
  )

const poolPoll: fc.Arbitrary<PoolPoll> = fc.record({
  poolIds: fc.option(fc.subarray([...poolIds, missingId]), { nil: undefined }),
  queueIds: fc.option(fc.subarray([...queueIds, missingId], { minLength: 0 }), { nil: undefined }),
  before: maybe(time),
  after: fc.option(fc.constantFrom(NOW - 3000, NOW - 1000, NOW), { nil: undefined, freq: 1 }),
  limit: maybe(count),
  byPriority: maybe(fc.boolean()),
})

const some = <T>(question: fc.Arbitrary<T>, length: number): fc.Arbitrary<T[]> =>
  fc.array(question, { minLength: 1, maxLength: length })

/** Random questions. */
export const questions: fc.Arbitrary<Questions> = fc.record({
  queuePolls: some(fc.record({ limit: maybe(count), before: maybe(time) }), 2),
  poolPolls: some(poolPoll, 4),
  queueReads: some(
    fc.record({
      filter: maybe(queueFilter),
      poolId: maybe(fc.constantFrom(...poolIds, missingId)),
      orderBy: maybe(fc.constantFrom('name' as const, 'priority' as const)),
      ...page,
    }),
    2,
  ),
  poolReads: some(fc.record({ filter: maybe(poolFilter), ...page }), 2),
  runReads: some(
    fc.record({
      filter: maybe(runFilter),
      orderBy: maybe(
        fc.constantFrom('id' as const, 'nextScheduledStartTime' as const, 'endTime' as const, 'created' as const),
      ),
      descending: maybe(fc.boolean()),
      ...page,
    }),
    3,
  ),
  holders: fc.record(page),
  leases: fc.record({
    holder: maybe(fc.constantFrom('w', 'W', 'x')),
    queueIds: maybe(fc.subarray([...queueIds, missingId])),
    poolIds: maybe(fc.subarray([...poolIds, missingId])),
    ...page,
  }),
  poolHolders: fc.record({ queueIds: maybe(fc.subarray([...queueIds, missingId])), limitPerQueue: maybe(count) }),
  names: fc.record({
    name: fc.constantFrom(...QUEUE_NAMES.slice(0, 4)),
    poolName: maybe(fc.constantFrom(...POOL_NAMES)),
  }),
})
