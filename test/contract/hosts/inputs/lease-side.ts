import { claimRunsInWorkQueue, claimScheduledFlowRuns, readLeases } from 'kysely-work-queues'
import { not, orNull, type Refusals } from './refusals.js'

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
