import {
  countWorkPoolActiveSlots,
  countWorkQueueActiveSlots,
  deleteWorker,
  getScheduledFlowRuns,
  markFlowRunsCancelled,
  markLateFlowRuns,
  markWorkersOffline,
  markWorkPoolsNotReady,
  markWorkQueuesNotReady,
  pruneFlowRuns,
  pruneWorkers,
  readWorkers,
  readWorkPoolSlotHolders,
  readWorkQueueSlotHolders,
  recordWorkerHeartbeat,
  runUpkeep,
  updateWorkPool,
} from 'kysely-work-queues'
import { leaseRefusals } from './lease-side.js'
import { testId } from '../../../support/factory.js'
import { not, orAbsent, orNull, type Refusals } from './refusals.js'

const before = new Date('2035-01-01T12:00:00Z')
const notStatus = ['ready', 'LATE', '', null, 7, true, {}, new Date(0)]
/** A record without a state is valid. */
const notTimes = not.time.filter((value) => typeof value !== 'object' || value instanceof Date || Array.isArray(value))
const notWorkerStatus = ['online', 'READY', '', null, 7, true, {}, new Date(0)]

/** What the functions of pools, slots, workers and upkeep must refuse. */
export const poolSideRefusals: Refusals = {
  updateWorkPool: {
    '': [orAbsent(not.object), (db, patch, { pool }) => updateWorkPool(db, pool, patch)],
    id: [orAbsent(not.id), (db, id) => updateWorkPool(db, id, { isPaused: true })],
    description: [not.text, (db, description, { pool }) => updateWorkPool(db, pool, { description })],
    baseJobTemplate: [
      orNull(not.json),
      (db, baseJobTemplate, { pool }) => updateWorkPool(db, pool, { baseJobTemplate }),
    ],
    isPaused: [orNull(not.flag), (db, isPaused, { pool }) => updateWorkPool(db, pool, { isPaused })],
    status: [notStatus, (db, status, { pool }) => updateWorkPool(db, pool, { status })],
    concurrencyLimit: [
      not.count,
      (db, concurrencyLimit, { pool }) => updateWorkPool(db, pool, { isPaused: true, concurrencyLimit }),
    ],
    storageConfiguration: [
      orNull(not.storageConfiguration),
      (db, storageConfiguration, { pool }) => updateWorkPool(db, pool, { storageConfiguration }),
    ],
    name: [
      ['new', ...not.known],
      (db, name, { pool }) => updateWorkPool(db, pool, { isPaused: true, ...({ name } as object) }),
    ],
    type: [['process', ...not.known], (db, type, { pool }) => updateWorkPool(db, pool, { type } as object)],
    defaultQueueId: [
      [testId(1), ...not.known],
      (db, defaultQueueId, { pool }) => updateWorkPool(db, pool, { defaultQueueId } as object),
    ],
    is_paused: [not.known, (db, is_paused, { pool }) => updateWorkPool(db, pool, { is_paused } as object)],
    now: [orNull(not.time), (db, now, { pool }) => updateWorkPool(db, pool, { isPaused: true }, { now })],
    emitStatusChange: [
      orNull(not.callback),
      (db, emitStatusChange, { pool }) => updateWorkPool(db, pool, { isPaused: true }, { emitStatusChange }),
    ],
    more: [not.known, (db, more, { pool }) => updateWorkPool(db, pool, { isPaused: true }, { more } as object)],
  },
  getScheduledFlowRuns: {
    '': [orNull(not.object), (db, options) => getScheduledFlowRuns(db, options)],
    workPoolIds: [orNull(not.list), (db, workPoolIds) => getScheduledFlowRuns(db, { workPoolIds })],
    'workPoolIds.1': [orNull(not.id), (db, id, { pool }) => getScheduledFlowRuns(db, { workPoolIds: [pool, id] })],
    workQueueIds: [orNull(not.list), (db, workQueueIds) => getScheduledFlowRuns(db, { workQueueIds })],
    'workQueueIds.0': [orNull(not.id), (db, id) => getScheduledFlowRuns(db, { workQueueIds: [id] })],
    scheduledBefore: [orNull(not.time), (db, scheduledBefore) => getScheduledFlowRuns(db, { scheduledBefore })],
    scheduledAfter: [orNull(not.time), (db, scheduledAfter) => getScheduledFlowRuns(db, { scheduledAfter })],
    limit: [orNull(not.count), (db, limit) => getScheduledFlowRuns(db, { limit })],
    respectQueuePriorities: [
      orNull(not.flag),
      (db, respectQueuePriorities) => getScheduledFlowRuns(db, { respectQueuePriorities }),
    ],
    offset: [[0, ...not.known], (db, offset) => getScheduledFlowRuns(db, { offset } as object)],
  },
  countWorkQueueActiveSlots: {
    ids: [orAbsent(not.list), (db, ids) => countWorkQueueActiveSlots(db, ids)],
    'ids.1': [orAbsent(not.id), (db, id, { queue }) => countWorkQueueActiveSlots(db, [queue, id])],
  },
  countWorkPoolActiveSlots: {
    ids: [orAbsent(not.list), (db, ids) => countWorkPoolActiveSlots(db, ids)],
    'ids.1': [orAbsent(not.id), (db, id, { pool }) => countWorkPoolActiveSlots(db, [pool, id])],
    by: [['claims', 'POLL', '', null, 7], (db, by, { pool }) => countWorkPoolActiveSlots(db, [pool], { by })],
  },
  readWorkQueueSlotHolders: {
    '': [orNull(not.object), (db, options, { queue }) => readWorkQueueSlotHolders(db, queue, options)],
    id: [orAbsent(not.id), (db, id) => readWorkQueueSlotHolders(db, id)],
    limit: [orNull(not.count), (db, limit, { queue }) => readWorkQueueSlotHolders(db, queue, { limit })],
    offset: [orNull(not.count), (db, offset, { queue }) => readWorkQueueSlotHolders(db, queue, { offset })],
    more: [not.known, (db, more, { queue }) => readWorkQueueSlotHolders(db, queue, { more } as object)],
  },
  readWorkPoolSlotHolders: {
    '': [orNull(not.object), (db, options, { pool }) => readWorkPoolSlotHolders(db, pool, options)],
    id: [orAbsent(not.id), (db, id) => readWorkPoolSlotHolders(db, id)],
    workQueueIds: [
      orNull(not.list),
      (db, workQueueIds, { pool }) => readWorkPoolSlotHolders(db, pool, { workQueueIds }),
    ],
    'workQueueIds.0': [orNull(not.id), (db, id, { pool }) => readWorkPoolSlotHolders(db, pool, { workQueueIds: [id] })],
    limitPerQueue: [
      orNull(not.count),
      (db, limitPerQueue, { pool }) => readWorkPoolSlotHolders(db, pool, { limitPerQueue }),
    ],
    by: [['claims', 'POLL', '', null, 7], (db, by, { pool }) => readWorkPoolSlotHolders(db, pool, { by })],
    limit: [[1, ...not.known], (db, limit, { pool }) => readWorkPoolSlotHolders(db, pool, { limit } as object)],
  },
  recordWorkerHeartbeat: {
    '': [orNull(not.object), (db, options, { pool }) => recordWorkerHeartbeat(db, pool, 'w', options)],
    workPoolId: [orAbsent(not.id), (db, id) => recordWorkerHeartbeat(db, id, 'w')],
    name: [orAbsent(not.name), (db, name, { pool }) => recordWorkerHeartbeat(db, pool, name)],
    heartbeatIntervalSeconds: [
      orNull(not.count),
      (db, heartbeatIntervalSeconds, { pool }) => recordWorkerHeartbeat(db, pool, 'w', { heartbeatIntervalSeconds }),
    ],
    now: [orNull(not.time), (db, now, { pool }) => recordWorkerHeartbeat(db, pool, 'w', { now })],
    emitStatusChange: [
      orNull(not.callback),
      (db, emitStatusChange, { pool }) => recordWorkerHeartbeat(db, pool, 'w', { emitStatusChange }),
    ],
    status: [
      ['ONLINE', ...not.known],
      (db, status, { pool }) => recordWorkerHeartbeat(db, pool, 'w', { status } as object),
    ],
  },
  ...leaseRefusals,
  readWorkers: {
    '': [orNull(not.object), (db, options, { pool }) => readWorkers(db, pool, options)],
    workPoolId: [orAbsent(not.id), (db, id) => readWorkers(db, id)],
    status: [notWorkerStatus, (db, status, { pool }) => readWorkers(db, pool, { status })],
    limit: [orNull(not.count), (db, limit, { pool }) => readWorkers(db, pool, { limit })],
    offset: [orNull(not.count), (db, offset, { pool }) => readWorkers(db, pool, { offset })],
    more: [not.known, (db, more, { pool }) => readWorkers(db, pool, { more } as object)],
  },
  deleteWorker: {
    workPoolId: [orAbsent(not.id), (db, id) => deleteWorker(db, id, 'w')],
    name: [orAbsent(not.name), (db, name, { pool }) => deleteWorker(db, pool, name)],
  },
  markLateFlowRuns: {
    '': [orAbsent(not.object), (db, options) => markLateFlowRuns(db, options)],
    scheduledBefore: [orAbsent(not.time), (db, scheduledBefore) => markLateFlowRuns(db, { scheduledBefore })],
    limit: [orNull(not.count), (db, limit) => markLateFlowRuns(db, { scheduledBefore: before, limit })],
    now: [orNull(not.time), (db, now) => markLateFlowRuns(db, { scheduledBefore: before, now })],
    more: [not.known, (db, more) => markLateFlowRuns(db, { scheduledBefore: before, ...({ more } as object) })],
  },
  markWorkersOffline: {
    '': [orNull(not.object), (db, options) => markWorkersOffline(db, options)],
    inactivityHeartbeatMultiple: [
      orNull(not.count),
      (db, inactivityHeartbeatMultiple) => markWorkersOffline(db, { inactivityHeartbeatMultiple }),
    ],
    fallbackHeartbeatIntervalSeconds: [
      orNull(not.count),
      (db, fallbackHeartbeatIntervalSeconds) => markWorkersOffline(db, { fallbackHeartbeatIntervalSeconds }),
    ],
    now: [orNull(not.time), (db, now) => markWorkersOffline(db, { now })],
    more: [not.known, (db, more) => markWorkersOffline(db, { more } as object)],
  },
  markWorkPoolsNotReady: {
    '': [orNull(not.object), (db, options) => markWorkPoolsNotReady(db, options)],
    now: [orNull(not.time), (db, now) => markWorkPoolsNotReady(db, { now })],
    emitStatusChange: [orNull(not.callback), (db, emitStatusChange) => markWorkPoolsNotReady(db, { emitStatusChange })],
    limit: [[1, ...not.known], (db, limit) => markWorkPoolsNotReady(db, { limit } as object)],
  },
  markWorkQueuesNotReady: {
    '': [orAbsent(not.object), (db, options) => markWorkQueuesNotReady(db, options)],
    lastPolledBefore: [orAbsent(not.time), (db, lastPolledBefore) => markWorkQueuesNotReady(db, { lastPolledBefore })],
    emitStatusChange: [
      orNull(not.callback),
      (db, emitStatusChange) => markWorkQueuesNotReady(db, { lastPolledBefore: before, emitStatusChange }),
    ],
    now: [orNull(not.time), (db, now) => markWorkQueuesNotReady(db, { lastPolledBefore: before, now })],
    more: [not.known, (db, more) => markWorkQueuesNotReady(db, { lastPolledBefore: before, ...({ more } as object) })],
  },
  markFlowRunsCancelled: {
    '': [orAbsent(not.object), (db, options) => markFlowRunsCancelled(db, options)],
    cancellingBefore: [orAbsent(not.time), (db, cancellingBefore) => markFlowRunsCancelled(db, { cancellingBefore })],
    limit: [orNull(not.count), (db, limit) => markFlowRunsCancelled(db, { cancellingBefore: before, limit })],
    now: [orNull(not.time), (db, now) => markFlowRunsCancelled(db, { cancellingBefore: before, now })],
    more: [not.known, (db, more) => markFlowRunsCancelled(db, { cancellingBefore: before, ...({ more } as object) })],
  },
  pruneWorkers: {
    '': [orAbsent(not.object), (db, options) => pruneWorkers(db, options)],
    lastHeartbeatBefore: [orAbsent(not.time), (db, lastHeartbeatBefore) => pruneWorkers(db, { lastHeartbeatBefore })],
    limit: [orNull(not.count), (db, limit) => pruneWorkers(db, { lastHeartbeatBefore: before, limit })],
    now: [
      [before, ...not.known],
      (db, now) => pruneWorkers(db, { lastHeartbeatBefore: before, ...({ now } as object) }),
    ],
  },
  pruneFlowRuns: {
    '': [orAbsent(not.object), (db, options) => pruneFlowRuns(db, options)],
    finishedBefore: [orAbsent(notTimes), (db, finishedBefore) => pruneFlowRuns(db, { finishedBefore })],
    'finishedBefore.FAILED': [
      orNull(not.time),
      (db, FAILED) => pruneFlowRuns(db, { finishedBefore: { COMPLETED: before, FAILED } }),
    ],
    'finishedBefore.RUNNING': [
      [before, ...not.known],
      (db, RUNNING) => pruneFlowRuns(db, { finishedBefore: { RUNNING } as object }),
    ],
    workQueueIds: [orNull(not.list), (db, workQueueIds) => pruneFlowRuns(db, { finishedBefore: before, workQueueIds })],
    'workQueueIds.1': [
      orAbsent(not.id),
      (db, id, { queue }) => pruneFlowRuns(db, { finishedBefore: before, workQueueIds: [queue, id] }),
    ],
    limit: [orNull(not.count), (db, limit) => pruneFlowRuns(db, { finishedBefore: before, limit })],
    more: [not.known, (db, more) => pruneFlowRuns(db, { finishedBefore: before, ...({ more } as object) })],
  },
  runUpkeep: {
    '': [orNull(not.object), (db, options) => runUpkeep(db, options)],
    lateAfterSeconds: [orNull(not.count), (db, lateAfterSeconds) => runUpkeep(db, { lateAfterSeconds })],
    staleAfterSeconds: [orNull(not.count), (db, staleAfterSeconds) => runUpkeep(db, { staleAfterSeconds })],
    cancellingAfterSeconds: [
      orNull(not.count),
      (db, cancellingAfterSeconds) => runUpkeep(db, { cancellingAfterSeconds }),
    ],
    heartbeatIntervalSeconds: [
      orNull(not.count),
      (db, heartbeatIntervalSeconds) => runUpkeep(db, { heartbeatIntervalSeconds }),
    ],
    notReadyAfterSeconds: [orNull(not.count), (db, notReadyAfterSeconds) => runUpkeep(db, { notReadyAfterSeconds })],
    pruneWorkersAfterSeconds: [
      orNull(not.count),
      (db, pruneWorkersAfterSeconds) => runUpkeep(db, { pruneWorkersAfterSeconds }),
    ],
    pruneFlowRunsAfterSeconds: [
      [null, -1, 0.5, NaN, 'x', true, []],
      (db, pruneFlowRunsAfterSeconds) => runUpkeep(db, { pruneFlowRunsAfterSeconds }),
    ],
    'pruneFlowRunsAfterSeconds.CRASHED': [
      orNull(not.count),
      (db, CRASHED) => runUpkeep(db, { pruneFlowRunsAfterSeconds: { CRASHED } }),
    ],
    'pruneFlowRunsAfterSeconds.PAUSED': [
      not.known,
      (db, PAUSED) => runUpkeep(db, { pruneFlowRunsAfterSeconds: { PAUSED } as object }),
    ],
    batches: [orNull(not.priority), (db, batches) => runUpkeep(db, { batches })],
    leaveOut: [orNull(not.list), (db, leaveOut) => runUpkeep(db, { leaveOut })],
    'leaveOut.0': [['', 'markLate', 'deleteWorker', 7, null, {}], (db, name) => runUpkeep(db, { leaveOut: [name] })],
    now: [orNull(not.time), (db, now) => runUpkeep(db, { now })],
    emitStatusChange: [not.known, (db, emitStatusChange) => runUpkeep(db, { emitStatusChange } as object)],
  },
}
