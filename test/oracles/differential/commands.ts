import fc from 'fast-check'
import type { StateType, WorkPoolStatus } from 'kysely-work-queues'
import { NOW, POOL_NAMES, STATE_TYPES, TAGS, TYPES } from './starting-states.js'

// Calls that write. Rows are told by their place in an order that both databases share, since ids differ; times are told by seconds
// before the call; keys that are `undefined` count as absent.

const index = fc.nat({ max: 11 })
const maybe = <T>(values: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> =>
  fc.option(values, { nil: undefined, freq: 1 })
const rarely = <T>(values: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> =>
  fc.oneof({ arbitrary: fc.constant(undefined), weight: 4 }, { arbitrary: values, weight: 1 })
/** Every kind of call. */
export const kinds: string[] = []

const kind = <K extends string>(name: K): fc.Arbitrary<K> => {
  kinds.push(name)
  return fc.constant(name)
}

const limit = fc.option(fc.integer({ min: 0, max: 3 }))
const queueName = fc.constantFrom('default', 'etl', 'ETL', 'a', 'b', 'c')
const workerName = fc.constantFrom('w', 'x')
const priority = fc.integer({ min: 1, max: 6 })
const description = maybe(fc.option(fc.constantFrom('', 'é "\\', 'text')))

const queueValues = fc.record({
  description,
  priority: maybe(priority),
  isPaused: maybe(fc.boolean()),
  concurrencyLimit: maybe(limit),
  lastPolled: maybe(fc.option(fc.constantFrom(0, 60, 61))),
  tags: maybe(fc.option(fc.subarray(TAGS))),
})
const createWorkQueue = fc.record({
  kind: kind('createWorkQueue'),
  pool: maybe(index),
  name: queueName,
  values: queueValues,
})
const updateWorkQueue = fc.record({
  kind: kind('updateWorkQueue'),
  queue: index,
  name: rarely(queueName),
  values: queueValues,
})

const holder = fc.constantFrom('w', 'x')
const leaseSeconds = fc.constantFrom(1, 30)
const claim = fc.record({
  kind: kind('claimRunsInWorkQueue'),
  queue: index,
  limit: maybe(fc.integer({ min: 0, max: 3 })),
  lease: fc.option(fc.record({ holder, leaseSeconds: maybe(leaseSeconds) })),
})
const release = fc.record({
  kind: kind('releaseExpiredLeases'),
  runningTo: maybe(fc.constantFrom('CRASHED' as const, 'SCHEDULED' as const)),
  maxReleases: maybe(fc.integer({ min: 0, max: 2 })),
  limit: maybe(fc.integer({ min: 0, max: 3 })),
})

const entered = fc.record({
  type: fc.constantFrom(...(STATE_TYPES as StateType[])),
  name: maybe(fc.constantFrom('Late', 'AwaitingRetry')),
  scheduledTime: maybe(fc.option(fc.constantFrom(new Date(NOW), new Date(NOW + 30_000)))),
  message: maybe(fc.option(fc.constantFrom('', 'why'))),
})

const retryFlowRun = fc.record({ kind: kind('retryFlowRun'), run: index })

const commands = fc.oneof(
  createWorkQueue,
  createWorkQueue,
  updateWorkQueue,
  updateWorkQueue,
  fc.record({
    kind: kind('deleteWorkQueue'),
    queue: index,
    waiting: fc.oneof(fc.constantFrom('keep' as const, 'cancel' as const), index),
  }),
  fc.record({ kind: kind('ensureWorkQueueExists'), pool: rarely(index), name: queueName }),
  fc.record({ kind: kind('ensureWorkPoolExists'), name: fc.constantFrom(...POOL_NAMES), isPaused: fc.boolean() }),
  fc.record({
    kind: kind('bulkUpdateWorkQueuePriorities'),
    pool: index,
    queues: fc.uniqueArray(index, { maxLength: 4 }),
    priorities: fc.uniqueArray(priority, { minLength: 4, maxLength: 4 }),
  }),
  fc.record({
    kind: kind('recordWorkQueuePolls'),
    polled: fc.array(index, { maxLength: 3 }),
    ready: fc.array(index, { maxLength: 3 }),
  }),
  fc.record({
    kind: kind('createWorkPool'),
    name: fc.constantFrom(...POOL_NAMES),
    type: fc.constantFrom('prefect-agent', ...TYPES),
    isPaused: fc.boolean(),
    concurrencyLimit: limit,
  }),
  fc.record({
    kind: kind('updateWorkPool'),
    pool: index,
    patch: fc.record({
      description,
      isPaused: maybe(fc.boolean()),
      status: rarely(fc.constantFrom<WorkPoolStatus>('READY', 'NOT_READY', 'PAUSED')),
      concurrencyLimit: maybe(limit),
    }),
  }),
  fc.record({ kind: kind('deleteWorkPool'), pool: index }),
  fc.record({
    kind: kind('createFlowRun'),
    alone: fc.boolean(),
    queue: maybe(index),
    workQueueName: fc.option(queueName),
    start: fc.option(fc.integer({ min: -60, max: 60 })),
    tags: fc.subarray(TAGS),
  }),
  fc.record({
    kind: kind('setFlowRunState'),
    run: index,
    state: entered,
    expectedStateTypes: maybe(fc.subarray(STATE_TYPES as StateType[])),
  }),
  fc.record({
    kind: kind('setFlowRunStates'),
    changes: fc.array(fc.record({ run: index, state: entered }), { maxLength: 4 }),
  }),
  claim,
  claim,
  fc.record({
    kind: kind('renewLeases'),
    holder,
    seconds: maybe(leaseSeconds),
    runs: maybe(fc.array(index, { maxLength: 3 })),
  }),
  release,
  release,
  fc.record({ kind: kind('cancelFlowRun'), run: index }),
  retryFlowRun,
  retryFlowRun,
  fc.record({
    kind: kind('recordWorkerHeartbeat'),
    pool: index,
    name: workerName,
    heartbeatIntervalSeconds: maybe(fc.constantFrom(0, 20)),
  }),
  fc.record({ kind: kind('deleteWorker'), pool: index, name: workerName }),
  fc.record({ kind: kind('markLateFlowRuns'), limit: maybe(fc.integer({ min: 0, max: 3 })) }),
  fc.record({ kind: kind('markWorkersOffline'), inactivityHeartbeatMultiple: maybe(fc.constantFrom(0, 1)) }),
  fc.record({ kind: kind('markWorkPoolsNotReady') }),
  fc.record({ kind: kind('markWorkQueuesNotReady') }),
  fc.record({ kind: kind('markFlowRunsCancelled'), limit: maybe(fc.integer({ min: 0, max: 3 })) }),
  fc.record({ kind: kind('pruneWorkers'), limit: maybe(fc.integer({ min: 0, max: 2 })) }),
  fc.record({
    kind: kind('pruneFlowRuns'),
    seconds: fc.constantFrom(0, 15, 60),
    states: maybe(fc.subarray(['COMPLETED', 'FAILED', 'CANCELLED', 'CRASHED'] as const)),
    queues: maybe(fc.array(index, { maxLength: 3 })),
    limit: maybe(fc.integer({ min: 0, max: 3 })),
  }),
  fc.record({ kind: kind('runUpkeep'), prunes: fc.boolean() }),
)

/** A call that writes. */
export type Command = typeof commands extends fc.Arbitrary<infer C> ? C : never

/** A call, and how many seconds after the one before it is made. */
export interface Step {
  readonly command: Command
  readonly seconds: number
}

/** A random sequence of calls that write. */
export const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.record({ command: commands, seconds: fc.constantFrom(0, 0, 1, 15, 60, 61) }),
  { minLength: 1, maxLength: 16 },
)
