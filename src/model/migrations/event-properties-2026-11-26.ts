// What counts as a change, of every table that has an event log. Frozen: a change is a new migration.
//
// Times that polls and heartbeats write are not among it, nor `updated`, nor what only goes with a status.

// A `reference` that is filled in or taken away is no change by itself: runs are created before their state.
export type Kind = 'text' | 'number' | 'json' | 'reference'
export type Properties = Readonly<Record<string, readonly [column: string, kind: Kind]>>

export interface EventLog {
  readonly table: string
  readonly resource: string
  /** What events of rows that are created and deleted have. */
  readonly all: Properties
  /** What makes an event when it changes. */
  readonly counts: Properties
}

const QUEUE: Properties = {
  name: ['name', 'text'],
  description: ['description', 'text'],
  isPaused: ['is_paused', 'number'],
  concurrencyLimit: ['concurrency_limit', 'number'],
  priority: ['priority', 'number'],
  workPoolId: ['work_pool_id', 'text'],
  filter: ['filter', 'json'],
  status: ['status', 'text'],
}

const POOL: Properties = {
  name: ['name', 'text'],
  description: ['description', 'text'],
  type: ['type', 'text'],
  isPaused: ['is_paused', 'number'],
  concurrencyLimit: ['concurrency_limit', 'number'],
  defaultQueueId: ['default_queue_id', 'text'],
  status: ['status', 'text'],
  storageConfiguration: ['storage_configuration', 'json'],
}

const WORKER_STATUS: Properties = { status: ['status', 'text'] }

const RUN_STATE: Properties = {
  stateId: ['state_id', 'reference'],
  stateType: ['state_type', 'text'],
  stateName: ['state_name', 'text'],
}

const RUN: Properties = {
  name: ['name', 'text'],
  flowId: ['flow_id', 'text'],
  deploymentId: ['deployment_id', 'text'],
  workQueueId: ['work_queue_id', 'text'],
  workQueueName: ['work_queue_name', 'text'],
  ...RUN_STATE,
  stateTimestamp: ['state_timestamp', 'text'],
  nextScheduledStartTime: ['next_scheduled_start_time', 'text'],
  tags: ['tags', 'json'],
  idempotencyKey: ['idempotency_key', 'text'],
  infrastructurePid: ['infrastructure_pid', 'text'],
}

export const ROW_LOGS: readonly EventLog[] = [
  {
    table: 'work_pool',
    resource: 'work-pool',
    all: POOL,
    counts: { ...POOL, baseJobTemplate: ['base_job_template', 'json'] },
  },
  { table: 'work_queue', resource: 'work-queue', all: QUEUE, counts: QUEUE },
  {
    table: 'worker',
    resource: 'worker',
    all: { name: ['name', 'text'], workPoolId: ['work_pool_id', 'text'], ...WORKER_STATUS },
    counts: WORKER_STATUS,
  },
]

export const RUN_LOG: EventLog = { table: 'flow_run', resource: 'flow-run', all: RUN, counts: RUN_STATE }

/** Names of columns of the log, for an insert. */
export const EVENT_COLUMNS = '(resource, resource_id, kind, before, after)'
