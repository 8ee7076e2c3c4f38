import type { Generated } from 'kysely'
import * as z from 'zod'
import { WORK_POOL_STATUSES, type WorkPoolStatus } from '../rules/work-pool-status.js'
import {
  anyId,
  type AnyOf,
  anyText,
  countSchema,
  filterOperator,
  idSchema,
  type InputSchema,
  jsonObjectOf,
  jsonObjectSchema,
  labelSchema,
  poolNameSchema,
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
  table,
  text,
  time,
  type Timestamp,
} from './columns.js'
import { isPlainObject, type JsonObject } from './json.js'

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

export const workPoolColumns: Columns<WorkPool, WorkPoolTable> = {
  [table]: 'work_pool',
  id: text('id'),
  created: time('created'),
  updated: time('updated'),
  name: text('name'),
  description: nullable(text('description')),
  type: text('type'),
  baseJobTemplate: json('base_job_template', () => ({})),
  isPaused: boolean('is_paused'),
  concurrencyLimit: nullable(integer('concurrency_limit')),
  defaultQueueId: nullable(text('default_queue_id')),
  status: text('status'),
  lastTransitionedStatusAt: nullable(time('last_transitioned_status_at')),
  lastStatusEventId: nullable(text('last_status_event_id')),
  storageConfiguration: json('storage_configuration', () => ({})),
}

const step = z.custom((value) => value === null || isPlainObject(value), 'must be a JSON object or null')

/** Source: `WorkPoolStorageConfiguration` of Prefect's `schemas.core`, which forbids other keys. */
const storageConfigurationSchema = jsonObjectOf({
  bundle_upload_step: step,
  bundle_execution_step: step,
  default_result_storage_block_id: idSchema.nullable(),
})

/** A new work pool. */
export interface WorkPoolCreate {
  /** Not empty but for blanks and quotes, without `/ % & > <`, of at most 2,000 bytes, and not taken. */
  name: string
  /** Not blank, of at most 2,000 bytes. Default: `prefect-agent`. */
  type?: string | undefined
  description?: string | null | undefined
  /** Any JSON object; not inspected. Default: `{}`. */
  baseJobTemplate?: JsonObject | undefined
  /** Default: false. */
  isPaused?: boolean | undefined
  /** How many runs of the pool may be active at once. Default: any number. */
  concurrencyLimit?: number | null | undefined
  /**
   * Prefect's: at most the objects `bundle_upload_step` and `bundle_execution_step` and the UUID
   * `default_result_storage_block_id`, each of which may be `null`. Default: `{}`.
   */
  storageConfiguration?: JsonObject | undefined
}

/** Checks a {@link WorkPoolCreate}; the same check that `createWorkPool` makes. */
export const workPoolCreateSchema: InputSchema<WorkPoolCreate> = z.strictObject({
  name: poolNameSchema,
  type: labelSchema.optional(),
  description: textSchema.nullish(),
  baseJobTemplate: jsonObjectSchema.optional(),
  isPaused: z.boolean().optional(),
  concurrencyLimit: countSchema.nullish(),
  storageConfiguration: storageConfigurationSchema.optional(),
})

/**
 * What to change of a work pool. Absent keys change nothing, `null` clears. A pool keeps its name and type.
 */
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
export const workPoolUpdateSchema: InputSchema<WorkPoolUpdate> = z.strictObject({
  description: textSchema.nullish(),
  baseJobTemplate: jsonObjectSchema.optional(),
  isPaused: z.boolean().optional(),
  status: z.enum(WORK_POOL_STATUSES).optional(),
  concurrencyLimit: countSchema.nullish(),
  storageConfiguration: storageConfigurationSchema.optional(),
})

/** Which work pools to read. Absent criteria match everything. */
export interface WorkPoolFilter {
  /** Whether all keys must match or one of them. Default: `and`. */
  operator?: 'and' | 'or' | undefined
  id?: AnyOf<string> | undefined
  name?: AnyOf<string> | undefined
  type?: AnyOf<string> | undefined
}

/** Checks a {@link WorkPoolFilter}. */
export const workPoolFilterSchema: InputSchema<WorkPoolFilter> = z.strictObject({
  operator: filterOperator,
  id: anyId,
  name: anyText,
  type: anyText,
})
