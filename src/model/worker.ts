import type { Generated } from 'kysely'
import { type Columns, integer, nullable, table, text, time, type Timestamp } from './columns.js'

/** Whether a worker was heard of lately. */
export type WorkerStatus = 'ONLINE' | 'OFFLINE'

/** A process that polls a work pool. */
export interface Worker {
  id: string
  created: Date
  updated: Date
  workPoolId: string
  /** Unique in the pool. */
  name: string
  lastHeartbeatTime: Date
  /** How often the worker means to send heartbeats, in seconds; `null` when it did not say. */
  heartbeatIntervalSeconds: number | null
  status: WorkerStatus
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

export const workerColumns: Columns<Worker, WorkerTable> = {
  [table]: 'worker',
  id: text('id'),
  created: time('created'),
  updated: time('updated'),
  workPoolId: text('work_pool_id'),
  name: text('name'),
  lastHeartbeatTime: time('last_heartbeat_time'),
  heartbeatIntervalSeconds: nullable(integer('heartbeat_interval_seconds')),
  status: text('status'),
}
