import { createIndexes, dropIndexes, type Index } from './index-statements.js'
import type { Statements } from './migration.js'

// What upkeep ends and deletes, longest ago first. Our tables lack these indexes, and so does Prefect's own
// database. Frozen: a change is a new migration.
//
// Each is partial: a run that waits or is active has no entry of the ended ones, so that a claim writes none.
// What they are on changes with a run's state alone, or stands in an index already, so that on PostgreSQL an
// update of a live run that writes no index entry still writes none.

const ENDED = "state_type in ('COMPLETED', 'FAILED', 'CANCELLED', 'CRASHED')"
// When it ended, else when it entered its state, else when it was created: as far as is known.
const END = '(coalesce(end_time, state_timestamp, created))'

const INDEXES: readonly Index[] = [
  // The state first, as each may be kept for another time: what is kept is not walked through.
  { name: 'ix_flow_run__ended', table: 'flow_run', on: `(state_type, ${END}, id) where ${ENDED}` },
  {
    name: 'ix_flow_run__ended_by_queue_id',
    table: 'flow_run',
    on: `(work_queue_id, state_type, ${END}, id) where ${ENDED} and work_queue_id is not null`,
  },
  { name: 'ix_flow_run__cancelling', table: 'flow_run', on: "(state_timestamp, id) where state_type = 'CANCELLING'" },
  // Not `= 'OFFLINE'`: without statistics, PostgreSQL takes what is equal to anything for so rare that
  // it sorts all of it.
  { name: 'ix_worker__offline', table: 'worker', on: "(last_heartbeat_time, id) where status <> 'ONLINE'" },
]

/** Statements that create the indexes. */
export const CREATE_INDEXES: Statements = createIndexes(INDEXES)

/** Statements that drop the indexes. */
export const DROP_INDEXES: Statements = dropIndexes(INDEXES)
