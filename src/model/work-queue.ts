import type { Generated } from 'kysely'
import * as z from 'zod'
import type { WorkQueueStatus } from '../rules/work-queue-status.js'
import {
  anyId,
  type AnyOf,
  countSchema,
  filterOperator,
  idSchema,
  type InputSchema,
  inputTimeSchema,
  nameSchema,
  prioritySchema,
  textSchema,
} from './checks.js'
import {
  boolean,
  type Column,
  type Columns,
  type Flag,
  integer,
  type Json,
  nullable,
  table,
  text,
  time,
  type Timestamp,
} from './columns.js'
import { decodeJson, encodeJson } from './values.js'

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

const filter: Column<QueueFilter | null> = {
  name: 'filter',
  kind: 'json',
  decode(value) {
    const stored =
      value === null ? null : decodeJson<{ tags?: string[] | null; deployment_ids?: string[] | null } | null>(value)
    return stored && { tags: stored.tags ?? null, deploymentIds: stored.deployment_ids ?? null }
  },
  encode: ({ tags, deploymentIds }, dialect) => encodeJson({ tags, deployment_ids: deploymentIds }, dialect),
}

export const workQueueColumns: Columns<WorkQueue, WorkQueueTable> = {
  [table]: 'work_queue',
  id: text('id'),
  created: time('created'),
  updated: time('updated'),
  name: text('name'),
  description: text('description'),
  isPaused: boolean('is_paused'),
  concurrencyLimit: nullable(integer('concurrency_limit')),
  priority: integer('priority'),
  workPoolId: text('work_pool_id'),
  filter,
  lastPolled: nullable(time('last_polled')),
  status: text('status'),
}

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
  /** Not blank, without `/ % & > <`, of at most 2,000 bytes, and not taken in the pool. */
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
export const workQueueCreateSchema: InputSchema<WorkQueueCreate> = z.strictObject({
  name: nameSchema,
  description: textSchema.nullish(),
  isPaused: z.boolean().optional(),
  concurrencyLimit: countSchema.nullish(),
  priority: prioritySchema.nullish(),
  workPoolId: idSchema.nullish(),
  filter: queueFilter.nullish(),
  lastPolled: inputTimeSchema.nullish(),
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
export const workQueueUpdateSchema: InputSchema<WorkQueueUpdate> = z.strictObject({
  name: nameSchema.optional(),
  description: textSchema.nullish(),
  isPaused: z.boolean().optional(),
  concurrencyLimit: countSchema.nullish(),
  priority: prioritySchema.optional(),
  filter: queueFilter.nullish(),
  lastPolled: inputTimeSchema.nullish(),
})

/** Which work queues to read. Absent criteria match everything; those of one key must all hold. */
export interface WorkQueueFilter {
  /** Whether all keys must match or one of them. Default: `and`. */
  operator?: 'and' | 'or' | undefined
  id?: AnyOf<string> | undefined
  name?:
    | (AnyOf<string> & {
        /** Begins with one of these; ASCII letters in either case, `%` and `_` as they are. */
        startsWith?: string[] | undefined
      })
    | undefined
}

/** Checks a {@link WorkQueueFilter}. */
export const workQueueFilterSchema: InputSchema<WorkQueueFilter> = z.strictObject({
  operator: filterOperator,
  id: anyId,
  name: z.strictObject({ any: z.array(textSchema).optional(), startsWith: z.array(textSchema).optional() }).optional(),
})
