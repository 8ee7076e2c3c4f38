import { z } from 'zod'
import { STATE_TYPES, type StateType } from '../rules/states.js'
import { WORK_POOL_STATUSES, type WorkPoolStatus } from '../rules/work-pool-status.js'
import {
  countSchema,
  idSchema,
  jsonObjectSchema,
  nameSchema,
  prioritySchema,
  textSchema,
  timeSchema,
} from './checks.js'
import type { JsonObject } from './records.js'

/** Which runs a deprecated tag-based queue takes; see `QueueFilter`. Absent keys are `null`. */
export interface QueueFilterInput {
  tags?: string[] | null | undefined
  deploymentIds?: string[] | null | undefined
}

const queueFilter = z.strictObject({
  tags: z.array(textSchema).nullish(),
  deploymentIds: z.array(idSchema).nullish(),
})

/** A new work queue. */
export interface WorkQueueCreate {
  /** Not blank, without `/ % & > <`, and not taken in the pool. */
  name: string
  /** Default: empty. */
  description?: string | null | undefined
  /** Default: false. */
  isPaused?: boolean | undefined
  /** How many runs may be active at once. Default: any number. */
  concurrencyLimit?: number | null | undefined
  /** From 1. Queues in its way move down. Default: the first free one. */
  priority?: number | null | undefined
  /** Default: the pool `default-agent-pool`, created if absent. */
  workPoolId?: string | null | undefined
  /** Deprecated in Prefect: take runs by tag and deployment. */
  filter?: QueueFilterInput | null | undefined
  lastPolled?: Date | null | undefined
}

/** Checks a {@link WorkQueueCreate}; the same check that `createWorkQueue` makes. */
export const workQueueCreateSchema: z.ZodType<WorkQueueCreate> = z.strictObject({
  name: nameSchema,
  description: textSchema.nullish(),
  isPaused: z.boolean().optional(),
  concurrencyLimit: countSchema.nullish(),
  priority: prioritySchema.nullish(),
  workPoolId: idSchema.nullish(),
  filter: queueFilter.nullish(),
  lastPolled: timeSchema.nullish(),
})

/** What to change of a work queue. Absent keys change nothing, `null` clears. */
export interface WorkQueueUpdate {
  name?: string | undefined
  /** `null` stores an empty description. */
  description?: string | null | undefined
  isPaused?: boolean | undefined
  concurrencyLimit?: number | null | undefined
  priority?: number | undefined
  filter?: QueueFilterInput | null | undefined
  lastPolled?: Date | null | undefined
}

/** Checks a {@link WorkQueueUpdate}; the same check that `updateWorkQueue` makes. */
export const workQueueUpdateSchema: z.ZodType<WorkQueueUpdate> = z.strictObject({
  name: nameSchema.optional(),
  description: textSchema.nullish(),
  isPaused: z.boolean().optional(),
  concurrencyLimit: countSchema.nullish(),
  priority: prioritySchema.optional(),
  filter: queueFilter.nullish(),
  lastPolled: timeSchema.nullish(),
})

/** A new work pool. */
export interface WorkPoolCreate {
  /** Not blank, without `/ % & > <`, and not taken. */
  name: string
  /** Default: `prefect-agent`. */
  type?: string | undefined
  description?: string | null | undefined
  /** Any JSON object; not inspected. Default: `{}`. */
  baseJobTemplate?: JsonObject | undefined
  /** Default: false. */
  isPaused?: boolean | undefined
  /** How many runs of the pool may be active at once. Default: any number. */
  concurrencyLimit?: number | null | undefined
  /** Default: `{}`. */
  storageConfiguration?: JsonObject | undefined
}

/** Checks a {@link WorkPoolCreate}; the same check that `createWorkPool` makes. */
export const workPoolCreateSchema: z.ZodType<WorkPoolCreate> = z.strictObject({
  name: nameSchema,
  type: textSchema.refine((type) => type.trim() !== '', 'must not be blank').optional(),
  description: textSchema.nullish(),
  baseJobTemplate: jsonObjectSchema.optional(),
  isPaused: z.boolean().optional(),
  concurrencyLimit: countSchema.nullish(),
  storageConfiguration: jsonObjectSchema.optional(),
})

/** What to change of a work pool. Absent keys change nothing, `null` clears. A pool keeps its name and type. */
export interface WorkPoolUpdate {
  description?: string | null | undefined
  baseJobTemplate?: JsonObject | undefined
  /** Also sets the status, unless the pool is of type `prefect-agent`. */
  isPaused?: boolean | undefined
  /** For a host's own services. What `isPaused` sets comes before it. */
  status?: WorkPoolStatus | undefined
  concurrencyLimit?: number | null | undefined
  storageConfiguration?: JsonObject | undefined
}

/** Checks a {@link WorkPoolUpdate}; the same check that `updateWorkPool` makes. */
export const workPoolUpdateSchema: z.ZodType<WorkPoolUpdate> = z.strictObject({
  description: textSchema.nullish(),
  baseJobTemplate: jsonObjectSchema.optional(),
  isPaused: z.boolean().optional(),
  status: z.enum(WORK_POOL_STATUSES).optional(),
  concurrencyLimit: countSchema.nullish(),
  storageConfiguration: jsonObjectSchema.optional(),
})

/** A new flow run. */
export interface FlowRunCreate {
  /** Default: a new UUID of version 7. */
  id?: string | undefined
  /** Default: made of the id. */
  name?: string | undefined
  /** Default: a new id, which a live Prefect database refuses, since it knows its flows. */
  flowId?: string | undefined
  deploymentId?: string | null | undefined
  /** The queue the run belongs to. */
  workQueueId?: string | null | undefined
  /** Without `workQueueId`, the run belongs to every queue of this name. With it, default: that queue's name. */
  workQueueName?: string | null | undefined
  /** Default: SCHEDULED. `null`: no state yet. */
  stateType?: StateType | null | undefined
  /** Default: the state type, capitalised. */
  stateName?: string | null | undefined
  /** Default: now. */
  stateTimestamp?: Date | null | undefined
  /** Default: 0. */
  runCount?: number | undefined
  /** Default: `nextScheduledStartTime`. */
  expectedStartTime?: Date | null | undefined
  /** When the run is due. Default: none; then only polls and claims without `scheduledBefore` hand it out, after the others. */
  nextScheduledStartTime?: Date | null | undefined
  startTime?: Date | null | undefined
  endTime?: Date | null | undefined
  /** Default: `{}`. */
  parameters?: JsonObject | undefined
  /** Default: `{}`. */
  context?: JsonObject | undefined
  /** Default: none. */
  tags?: string[] | undefined
  labels?: JsonObject | null | undefined
  /** A second run of the flow with this key is not created; the first is the answer. */
  idempotencyKey?: string | null | undefined
  parentTaskRunId?: string | null | undefined
  infrastructurePid?: string | null | undefined
  /** Default: `{}`. */
  jobVariables?: JsonObject | null | undefined
  /** Default: `{}`. */
  empiricalPolicy?: JsonObject | undefined
  /** Default: false. */
  autoScheduled?: boolean | undefined
}

const stateType = z.enum(STATE_TYPES)

/** Checks a {@link FlowRunCreate}; the same check that `createFlowRuns` makes of each. */
export const flowRunCreateSchema: z.ZodType<FlowRunCreate> = z.strictObject({
  id: idSchema.optional(),
  name: nameSchema.optional(),
  flowId: idSchema.optional(),
  deploymentId: idSchema.nullish(),
  workQueueId: idSchema.nullish(),
  workQueueName: nameSchema.nullish(),
  stateType: stateType.nullish(),
  stateName: textSchema.nullish(),
  stateTimestamp: timeSchema.nullish(),
  runCount: countSchema.optional(),
  expectedStartTime: timeSchema.nullish(),
  nextScheduledStartTime: timeSchema.nullish(),
  startTime: timeSchema.nullish(),
  endTime: timeSchema.nullish(),
  parameters: jsonObjectSchema.optional(),
  context: jsonObjectSchema.optional(),
  tags: z.array(textSchema).optional(),
  labels: jsonObjectSchema.nullish(),
  idempotencyKey: textSchema.nullish(),
  parentTaskRunId: idSchema.nullish(),
  infrastructurePid: textSchema.nullish(),
  jobVariables: jsonObjectSchema.nullish(),
  empiricalPolicy: jsonObjectSchema.optional(),
  autoScheduled: z.boolean().optional(),
})

/** A state to put a flow run in. */
export interface FlowRunStateInput {
  type: StateType
  /** Default: the type, capitalised. */
  name?: string | undefined
  /** When the run entered the state. Default: now. */
  timestamp?: Date | undefined
  /** For SCHEDULED: when the run is due. Default: what it was. */
  scheduledTime?: Date | null | undefined
  message?: string | null | undefined
}

/** Checks a {@link FlowRunStateInput}; the same check that `setFlowRunState` makes. */
export const flowRunStateSchema: z.ZodType<FlowRunStateInput> = z.strictObject({
  type: stateType,
  name: textSchema.refine((name) => name.trim() !== '', 'must not be blank').optional(),
  timestamp: timeSchema.optional(),
  scheduledTime: timeSchema.nullish(),
  message: textSchema.nullish(),
})
