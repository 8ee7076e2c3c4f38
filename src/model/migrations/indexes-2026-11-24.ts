import { createIndexes, dropIndexes, type Index } from './index-statements.js'
import type { Statements } from './migration.js'

// The indexes that polls, counts and claims use and that Prefect's own database lacks. Frozen: a change is a
// new migration.
//
// Each is partial, so that it holds only the runs that matter now, and none that a poll could use begins with
// the start time: PostgreSQL prefers such a global index to the right one and then walks the backlog of every
// other pool (190 ms a poll with a neighbour's million due runs, against 0.45 ms without it). The conditions
// on `work_queue_id` keep the two ways of membership apart: after `analyze`, SQLite took the index by id for
// runs known by name alone until it said `work_queue_id is not null`.

const ACTIVE = "state_type in ('PENDING', 'RUNNING', 'CANCELLING')"

const INDEXES: readonly Index[] = [
  {
    name: 'ix_flow_run__due_by_queue_id',
    table: 'flow_run',
    on: "(work_queue_id, next_scheduled_start_time, id) where state_type = 'SCHEDULED' and work_queue_id is not null",
  },
  {
    name: 'ix_flow_run__due_by_queue_name',
    table: 'flow_run',
    on: "(work_queue_name, next_scheduled_start_time, id) where state_type = 'SCHEDULED' and work_queue_id is null",
  },
  {
    name: 'ix_flow_run__due_by_deployment',
    table: 'flow_run',
    on: "(deployment_id, next_scheduled_start_time, id) where state_type = 'SCHEDULED' and deployment_id is not null",
  },
  {
    name: 'ix_flow_run__active_by_queue_id',
    table: 'flow_run',
    on: `(work_queue_id, state_type, id) where ${ACTIVE} and work_queue_id is not null`,
  },
  {
    name: 'ix_flow_run__active_by_queue_name',
    table: 'flow_run',
    on: `(work_queue_name, state_type, id) where ${ACTIVE} and work_queue_id is null`,
  },
  {
    name: 'ix_flow_run__active_by_deployment',
    table: 'flow_run',
    on: `(deployment_id, state_type, id) where ${ACTIVE} and deployment_id is not null`,
  },
  {
    name: 'ix_flow_run__late_by_queue_id',
    table: 'flow_run',
    on: "(work_queue_id) where state_name = 'Late' and work_queue_id is not null",
  },
  {
    name: 'ix_flow_run__late_by_queue_name',
    table: 'flow_run',
    on: "(work_queue_name) where state_name = 'Late' and work_queue_id is null",
  },
  // Begins with the start time, yet polls cannot use it: they do not ask for the state name.
  {
    name: 'ix_flow_run__not_yet_late',
    table: 'flow_run',
    on: "(next_scheduled_start_time, id) where state_type = 'SCHEDULED' and state_name = 'Scheduled'",
  },
  // Likewise for claims that nobody took up.
  { name: 'ix_flow_run__pending', table: 'flow_run', on: "(state_timestamp, id) where state_type = 'PENDING'" },
  { name: 'ix_work_queue__name', table: 'work_queue', on: '(name, id)' },
]

/** Statements that create the indexes. */
export const CREATE_INDEXES: Statements = createIndexes(INDEXES)

/** Statements that drop the indexes. */
export const DROP_INDEXES: Statements = dropIndexes(INDEXES)
