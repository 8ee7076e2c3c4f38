import { readNextStartTime, readWorkPoolStats, readWorkQueueStats } from 'kysely-work-queues'
import { not, orNull, type Refusals } from './refusals.js'

/** What the functions of figures must refuse. */
export const statsRefusals: Refusals = {
  readWorkQueueStats: {
    '': [orNull(not.object), (db, options) => readWorkQueueStats(db, options)],
    workPoolIds: [orNull(not.list), (db, workPoolIds) => readWorkQueueStats(db, { workPoolIds })],
    'workPoolIds.1': [orNull(not.id), (db, id, { pool }) => readWorkQueueStats(db, { workPoolIds: [pool, id] })],
    workQueueIds: [orNull(not.list), (db, workQueueIds) => readWorkQueueStats(db, { workQueueIds })],
    'workQueueIds.0': [orNull(not.id), (db, id) => readWorkQueueStats(db, { workQueueIds: [id] })],
    cap: [orNull(not.count), (db, cap) => readWorkQueueStats(db, { cap })],
    now: [orNull(not.time), (db, now) => readWorkQueueStats(db, { now })],
    limit: [[1, ...not.known], (db, limit) => readWorkQueueStats(db, { limit } as object)],
  },
  readWorkPoolStats: {
    '': [orNull(not.object), (db, options) => readWorkPoolStats(db, options)],
    workPoolIds: [orNull(not.list), (db, workPoolIds) => readWorkPoolStats(db, { workPoolIds })],
    'workPoolIds.1': [orNull(not.id), (db, id, { pool }) => readWorkPoolStats(db, { workPoolIds: [pool, id] })],
    cap: [orNull(not.count), (db, cap) => readWorkPoolStats(db, { cap })],
    now: [orNull(not.time), (db, now) => readWorkPoolStats(db, { now })],
    workQueueIds: [not.known, (db, workQueueIds) => readWorkPoolStats(db, { workQueueIds } as object)],
  },
  readNextStartTime: {
    '': [orNull(not.object), (db, options) => readNextStartTime(db, options)],
    workPoolIds: [orNull(not.list), (db, workPoolIds) => readNextStartTime(db, { workPoolIds })],
    'workPoolIds.0': [orNull(not.id), (db, id) => readNextStartTime(db, { workPoolIds: [id] })],
    workQueueIds: [orNull(not.list), (db, workQueueIds) => readNextStartTime(db, { workQueueIds })],
    'workQueueIds.1': [orNull(not.id), (db, id, { queue }) => readNextStartTime(db, { workQueueIds: [queue, id] })],
    now: [not.known, (db, now) => readNextStartTime(db, { now } as object)],
  },
}
