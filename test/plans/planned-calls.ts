import {
  claimRunsInWorkQueue,
  claimScheduledFlowRuns,
  countWorkPoolActiveSlots,
  countWorkQueueActiveSlots,
  getRunsInWorkQueue,
  getScheduledFlowRuns,
  markLateFlowRuns,
  readWorkPoolSlotHolders,
  readWorkQueueByName,
  readWorkQueueSlotHolders,
  readWorkQueueStatus,
  releaseStaleClaims,
} from 'kysely-work-queues'
import type { HotCall } from './hot-call.js'
import { entering, enteringAtOnce, enteringOnSqlite, stateChanges } from './planned-state-changes.js'
import type { Db } from './plan-database.js'
import { now } from './seed-plan-database.js'

const limit = 10
const due = { limit, scheduledBefore: now }

const queuePoll = 'active_by_queue_id, active_by_queue_name, due_by_queue_id, due_by_queue_name'
const poolPoll = 'active_by_queue_id, due_by_queue_id'
const poolClaim = 'active_by_queue_id, active_by_queue_name, due_by_queue_id'
const queueClaim = [queuePoll]
const queueClaimOnSqlite = [queuePoll, 'by id alone', 'by id alone']

/** A claim of a queue that was met before: three statements of a claim of nothing, and then its own. */
async function claimKnown(db: Db, queue: string): Promise<void> {
  await claimRunsInWorkQueue(db, queue, { ...due, limit: 0 })
  await claimRunsInWorkQueue(db, queue, due)
}

export const hotCalls: readonly HotCall[] = [
  {
    title: 'getRunsInWorkQueue of a limited queue',
    call: (db, { limited }) => getRunsInWorkQueue(db, limited, due),
    postgres: [queuePoll],
    rows: 50,
  },
  {
    title: 'getRunsInWorkQueue of a limited queue, whenever they are due',
    call: (db, { limited }) => getRunsInWorkQueue(db, limited, { limit }),
    postgres: [queuePoll],
    rows: 50,
  },
  {
    title: 'getRunsInWorkQueue of an unlimited queue',
    call: (db, { unlimited }) => getRunsInWorkQueue(db, unlimited, due),
    postgres: [queuePoll],
    rows: 50,
  },
  {
    title: 'getRunsInWorkQueue of an unlimited queue, whenever they are due',
    call: (db, { unlimited }) => getRunsInWorkQueue(db, unlimited, { limit }),
    postgres: [queuePoll],
    rows: 50,
  },
  {
    title: 'getRunsInWorkQueue of an idle queue',
    call: (db, { idle }) => getRunsInWorkQueue(db, idle, due),
    postgres: [queuePoll],
    rows: 0,
  },
  {
    title: 'getRunsInWorkQueue of a queue outside the default agent pool, whose name others have',
    call: (db, { outside }) => getRunsInWorkQueue(db, outside, due),
    postgres: [queuePoll],
    rows: 0,
  },
  {
    title: 'getRunsInWorkQueue of a queue that is far more than full',
    call: (db, { crowded }) => getRunsInWorkQueue(db, crowded, due),
    postgres: [queuePoll],
    rows: 50,
  },
  {
    title: 'getRunsInWorkQueue in a transaction',
    call: (db, { limited }) => db.transaction().execute((trx) => getRunsInWorkQueue(trx, limited, due)),
    postgres: [queuePoll],
    rows: 50,
  },
  {
    title: 'getRunsInWorkQueue of a queue with a tag filter',
    call: (db, { filtering }) => getRunsInWorkQueue(db, filtering, due),
    // The first statement finds that the queue has a filter, and no runs.
    skips: 1,
    postgres: ['active_by_deployment, due_by_deployment'],
    // A filter may name many deployments, and no index has the runs of all of them in order.
    sorts: true,
    // On Prefect's tables, its own indexes of states win. Such queues are deprecated.
    tables: 'our tables',
    rows: 100,
  },
  {
    title: 'getScheduledFlowRuns of a pool',
    call: (db, { pool }) => getScheduledFlowRuns(db, { workPoolIds: [pool], ...due }),
    postgres: [poolPoll],
    rows: 250,
  },
  {
    title: 'getScheduledFlowRuns of a pool, whenever they are due',
    call: (db, { pool }) => getScheduledFlowRuns(db, { workPoolIds: [pool], limit }),
    postgres: [poolPoll],
    rows: 250,
  },
  {
    title: 'getScheduledFlowRuns of queues of a pool',
    call: (db, { pool, limited, unlimited }) =>
      getScheduledFlowRuns(db, { workPoolIds: [pool], workQueueIds: [limited, unlimited], ...due }),
    postgres: [poolPoll],
    rows: 250,
  },
  {
    title: 'getScheduledFlowRuns of a pool that is far more than full',
    call: (db, { crowdedPool }) => getScheduledFlowRuns(db, { workPoolIds: [crowdedPool], ...due }),
    postgres: [poolPoll],
    rows: 200,
  },
  {
    title: 'getScheduledFlowRuns of queues, between two times',
    call: (db, { limited, unlimited }) =>
      getScheduledFlowRuns(db, { workQueueIds: [limited, unlimited], scheduledAfter: new Date('2030-01-01'), ...due }),
    postgres: [poolPoll],
    rows: 250,
  },
  {
    title: 'getScheduledFlowRuns of a pool, by start time alone',
    call: (db, { pool }) => getScheduledFlowRuns(db, { workPoolIds: [pool], respectQueuePriorities: false, ...due }),
    postgres: [poolPoll],
    // The planner expects ten steps, where there is one.
    cost: 1_000_000,
    rows: 250,
  },
  {
    title: 'getScheduledFlowRuns of all pools',
    call: (db) => getScheduledFlowRuns(db, due),
    postgres: [poolPoll],
    // A thousand queues, each looked at once; the planner thinks of five times as many, and of full ones.
    pages: 25_000,
    cost: 2_000_000,
    rows: 750,
  },
  {
    title: 'getScheduledFlowRuns in a transaction',
    call: (db, { pool }) =>
      db.transaction().execute((trx) => getScheduledFlowRuns(trx, { workPoolIds: [pool], ...due })),
    postgres: [poolPoll],
    rows: 250,
  },
  {
    title: 'claimRunsInWorkQueue of a limited queue',
    call: (db, { limited }) => claimKnown(db, limited),
    skips: 3,
    postgres: queueClaim,
    sqlite: queueClaimOnSqlite,
    rows: 250,
  },
  {
    title: 'claimRunsInWorkQueue of an unlimited queue',
    call: (db, { unlimited }) => claimKnown(db, unlimited),
    skips: 3,
    postgres: queueClaim,
    sqlite: queueClaimOnSqlite,
    // Every active run of the pool, in both ways of belonging to its queues, and each run that is taken three times.
    rows: 160,
  },
  {
    title: 'claimScheduledFlowRuns of a pool',
    call: async (db, { pool }) => {
      await claimScheduledFlowRuns(db, { workPoolIds: [pool], ...due, limit: 0 })
      await claimScheduledFlowRuns(db, { workPoolIds: [pool], ...due })
    },
    skips: 2,
    postgres: [poolClaim, poolClaim],
    sqlite: [poolClaim, 'by id alone', 'by id alone'],
    rows: 250,
  },
  {
    title: 'claimRunsInWorkQueue of a queue outside the default agent pool, whose name others have',
    call: (db, { outside }) => claimKnown(db, outside),
    skips: 3,
    postgres: ['active_by_queue_id, due_by_queue_id'],
    rows: 0,
  },
  {
    title: 'readWorkQueueStatus of a queue outside the default agent pool, whose name others have',
    call: (db, { outside }) => readWorkQueueStatus(db, outside, { now }),
    postgres: ['late_by_queue_id, late_by_queue_name'],
    rows: 0,
  },
  {
    title: 'readWorkQueueStatus',
    call: (db, { limited }) => readWorkQueueStatus(db, limited, { now }),
    postgres: ['late_by_queue_id, late_by_queue_name'],
    rows: 8,
  },
  {
    title: 'countWorkQueueActiveSlots',
    call: (db, { limited, unlimited, idle }) => countWorkQueueActiveSlots(db, [limited, unlimited, idle]),
    postgres: ['active_by_queue_id, active_by_queue_name'],
    rows: 16,
  },
  {
    title: 'countWorkPoolActiveSlots',
    call: (db, { pool }) => countWorkPoolActiveSlots(db, [pool]),
    postgres: ['active_by_queue_id'],
    rows: 60,
  },
  {
    title: 'readWorkQueueSlotHolders',
    call: (db, { limited }) => readWorkQueueSlotHolders(db, limited),
    postgres: ['active_by_queue_id, active_by_queue_name, flow_run_state__flow_run_id_timestamp_desc'],
    // All of them are asked for, by run id.
    sorts: true,
    // On Prefect's tables without statistics, states are looked up by their type too.
    tables: 'our tables',
    rows: 100,
  },
  {
    title: 'readWorkPoolSlotHolders',
    call: (db, { pool }) => readWorkPoolSlotHolders(db, pool, { limitPerQueue: 10 }),
    postgres: ['active_by_queue_id, flow_run_state__flow_run_id_timestamp_desc'],
    // All of them are asked for, by run id.
    sorts: true,
    // On Prefect's tables without statistics, states are looked up by their type too.
    tables: 'our tables',
    cost: 500_000,
    rows: 250,
  },
  {
    title: 'readWorkQueueByName',
    call: (db) => readWorkQueueByName(db, 'queue 10'),
    postgres: ['work_queue__name'],
    rows: 0,
  },
  {
    title: 'markLateFlowRuns',
    call: (db) => markLateFlowRuns(db, { scheduledBefore: now, limit, now }),
    postgres: ['not_yet_late', ...entering],
    rows: 10,
  },
  {
    title: 'releaseStaleClaims',
    call: (db) => releaseStaleClaims(db, { pendingBefore: now, limit, now }),
    postgres: ['pending', ...enteringAtOnce],
    sqlite: ['pending', ...enteringOnSqlite],
    rows: 10,
  },
  ...stateChanges,
]
