import type { Kysely } from 'kysely'
import {
  bulkUpdateWorkQueuePriorities,
  cancelFlowRun,
  claimRunsInWorkQueue,
  claimScheduledFlowRuns,
  countFlowRuns,
  countFlowRunsByState,
  countWorkPoolActiveSlots,
  countWorkPools,
  countWorkQueueActiveSlots,
  countWorkQueues,
  createFlowRun,
  createFlowRuns,
  createWorkPool,
  createWorkQueue,
  deleteWorker,
  deleteWorkPool,
  deleteWorkQueue,
  ensureWorkPoolExists,
  ensureWorkQueueExists,
  explainFlowRun,
  explainWorkQueue,
  getRunsInWorkQueue,
  getScheduledFlowRuns,
  markFlowRunsCancelled,
  markLateFlowRuns,
  markWorkersOffline,
  markWorkPoolsNotReady,
  markWorkQueuesNotReady,
  pruneFlowRuns,
  pruneWorkers,
  readFlowRun,
  readFlowRuns,
  readFlowRunStates,
  readNextStartTime,
  readLeases,
  readWorkers,
  readWorkPool,
  readWorkPoolByName,
  readWorkPools,
  readWorkPoolSlotHolders,
  readWorkPoolStats,
  readWorkQueue,
  readWorkQueueByName,
  readWorkQueues,
  readWorkQueueSlotHolders,
  readWorkQueueStats,
  readWorkQueueStatus,
  recordWorkerHeartbeat,
  recordWorkQueuePolls,
  releaseExpiredLeases,
  releaseStaleClaims,
  renewLeases,
  retryFlowRun,
  runUpkeep,
  setFlowRunState,
  setFlowRunStates,
  takeEvents,
  updateWorkPool,
  updateWorkQueue,
  type WorkQueueTables,
} from 'kysely-work-queues'
import { type Factory, testId } from './factory.js'
import { together } from './together.js'

/** Makes a call that changes rows. What the call reports by `emitStatusChange` goes to `report`. */
export type WritingCall = (db: Kysely<WorkQueueTables>, report: (change: unknown) => void) => Promise<unknown>

const [pool, idle, a, b, scheduled, pending, ended, sleeping] = [1, 2, 3, 4, 5, 6, 12, 13].map((n) => testId(n)) as [
  string,
  string,
  string,
  string,
  string,
  string,
  string,
  string,
]
const claimed = testId(1, 4)
const long = new Date('2020-01-01T00:00:00Z')
const since = new Date('2021-01-01T00:00:00Z')

/** Rows of which each call changes some: a READY pool with a silent worker, a NOT_READY one, three queues, runs that are due or PENDING. */
export async function makeWorld(make: Factory): Promise<void> {
  await make.pool({ id: pool, name: 'pool', status: 'READY', concurrency_limit: 7 })
  await make.pool({ id: idle, name: 'idle', status: 'NOT_READY' })
  await make.pool({ name: 'without workers', status: 'READY' })
  await make.pool({ name: 'without workers too', status: 'READY' })
  await make.worker({ work_pool_id: pool, name: 'silent', last_heartbeat_time: long })
  await make.worker({ work_pool_id: pool, name: 'gone', last_heartbeat_time: long, status: 'OFFLINE' })
  const inPool = { work_pool_id: pool, status: 'READY', last_polled: long }
  await make.queue({ id: a, name: 'a', priority: 2, concurrency_limit: 5, ...inPool })
  await make.queue({ id: b, name: 'b', priority: 3, ...inPool })
  await make.queue({ id: sleeping, name: 'sleeping', priority: 2, work_pool_id: idle, status: 'NOT_READY' })
  const due = { next_scheduled_start_time: long, state_timestamp: long }
  await make.runs([
    { id: scheduled, work_queue_id: a, ...due },
    { work_queue_id: a, ...due },
    { work_queue_id: b, ...due },
    { id: pending, work_queue_id: a, state_id: claimed, state_type: 'PENDING', state_timestamp: long },
    { id: ended, work_queue_id: a, state_type: 'FAILED', state_timestamp: long },
    { work_queue_id: b, state_type: 'CANCELLING', state_timestamp: long },
    { work_queue_id: b, state_type: 'COMPLETED', state_timestamp: long, end_time: long },
  ])
  const lease = { state_id: claimed, acquired_at: long, expires_at: since }
  await make.lease({ flow_run_id: pending, ...lease })
  // Void: its run has ended.
  await make.lease({ flow_run_id: ended, ...lease })
}

/** Calls of every function that writes, by the function's name and what is particular about the call. They need the event log. */
export const writingCalls: Record<string, WritingCall> = {
  'createWorkQueue, the default pool too': (db) => createWorkQueue(db, { name: 'new' }),
  'createWorkQueue, with a priority that is taken': (db) =>
    createWorkQueue(db, { name: 'new', workPoolId: pool, priority: 1 }),
  'updateWorkQueue, name, pause and priority': (db, report) =>
    updateWorkQueue(db, a, { name: 'new', isPaused: true, priority: 3 }, { emitStatusChange: report }),
  deleteWorkQueue: (db) => deleteWorkQueue(db, a),
  'deleteWorkQueue, cancelling what waits': (db) => deleteWorkQueue(db, a, { waitingRuns: 'cancel' }),
  'deleteWorkQueue, moving what waits': (db) => deleteWorkQueue(db, a, { waitingRuns: { moveTo: b } }),
  'ensureWorkQueueExists, the default pool too': (db) => ensureWorkQueueExists(db, 'new'),
  'ensureWorkQueueExists, in a pool': (db) => ensureWorkQueueExists(db, 'new', { workPoolId: pool }),
  'recordWorkQueuePolls, of one queue': (db) =>
    recordWorkQueuePolls(db, { polledWorkQueueIds: [a], readyWorkQueueIds: [] }),
  'recordWorkQueuePolls, of two queues': (db) =>
    recordWorkQueuePolls(db, { polledWorkQueueIds: [a, b], readyWorkQueueIds: [a] }),
  'recordWorkQueuePolls, that reports': (db, report) =>
    recordWorkQueuePolls(db, { polledWorkQueueIds: [a], readyWorkQueueIds: [sleeping], emitStatusChange: report }),
  bulkUpdateWorkQueuePriorities: (db) => bulkUpdateWorkQueuePriorities(db, pool, { [a]: 3, [b]: 1 }),
  createWorkPool: (db) => createWorkPool(db, { name: 'new' }),
  ensureWorkPoolExists: (db) => ensureWorkPoolExists(db, { name: 'new' }),
  'updateWorkPool, pause': (db, report) => updateWorkPool(db, pool, { isPaused: true }, { emitStatusChange: report }),
  deleteWorkPool: (db) => deleteWorkPool(db, pool),
  'recordWorkerHeartbeat, the first of a pool': (db, report) =>
    recordWorkerHeartbeat(db, idle, 'new', { emitStatusChange: report }),
  deleteWorker: (db) => deleteWorker(db, pool, 'silent'),
  markLateFlowRuns: (db) => markLateFlowRuns(db, { scheduledBefore: since }),
  markWorkersOffline: (db) => markWorkersOffline(db),
  'markWorkPoolsNotReady, of two pools': (db, report) => markWorkPoolsNotReady(db, { emitStatusChange: report }),
  markWorkQueuesNotReady: (db, report) =>
    markWorkQueuesNotReady(db, { lastPolledBefore: since, emitStatusChange: report }),
  'createFlowRuns, of several statements': (db) =>
    createFlowRuns(
      db,
      Array.from({ length: 501 }, () => ({ workQueueId: a })),
    ),
  createFlowRun: (db) => createFlowRun(db, { workQueueId: a }),
  setFlowRunState: (db) => setFlowRunState(db, scheduled, { type: 'RUNNING' }),
  'setFlowRunStates, of two runs': (db) =>
    setFlowRunStates(db, [
      { id: pending, type: 'RUNNING' },
      { id: scheduled, type: 'PENDING' },
    ]),
  'setFlowRunStates, of many': (db) =>
    setFlowRunStates(
      db,
      [pending, scheduled, ...Array.from({ length: 1000 }, (_, n) => testId(n, 404))].map((id) => ({
        id,
        type: 'RUNNING',
      })),
    ),
  cancelFlowRun: (db) => cancelFlowRun(db, pending),
  retryFlowRun: (db) => retryFlowRun(db, ended),
  claimRunsInWorkQueue: (db) => claimRunsInWorkQueue(db, a, { scheduledBefore: null }),
  'claimRunsInWorkQueue, for a holder': (db) => claimRunsInWorkQueue(db, a, { scheduledBefore: null, holder: 'w-1' }),
  'claimScheduledFlowRuns, of two queues': (db) => claimScheduledFlowRuns(db, { scheduledBefore: null }),
  'claimScheduledFlowRuns, for a holder': (db) => claimScheduledFlowRuns(db, { scheduledBefore: null, holder: 'w-1' }),
  takeEvents: (db) => takeEvents(db),
  releaseStaleClaims: (db) => releaseStaleClaims(db, { pendingBefore: since }),
  'releaseStaleClaims, of a run that was released often enough': (db) =>
    releaseStaleClaims(db, { pendingBefore: since, maxReleases: 0 }),
  renewLeases: (db) => renewLeases(db, 'w-1', { flowRunIds: [pending, scheduled] }),
  releaseExpiredLeases: (db) => releaseExpiredLeases(db, { maxReleases: 1 }),
  markFlowRunsCancelled: (db) => markFlowRunsCancelled(db, { cancellingBefore: since }),
  pruneWorkers: (db) => pruneWorkers(db, { lastHeartbeatBefore: since }),
  pruneFlowRuns: (db) => pruneFlowRuns(db, { finishedBefore: since }),
  'pruneFlowRuns, of two queues': (db) => pruneFlowRuns(db, { finishedBefore: since, workQueueIds: [a, b] }),
  // Outside a transaction it goes on after an error: test/contract/run-upkeep.test.ts.
  'runUpkeep, in a transaction': (db) =>
    together(db, (trx) => runUpkeep(trx, { pruneWorkersAfterSeconds: 0, pruneFlowRunsAfterSeconds: 0 })),
}

/** Makes a call that changes nothing. */
export type ReadingCall = (db: Kysely<WorkQueueTables>) => Promise<unknown>

/** Calls of every function that only reads, by the function's name. */
export const readingCalls: Record<string, ReadingCall> = {
  readWorkQueue: (db) => readWorkQueue(db, a),
  readWorkQueueByName: (db) => readWorkQueueByName(db, 'a', { workPoolName: 'pool' }),
  readWorkQueues: (db) => readWorkQueues(db),
  countWorkQueues: (db) => countWorkQueues(db),
  readWorkQueueStatus: (db) => readWorkQueueStatus(db, a),
  getRunsInWorkQueue: (db) => getRunsInWorkQueue(db, a),
  readWorkPool: (db) => readWorkPool(db, pool),
  readWorkPoolByName: (db) => readWorkPoolByName(db, 'pool'),
  readWorkPools: (db) => readWorkPools(db),
  countWorkPools: (db) => countWorkPools(db),
  getScheduledFlowRuns: (db) => getScheduledFlowRuns(db),
  explainFlowRun: (db) => explainFlowRun(db, scheduled),
  'explainFlowRun, by polls': (db) => explainFlowRun(db, scheduled, { by: 'poll' }),
  explainWorkQueue: (db) => explainWorkQueue(db, a),
  countWorkPoolActiveSlots: (db) => countWorkPoolActiveSlots(db, [pool]),
  'countWorkPoolActiveSlots, as claims count': (db) => countWorkPoolActiveSlots(db, [pool], { by: 'claim' }),
  countWorkQueueActiveSlots: (db) => countWorkQueueActiveSlots(db, [a]),
  readWorkPoolSlotHolders: (db) => readWorkPoolSlotHolders(db, pool),
  'readWorkPoolSlotHolders, as claims count': (db) => readWorkPoolSlotHolders(db, pool, { by: 'claim' }),
  readWorkQueueSlotHolders: (db) => readWorkQueueSlotHolders(db, a),
  readLeases: (db) => readLeases(db),
  readWorkQueueStats: (db) => readWorkQueueStats(db),
  readWorkPoolStats: (db) => readWorkPoolStats(db),
  readNextStartTime: (db) => readNextStartTime(db),
  readWorkers: (db) => readWorkers(db, pool),
  countFlowRuns: (db) => countFlowRuns(db),
  readFlowRun: (db) => readFlowRun(db, scheduled),
  readFlowRuns: (db) => readFlowRuns(db),
  'readFlowRuns, of a queue': (db) =>
    readFlowRuns(db, { filter: { memberOf: a }, orderBy: 'endTime', descending: true, limit: 9 }),
  countFlowRunsByState: (db) => countFlowRunsByState(db, { filter: { memberOf: a } }),
  readFlowRunStates: (db) => readFlowRunStates(db, ended),
}
