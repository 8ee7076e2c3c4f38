import type { ColumnType, Generated } from 'kysely'
import type { StateType } from '../rules/states.js'
import type { WorkPoolStatus } from '../rules/work-pool-status.js'
import type { WorkQueueStatus } from '../rules/work-queue-status.js'
import type { WorkerStatus } from './records.js'

/** A time: a `Date` from PostgreSQL, text from SQLite. */
type Timestamp = ColumnType<Date | string, string, string>

/** A boolean: 0 or 1 on SQLite. */
type Flag = ColumnType<boolean | number, boolean | number | undefined, boolean | number>

/** JSON: parsed by the PostgreSQL driver, text on SQLite. Always written as text. */
type Json = ColumnType<unknown, string, string>

/** The table `work_pool`. */
export interface WorkPoolTable {
  id: string
  created: Timestamp
  updated: Timestamp
  name: string
  description: string | null
  type: string
  base_job_template: Json
  is_paused: Flag
  concurrency_limit: number | null
  default_queue_id: string | null
  status: Generated<WorkPoolStatus>
  last_transitioned_status_at: Timestamp | null
  last_status_event_id: string | null
  storage_configuration: Json
}

/** The table `work_queue`. */
export interface WorkQueueTable {
  id: string
  created: Timestamp
  updated: Timestamp
  name: string
  filter: Json | null
  description: Generated<string>
  is_paused: Flag
  concurrency_limit: number | null
  last_polled: Timestamp | null
  priority: Generated<number>
  work_pool_id: string
  status: Generated<WorkQueueStatus>
}

/** The table `worker`. */
export interface WorkerTable {
  id: string
  created: Timestamp
  updated: Timestamp
  name: string
  last_heartbeat_time: Timestamp
  work_pool_id: string
  heartbeat_interval_seconds: number | null
  status: Generated<WorkerStatus>
}

/** The table `flow_run`. */
export interface FlowRunTable {
  id: string
  created: Timestamp
  updated: Timestamp
  name: string
  flow_id: string
  deployment_id: string | null
  work_queue_id: string | null
  work_queue_name: string | null
  state_id: string | null
  state_type: StateType | null
  state_name: string | null
  state_timestamp: Timestamp | null
  run_count: Generated<number>
  expected_start_time: Timestamp | null
  next_scheduled_start_time: Timestamp | null
  start_time: Timestamp | null
  end_time: Timestamp | null
  /** An interval; written, never read. */
  total_run_time: Generated<unknown>
  parameters: Json
  context: Json
  tags: Json
  labels: Json | null
  idempotency_key: string | null
  parent_task_run_id: string | null
  infrastructure_pid: string | null
  job_variables: Json | null
  empirical_policy: Json
  auto_scheduled: Flag
}

/** The table `flow_run_state`: every state that a run was ever in. */
export interface FlowRunStateTable {
  id: string
  created: Timestamp
  updated: Timestamp
  type: StateType
  timestamp: Timestamp
  name: string
  message: string | null
  state_details: Json
  data: Json | null
  flow_run_id: string
}

/**
 * The tables that this library reads and writes, as Kysely types. A host's database type extends it.
 *
 * @example
 * ```ts
 * interface Database extends WorkQueueTables {
 *   invoice: InvoiceTable
 * }
 * const db = new Kysely<Database>({ dialect })
 * ```
 */
export interface WorkQueueTables {
  work_pool: WorkPoolTable
  work_queue: WorkQueueTable
  worker: WorkerTable
  flow_run: FlowRunTable
  flow_run_state: FlowRunStateTable
}
