import type { Generated } from 'kysely'
import * as z from 'zod'
import { STATE_TYPES, type StateType } from '../rules/states.js'
import {
  countSchema,
  idSchema,
  indexedTextSchema,
  type InputSchema,
  inputTimeSchema,
  jsonObjectOf,
  jsonObjectSchema,
  labelSchema,
  nameSchema,
  textSchema,
} from './checks.js'
import {
  boolean,
  type Columns,
  type Flag,
  integer,
  json,
  type Json,
  nullable,
  nullableJson,
  table,
  text,
  time,
  type Timestamp,
} from './columns.js'
import type { JsonObject } from './json.js'

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
  /**
   * When the run is due. A run without one is due at no time: only polls without `scheduledBefore` hand it
   * out, after the others.
   */
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

export const flowRunColumns: Columns<FlowRun, FlowRunTable> = {
  [table]: 'flow_run',
  id: text('id'),
  created: time('created'),
  updated: time('updated'),
  name: text('name'),
  flowId: text('flow_id'),
  deploymentId: nullable(text('deployment_id')),
  workQueueId: nullable(text('work_queue_id')),
  workQueueName: nullable(text('work_queue_name')),
  stateId: nullable(text('state_id')),
  stateType: nullable(text('state_type')),
  stateName: nullable(text('state_name')),
  stateTimestamp: nullable(time('state_timestamp')),
  runCount: integer('run_count'),
  expectedStartTime: nullable(time('expected_start_time')),
  nextScheduledStartTime: nullable(time('next_scheduled_start_time')),
  startTime: nullable(time('start_time')),
  endTime: nullable(time('end_time')),
  parameters: json('parameters', () => ({})),
  context: json('context', () => ({})),
  tags: json<string[]>('tags', () => []),
  labels: nullableJson('labels'),
  idempotencyKey: nullable(text('idempotency_key')),
  parentTaskRunId: nullable(text('parent_task_run_id')),
  infrastructurePid: nullable(text('infrastructure_pid')),
  jobVariables: nullableJson('job_variables'),
  empiricalPolicy: json('empirical_policy', () => ({})),
  autoScheduled: boolean('auto_scheduled'),
}

/** Whether the run is retried inside the process that ran it; polls of a pool then leave it out. */
export function isRetriedInProcess({ empiricalPolicy }: FlowRun): boolean {
  return empiricalPolicy['retry_type'] === 'in_process'
}

/** Source: `KeyValueLabels` of Prefect's `types`. */
const labelsSchema = jsonObjectOf(
  {},
  z.custom((value) => typeof value !== 'object', 'must be text, a number or a boolean'),
)

/**
 * Source: `FlowRunPolicy` of Prefect's `schemas.core`, which ignores other keys, and takes
 * `retry_delay_seconds` for a `retry_delay` that is not there.
 */
const empiricalPolicySchema = jsonObjectOf(
  {
    max_retries: z.int(),
    retry_delay_seconds: z.number(),
    retries: z.int().nullable(),
    retry_delay: z.int().nullable(),
    pause_keys: z.array(z.string()).nullable(),
    resuming: z.boolean().nullable(),
    retry_type: z.enum(['in_process', 'reschedule']).nullable(),
  },
  z.unknown(),
).refine(
  ({ retry_delay, retry_delay_seconds: seconds }) =>
    Boolean(retry_delay) || seconds === undefined || Number.isSafeInteger(seconds),
  { path: ['retry_delay_seconds'], message: 'must be an integer where there is no retry_delay' },
)

/** A new flow run. */
export interface FlowRunCreate {
  /** Default: a new UUID of version 7. */
  id?: string | undefined
  /** Any text of at most 2,000 bytes. Default, also for empty text: made of the id. */
  name?: string | undefined
  /**
   * Needed with `idempotencyKey`. Default: a new id, which a live Prefect refuses, since it knows its flows.
   */
  flowId?: string | undefined
  deploymentId?: string | null | undefined
  /**
   * The queue the run belongs to. Default: the one of the name `workQueueName` in the default agent pool, if
   * there is one. `null`: no id is stored, only the name.
   */
  workQueueId?: string | null | undefined
  /**
   * Without `workQueueId`, the run belongs to the queue of this name in the pool `default-agent-pool`, now or
   * as soon as there is one, and to no other. With it, default: that queue's name.
   */
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
  /**
   * When the run is due. Default: at once for a SCHEDULED run, else none. `null`: at no time; then only polls
   * and claims of every SCHEDULED run hand it out, after the others.
   */
  nextScheduledStartTime?: Date | null | undefined
  startTime?: Date | null | undefined
  endTime?: Date | null | undefined
  /** Default: `{}`. */
  parameters?: JsonObject | undefined
  /** Default: `{}`. */
  context?: JsonObject | undefined
  /** Default: none. */
  tags?: string[] | undefined
  /** Flat: text, numbers and booleans. Default: none. */
  labels?: JsonObject | null | undefined
  /** At most 2,000 bytes. A second run of the flow with this key is not created; the first is the answer. */
  idempotencyKey?: string | null | undefined
  parentTaskRunId?: string | null | undefined
  infrastructurePid?: string | null | undefined
  /** Default: `{}`. */
  jobVariables?: JsonObject | null | undefined
  /**
   * Prefect's: the integers `retries`, `retry_delay` and `max_retries`, the number `retry_delay_seconds`, the
   * texts `pause_keys`, the boolean `resuming`, the `retry_type` `in_process` or `reschedule`; other keys are
   * not looked at. Default: `{}`.
   */
  empiricalPolicy?: JsonObject | undefined
  /** Default: false. */
  autoScheduled?: boolean | undefined
}

/** Checks a {@link FlowRunCreate}; the same check that `createFlowRuns` makes of each. */
export const flowRunCreateSchema: InputSchema<FlowRunCreate> = z.strictObject({
  id: idSchema.optional(),
  name: indexedTextSchema.optional(),
  flowId: idSchema.optional(),
  deploymentId: idSchema.nullish(),
  workQueueId: idSchema.nullish(),
  workQueueName: nameSchema.nullish(),
  stateType: z.enum(STATE_TYPES).nullish(),
  stateName: labelSchema.nullish(),
  stateTimestamp: inputTimeSchema.nullish(),
  runCount: countSchema.optional(),
  expectedStartTime: inputTimeSchema.nullish(),
  nextScheduledStartTime: inputTimeSchema.nullish(),
  startTime: inputTimeSchema.nullish(),
  endTime: inputTimeSchema.nullish(),
  parameters: jsonObjectSchema.optional(),
  context: jsonObjectSchema.optional(),
  tags: z.array(textSchema).optional(),
  labels: labelsSchema.nullish(),
  idempotencyKey: indexedTextSchema.nullish(),
  parentTaskRunId: idSchema.nullish(),
  infrastructurePid: textSchema.nullish(),
  jobVariables: jsonObjectSchema.nullish(),
  empiricalPolicy: empiricalPolicySchema.optional(),
  autoScheduled: z.boolean().optional(),
})
