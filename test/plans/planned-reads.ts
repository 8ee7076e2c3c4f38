import { readFlowRuns, readFlowRunStates } from 'kysely-work-queues'
import type { HotCall } from './hot-call.js'

const dueOfQueue = 'due_by_queue_id, due_by_queue_name'
const nextRuns = { orderBy: 'nextScheduledStartTime', limit: 10 } as const

/** What a host shows of a queue and of a run. */
export const reads: readonly HotCall[] = [
  {
    title: 'readFlowRuns of a queue, the next ones that are scheduled',
    call: (db, { limited: memberOf }) =>
      readFlowRuns(db, { filter: { memberOf, stateType: { any: ['SCHEDULED'] } }, ...nextRuns }),
    postgres: [dueOfQueue],
    // On Prefect's tables, its own indexes of states win.
    tables: 'our tables',
    rows: 60,
  },
  {
    title: 'readFlowRuns of a queue, the last ones that are scheduled',
    call: (db, { limited: memberOf }) =>
      readFlowRuns(db, { filter: { memberOf, stateType: { any: ['SCHEDULED'] } }, ...nextRuns, descending: true }),
    postgres: [dueOfQueue],
    // Ties by id, which the index has in the other direction.
    sorts: true,
    tables: 'our tables',
    rows: 60,
  },
  {
    title: 'readFlowRunStates',
    call: (db, { dueRun }) => readFlowRunStates(db, dueRun),
    postgres: ['flow_run_state__flow_run_id_timestamp_desc'],
    rows: 10,
  },
]
