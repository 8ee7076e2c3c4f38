import { addSeconds, subMilliseconds } from 'date-fns'
import type { Kysely } from 'kysely'
import * as library from 'kysely-work-queues'
import type { WorkQueueTables } from 'kysely-work-queues'
import { STATE_TYPES } from 'kysely-work-queues/rules'
import { testId } from '../../support/factory.js'
import type { RandomBelow } from '../../support/random-below.js'

/** Ids of rows that were there a moment ago. */
export interface Known {
  readonly pools: readonly string[]
  readonly queues: readonly string[]
  readonly runs: readonly string[]
}

/** Makes a call about rows that are chosen at random. */
export type MixedCall = (db: Kysely<WorkQueueTables>, choose: Choose) => Promise<unknown>

/** Chooses what a call is about. A row may be gone by then. */
export class Choose {
  readonly below: RandomBelow
  readonly #known: Known

  constructor(below: RandomBelow, known: Known) {
    this.below = below
    this.#known = known
  }

  one<T>(values: readonly T[], absent: T): T {
    return values[this.below(values.length)] ?? absent
  }

  pool(): string {
    return this.one(this.#known.pools, testId(404))
  }

  queue(): string {
    return this.one(this.#known.queues, testId(404))
  }

  run(): string {
    return this.one(this.#known.runs, testId(404))
  }

  /** Up to four queues, in no order. */
  queues(): string[] {
    return Array.from({ length: 1 + this.below(4) }, () => this.queue())
  }

  /** One of a few names, so that calls meet. */
  name(kind: string): string {
    return `${kind} ${this.below(kind === 'pool' ? 4 : 9)}`
  }

  maybe<T>(value: T): T | undefined {
    return this.below(2) === 0 ? value : undefined
  }

  limit(): number | null {
    return this.below(2) === 0 ? null : this.below(6)
  }

  /** A moment ago: for what is stale, late or silent. */
  moment(): Date {
    return subMilliseconds(new Date(), this.below(200))
  }
}

/** What a worker does in one transaction, in the order that docs/transactions.md calls safe. */
export const tick: MixedCall = async (db, c) => {
  const pool = c.pool()
  const inTransaction = async (trx: Kysely<WorkQueueTables>): Promise<void> => {
    await library.recordWorkerHeartbeat(trx, pool, c.name('worker'))
    const claimed = await library.claimScheduledFlowRuns(trx, { workPoolIds: [pool], limit: 3, recordPolls: true })
    for (const { flowRun } of claimed) await library.setFlowRunState(trx, flowRun.id, { type: 'RUNNING' })
  }
  return await (db.isTransaction ? inTransaction(db) : db.transaction().execute(inTransaction))
}

/** Every function that takes a session, by its name. */
export const mixedCalls: Record<string, MixedCall> = {
  // Queues
  bulkUpdateWorkQueuePriorities: (db, c) =>
    library.bulkUpdateWorkQueuePriorities(
      db,
      c.pool(),
      Object.fromEntries(c.queues().map((id, n) => [id, 1 + 3 * n + c.below(3)])),
    ),
  createWorkQueue: (db, c) =>
    library.createWorkQueue(db, {
      name: c.name('queue'),
      workPoolId: c.maybe(c.pool()),
      priority: c.maybe(1 + c.below(5)),
      concurrencyLimit: c.limit(),
    }),
  updateWorkQueue: (db, c) =>
    library.updateWorkQueue(db, c.queue(), {
      name: c.maybe(c.name('queue')),
      priority: c.maybe(1 + c.below(9)),
      isPaused: c.maybe(c.below(4) === 0),
      concurrencyLimit: c.maybe(c.limit()),
    }),
  deleteWorkQueue: (db, c) => {
    const [id, moveTo] = [c.queue(), c.queue()]
    const waitingRuns = c.one(['keep', 'cancel', id === moveTo ? 'cancel' : { moveTo }] as const, 'keep')
    return library.deleteWorkQueue(db, id, { waitingRuns })
  },
  ensureWorkQueueExists: (db, c) =>
    library.ensureWorkQueueExists(db, c.below(4) === 0 ? 'default' : c.name('queue'), {
      workPoolId: c.maybe(c.pool()),
    }),
  recordWorkQueuePolls: (db, c) =>
    library.recordWorkQueuePolls(db, {
      polledWorkQueueIds: c.queues(),
      readyWorkQueueIds: c.queues(),
      emitStatusChange: c.maybe(() => {}),
    }),
  getRunsInWorkQueue: (db, c) => library.getRunsInWorkQueue(db, c.queue(), { limit: c.maybe(c.below(9)) }),
  readWorkQueue: (db, c) => library.readWorkQueue(db, c.queue()),
  readWorkQueueByName: (db, c) => library.readWorkQueueByName(db, c.name('queue')),
  readWorkQueueStatus: (db, c) => library.readWorkQueueStatus(db, c.queue()),
  readWorkQueues: (db, c) => library.readWorkQueues(db, { workPoolId: c.maybe(c.pool()) }),
  countWorkQueues: (db, c) => library.countWorkQueues(db, { workPoolId: c.pool() }),
  // Pools
  createWorkPool: (db, c) =>
    library.createWorkPool(db, { name: c.name('pool'), type: 'process', concurrencyLimit: c.limit() }),
  ensureWorkPoolExists: (db, c) => library.ensureWorkPoolExists(db, { name: c.name('ensured'), type: 'process' }),
  updateWorkPool: (db, c) =>
    library.updateWorkPool(db, c.pool(), {
      isPaused: c.maybe(c.below(4) === 0),
      concurrencyLimit: c.maybe(c.limit()),
      description: 'changed',
    }),
  // Less often than pools are created.
  deleteWorkPool: (db, c) => library.deleteWorkPool(db, c.below(3) === 0 ? c.pool() : testId(404)),
  readWorkPool: (db, c) => library.readWorkPool(db, c.pool()),
  readWorkPoolByName: (db, c) => library.readWorkPoolByName(db, c.name('pool')),
  readWorkPools: (db) => library.readWorkPools(db),
  countWorkPools: (db) => library.countWorkPools(db),
  getScheduledFlowRuns: (db, c) => library.getScheduledFlowRuns(db, { workPoolIds: [c.pool()], limit: c.below(9) }),
  // Claims
  claimRunsInWorkQueue: (db, c) =>
    library.claimRunsInWorkQueue(db, c.queue(), {
      limit: c.maybe(c.below(5)),
      recordPolls: c.maybe(true),
      scheduledBefore: null,
      holder: c.maybe(c.name('worker')),
    }),
  claimScheduledFlowRuns: (db, c) =>
    library.claimScheduledFlowRuns(db, {
      workPoolIds: c.maybe([c.pool(), c.pool()]),
      limit: 1 + c.below(9),
      recordPolls: c.maybe(true),
      scheduledBefore: null,
      holder: c.maybe(c.name('worker')),
    }),
  releaseStaleClaims: (db, c) => library.releaseStaleClaims(db, { pendingBefore: c.moment(), limit: 20 }),
  renewLeases: (db, c) =>
    library.renewLeases(db, c.name('worker'), {
      leaseSeconds: 1 + c.below(2),
      flowRunIds: c.maybe([c.run(), c.run()]),
    }),
  releaseExpiredLeases: (db, c) =>
    library.releaseExpiredLeases(db, {
      runningTo: c.maybe('SCHEDULED'),
      maxReleases: c.maybe(c.below(3)),
      limit: 20,
      // As if time went faster, so that leases expire.
      now: c.maybe(addSeconds(new Date(), 2)),
    }),
  readLeases: (db, c) =>
    library.readLeases(db, { holder: c.maybe(c.name('worker')), workPoolIds: c.maybe([c.pool()]) }),
  takeEvents: (db, c) => library.takeEvents(db, { limit: c.below(20) }),
  // Slots, figures and explanations
  countWorkPoolActiveSlots: (db, c) =>
    library.countWorkPoolActiveSlots(db, [c.pool(), c.pool()], { by: c.maybe('claim') }),
  countWorkQueueActiveSlots: (db, c) => library.countWorkQueueActiveSlots(db, c.queues()),
  readWorkPoolSlotHolders: (db, c) => library.readWorkPoolSlotHolders(db, c.pool(), { by: c.maybe('claim') }),
  readWorkQueueSlotHolders: (db, c) => library.readWorkQueueSlotHolders(db, c.queue()),
  readWorkQueueStats: (db, c) =>
    library.readWorkQueueStats(db, { workQueueIds: c.maybe(c.queues()), cap: 1 + c.below(9) }),
  readWorkPoolStats: (db, c) => library.readWorkPoolStats(db, { workPoolIds: c.maybe([c.pool()]) }),
  readNextStartTime: (db, c) => library.readNextStartTime(db, { workPoolIds: c.maybe([c.pool()]) }),
  explainFlowRun: (db, c) => library.explainFlowRun(db, c.run(), { by: c.maybe('poll') }),
  explainWorkQueue: (db, c) => library.explainWorkQueue(db, c.queue(), { by: c.maybe('poll') }),
  // Workers and upkeep
  recordWorkerHeartbeat: (db, c) => library.recordWorkerHeartbeat(db, c.pool(), c.name('worker')),
  deleteWorker: (db, c) => library.deleteWorker(db, c.pool(), c.name('worker')),
  readWorkers: (db, c) => library.readWorkers(db, c.pool()),
  markLateFlowRuns: (db, c) => library.markLateFlowRuns(db, { scheduledBefore: c.moment(), limit: 20 }),
  markFlowRunsCancelled: (db, c) => library.markFlowRunsCancelled(db, { cancellingBefore: c.moment(), limit: 20 }),
  pruneWorkers: (db, c) => library.pruneWorkers(db, { lastHeartbeatBefore: c.moment(), limit: 2 }),
  // Few, and of two states: the calls about a run are to find one.
  pruneFlowRuns: (db, c) =>
    library.pruneFlowRuns(db, {
      finishedBefore: { COMPLETED: c.moment(), CANCELLED: c.moment() },
      workQueueIds: c.maybe(c.queues()),
      limit: 2,
    }),
  runUpkeep: (db) =>
    library.runUpkeep(db, { pruneWorkersAfterSeconds: 0, pruneFlowRunsAfterSeconds: { CRASHED: 0 }, batches: 1 }),
  markWorkersOffline: (db) => library.markWorkersOffline(db, { inactivityHeartbeatMultiple: 0 }),
  markWorkPoolsNotReady: (db) => library.markWorkPoolsNotReady(db),
  markWorkQueuesNotReady: (db, c) => library.markWorkQueuesNotReady(db, { lastPolledBefore: c.moment() }),
  // Runs
  createFlowRuns: (db, c) =>
    library.createFlowRuns(
      db,
      Array.from({ length: 1 + c.below(4) }, () => ({
        workQueueId: c.maybe(c.queue()),
        workQueueName: c.maybe(c.name('queue')),
        flowId: testId(1),
        idempotencyKey: c.below(4) === 0 ? c.name('key') : undefined,
        nextScheduledStartTime: c.moment(),
      })),
    ),
  createFlowRun: (db, c) =>
    library.createFlowRun(db, {
      workQueueId: c.maybe(c.queue()),
      flowId: testId(1),
      idempotencyKey: c.maybe(c.name('key')),
    }),
  cancelFlowRun: (db, c) => library.cancelFlowRun(db, c.run()),
  retryFlowRun: (db, c) => library.retryFlowRun(db, c.run()),
  setFlowRunStates: (db, c) =>
    library.setFlowRunStates(
      db,
      [...new Set(Array.from({ length: 1 + c.below(6) }, () => c.run()))].map((id) => ({
        id,
        type: c.one(STATE_TYPES, 'COMPLETED'),
      })),
    ),
  setFlowRunState: (db, c) => library.setFlowRunState(db, c.run(), { type: c.one(STATE_TYPES, 'COMPLETED') }),
  readFlowRun: (db, c) => library.readFlowRun(db, c.run()),
  readFlowRuns: (db, c) =>
    library.readFlowRuns(db, { filter: { memberOf: c.queue() }, orderBy: 'endTime', descending: true, limit: 20 }),
  readFlowRunStates: (db, c) => library.readFlowRunStates(db, c.run()),
  countFlowRunsByState: (db, c) => library.countFlowRunsByState(db, { filter: { memberOf: c.queue() } }),
  countFlowRuns: (db, c) => library.countFlowRuns(db, { filter: { workQueueId: { any: c.queues() } } }),
}
