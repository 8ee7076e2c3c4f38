import { readNextStartTime, readWorkPoolStats, readWorkQueueStats } from 'kysely-work-queues'
import type { HotCall } from './hot-call.js'
import { now } from './seed-plan-database.js'

const cap = 10

const figures =
  'active_by_queue_id, active_by_queue_name, due_by_queue_id, due_by_queue_name, late_by_queue_id, late_by_queue_name'
const next = 'due_by_queue_id, due_by_queue_name'

// Of the pool that has it, and of all, one statement more is of the queue with a tag filter, whose runs an index by deployment
// has. On Prefect's tables, its own indexes of states win there. Such queues are deprecated.
const withFilter = { sorts: true, tables: 'our tables' } as const

/** Figures: every count ends at the cap, however many runs wait. */
export const stats: readonly HotCall[] = [
  {
    title: 'readWorkQueueStats of queues',
    call: (db, { limited, unlimited, idle, outside }) =>
      readWorkQueueStats(db, { workQueueIds: [limited, unlimited, idle, outside], cap, now }),
    postgres: [figures],
    rows: 200,
  },
  {
    title: 'readWorkQueueStats of a pool’s queues',
    call: (db, { pool }) => readWorkQueueStats(db, { workPoolIds: [pool], cap, now }),
    postgres: [figures, 'active_by_deployment, due_by_deployment'],
    rows: 350,
    ...withFilter,
  },
  {
    title: 'readWorkQueueStats of all queues',
    call: (db) => readWorkQueueStats(db, { cap, now }),
    postgres: [figures, 'active_by_deployment, due_by_deployment'],
    // A thousand queues, and 12,000 runs that are active.
    rows: 13_000,
    pages: 40_000,
    ...withFilter,
  },
  {
    title: 'readWorkPoolStats of a pool',
    call: (db, { pool }) => readWorkPoolStats(db, { workPoolIds: [pool], cap, now }),
    postgres: [figures],
    // On Prefect's tables without statistics, SQLite takes its own index of names for one part.
    tables: 'our tables',
    rows: 300,
  },
  {
    title: 'readWorkPoolStats of all pools',
    call: (db) => readWorkPoolStats(db, { cap, now }),
    postgres: [figures],
    tables: 'our tables',
    rows: 13_000,
    pages: 40_000,
  },
  {
    title: 'readNextStartTime of queues',
    call: (db, { limited, unlimited, idle, outside }) =>
      readNextStartTime(db, { workQueueIds: [limited, unlimited, idle, outside] }),
    postgres: [next],
    rows: 10,
  },
  {
    title: 'readNextStartTime of a pool',
    call: (db, { pool }) => readNextStartTime(db, { workPoolIds: [pool] }),
    postgres: [next, 'due_by_deployment'],
    // All that wait of the filter's deployment.
    rows: 50,
    ...withFilter,
  },
  {
    title: 'readNextStartTime of all queues',
    call: (db) => readNextStartTime(db),
    postgres: [next, 'due_by_deployment'],
    rows: 50,
    pages: 5_000,
    ...withFilter,
  },
]
