import { countWorkPoolActiveSlots, explainFlowRun, explainWorkQueue } from 'kysely-work-queues'
import type { HotCall } from './hot-call.js'
import { now } from './seed-plan-database.js'

const activeOfQueue = 'active_by_queue_id, active_by_queue_name'
const dueOfQueue = 'due_by_queue_id, due_by_queue_name'
const lateOfQueue = 'late_by_queue_id, late_by_queue_name'
const poolClaim = 'active_by_queue_id, active_by_queue_name, due_by_queue_id'
const poolPoll = 'active_by_queue_id, due_by_queue_id'

export const explanations: readonly HotCall[] = [
  {
    title: 'explainWorkQueue, by polls',
    call: (db, { limited }) => explainWorkQueue(db, limited, { by: 'poll', now }),
    postgres: [activeOfQueue, 'active_by_queue_id', dueOfQueue, dueOfQueue, dueOfQueue, lateOfQueue, activeOfQueue],
    // On Prefect's tables without statistics, SQLite takes its own index of names for one part.
    tables: 'our tables',
    rows: 110,
  },
  {
    title: 'explainFlowRun, by polls',
    call: (db, { dueRun }) => explainFlowRun(db, dueRun, { by: 'poll', now }),
    postgres: ['by id alone', 'by id alone', activeOfQueue, 'active_by_queue_id', dueOfQueue, poolPoll],
    rows: 300,
  },
  {
    title: 'explainWorkQueue',
    call: (db, { limited }) => explainWorkQueue(db, limited, { now }),
    postgres: [activeOfQueue, activeOfQueue, dueOfQueue, dueOfQueue, dueOfQueue, lateOfQueue, activeOfQueue],
    tables: 'our tables',
    rows: 160,
  },
  {
    title: 'explainFlowRun',
    call: (db, { dueRun }) => explainFlowRun(db, dueRun, { now }),
    postgres: ['by id alone', 'by id alone', activeOfQueue, activeOfQueue, dueOfQueue, poolClaim],
    rows: 400,
  },
  {
    title: 'countWorkPoolActiveSlots, as claims count',
    call: (db, { pool }) => countWorkPoolActiveSlots(db, [pool], { by: 'claim' }),
    postgres: [activeOfQueue],
    rows: 160,
  },
]
