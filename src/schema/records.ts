import type { StateType } from '../rules/states.js'
import type { WorkPoolStatus } from '../rules/work-pool-status.js'
import type { WorkQueueStatus } from '../rules/work-queue-status.js'

/** A JSON object. */
export type JsonObject = Record<string, unknown>

/** Which runs a deprecated tag-based queue takes, whatever their queue. Only runs of a deployment match. */
export interface QueueFilter {
  /** A run must have all of these tags. `null` or empty: any run. */
  readonly tags: string[] | null
  /** A run must be of one of these deployments. `null`: of any; empty: none matches. */
  readonly deploymentIds: string[] | null
}

/** A named queue of a work pool. */
export interface WorkQueue {
  id: string
  created: Date
  updated: Date
  /** Unique in the pool. */
  name: string
  description: string
  /** A paused queue hands out nothing. */
  isPaused: boolean
  /** How many runs of the queue may be active at once; `null` for any number. */
  concurrencyLimit: number | null
  /** Unique in the pool; 1 is polled first. */
  priority: number
  workPoolId: string
  /** Deprecated in Prefect: makes the queue take runs by tag and deployment. */
  filter: QueueFilter | null
  lastPolled: Date | null
  status: WorkQueueStatus
}

/** A pool of work queues that workers poll together. */
export interface WorkPool {
  id: string
  created: Date
  updated: Date
  /** Unique. */
  name: string
  description: string | null
  type: string
  baseJobTemplate: JsonObject
  /** A paused pool hands out nothing. */
  isPaused: boolean
  /** How many runs of the pool's queues may be active at once; `null` for any number. */
  concurrencyLimit: number | null
  /** The queue that the pool was created with, which cannot be deleted. */
  defaultQueueId: string | null
  status: WorkPoolStatus
  lastTransitionedStatusAt: Date | null
  lastStatusEventId: string | null
  storageConfiguration: JsonObject
}

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

/** A unit of work with a state. */
export interface FlowRun {
  id: string
  created: Date
  updated: Date
  name: string
  flowId: string
  deploymentId: string | null
  workQueueId: string | null
  workQueueName: string | null
  stateId: string | null
  stateType: StateType | null
  stateName: string | null
  stateTimestamp: Date | null
  /** How often the run was RUNNING. */
  runCount: number
  expectedStartTime: Date | null
  /** When the run is due. A run without one is due at no time: only polls without `scheduledBefore` hand it out, after the others. */
  nextScheduledStartTime: Date | null
  startTime: Date | null
  endTime: Date | null
  parameters: JsonObject
  context: JsonObject
  tags: string[]
  labels: JsonObject | null
  /** Unique in the flow. */
  idempotencyKey: string | null
  parentTaskRunId: string | null
  infrastructurePid: string | null
  jobVariables: JsonObject | null
  empiricalPolicy: JsonObject
  autoScheduled: boolean
}
