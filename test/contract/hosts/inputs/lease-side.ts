import {
  claimRunsInWorkQueue,
  claimScheduledFlowRuns,
  readLeases,
  releaseExpiredLeases,
  releaseStaleClaims,
  renewLeases,
} from 'kysely-work-queues'
import { not, orAbsent, orNull, type Refusals } from './refusals.js'

const notSeconds = [0, ...not.count]

/** What the functions of leases, and claims for a holder, must refuse. */
export const leaseRefusals: Refusals = {
  'claimRunsInWorkQueue, for a holder,': {
    holder: [orNull(not.label), (db, holder, { queue }) => claimRunsInWorkQueue(db, queue, { holder })],
    leaseSeconds: [
      orNull(notSeconds),
      (db, leaseSeconds, { queue }) => claimRunsInWorkQueue(db, queue, { holder: 'w-1', leaseSeconds }),
    ],
  },
  'claimRunsInWorkQueue, for nobody,': {
    leaseSeconds: [[1, 60], (db, leaseSeconds, { queue }) => claimRunsInWorkQueue(db, queue, { leaseSeconds })],
  },
  'claimScheduledFlowRuns, for a holder,': {
    holder: [orNull(not.label), (db, holder) => claimScheduledFlowRuns(db, { holder })],
    leaseSeconds: [
      orNull(notSeconds),
      (db, leaseSeconds) => claimScheduledFlowRuns(db, { holder: 'w-1', leaseSeconds }),
    ],
  },
  'claimScheduledFlowRuns, for nobody,': {
    leaseSeconds: [[1, 60], (db, leaseSeconds) => claimScheduledFlowRuns(db, { leaseSeconds })],
  },
  renewLeases: {
    '': [orNull(not.object), (db, options) => renewLeases(db, 'w-1', options)],
    holder: [orAbsent(not.label), (db, holder) => renewLeases(db, holder)],
    leaseSeconds: [orNull(notSeconds), (db, leaseSeconds) => renewLeases(db, 'w-1', { leaseSeconds })],
    flowRunIds: [orNull(not.list), (db, flowRunIds) => renewLeases(db, 'w-1', { flowRunIds })],
    'flowRunIds.0': [orNull(not.id), (db, id) => renewLeases(db, 'w-1', { flowRunIds: [id] })],
    now: [orNull(not.time), (db, now) => renewLeases(db, 'w-1', { now })],
    more: [not.known, (db, more) => renewLeases(db, 'w-1', { more } as object)],
  },
  releaseExpiredLeases: {
    '': [orNull(not.object), (db, options) => releaseExpiredLeases(db, options)],
    runningTo: [
      ['crashed', 'PENDING', 'FAILED', '', null, 7, true, {}],
      (db, runningTo) => releaseExpiredLeases(db, { runningTo }),
    ],
    limit: [orNull(not.count), (db, limit) => releaseExpiredLeases(db, { limit })],
    maxReleases: [orNull(not.count), (db, maxReleases) => releaseExpiredLeases(db, { maxReleases })],
    now: [orNull(not.time), (db, now) => releaseExpiredLeases(db, { now })],
    more: [not.known, (db, more) => releaseExpiredLeases(db, { more } as object)],
  },
  'releaseStaleClaims, not for ever,': {
    maxReleases: [
      orNull(not.count),
      (db, maxReleases) => releaseStaleClaims(db, { pendingBefore: new Date(), maxReleases }),
    ],
  },
  readLeases: {
    '': [orNull(not.object), (db, options) => readLeases(db, options)],
    holder: [orNull(not.label), (db, holder) => readLeases(db, { holder })],
    workQueueIds: [orNull(not.list), (db, workQueueIds) => readLeases(db, { workQueueIds })],
    'workQueueIds.0': [orNull(not.id), (db, id) => readLeases(db, { workQueueIds: [id] })],
    workPoolIds: [orNull(not.list), (db, workPoolIds) => readLeases(db, { workPoolIds })],
    'workPoolIds.0': [orNull(not.id), (db, id) => readLeases(db, { workPoolIds: [id] })],
    limit: [orNull(not.count), (db, limit) => readLeases(db, { limit })],
    offset: [orNull(not.count), (db, offset) => readLeases(db, { offset })],
    more: [not.known, (db, more) => readLeases(db, { more } as object)],
  },
}
