import { z } from 'zod'
import { STATE_TYPES, type StateType } from '../rules/states.js'
import { idSchema, textSchema, timeSchema } from './checks.js'
import { and, type Condition, hasAllTexts, hasAnyId, hasAnyText, isOneOf, or, startsWithAny } from './conditions.js'
import { sql } from 'kysely'
import type { Dialect } from './dialect.js'
import { encodeTime } from './values.js'

/** One of a list of values. An empty list matches nothing. */
export interface AnyOf<T> {
  any?: T[] | undefined
}

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

/** Which work pools to read. Absent criteria match everything. */
export interface WorkPoolFilter {
  /** Whether all keys must match or one of them. Default: `and`. */
  operator?: 'and' | 'or' | undefined
  id?: AnyOf<string> | undefined
  name?: AnyOf<string> | undefined
  type?: AnyOf<string> | undefined
}

/** Which flow runs to read. Absent criteria match everything; those of one key must all hold. */
export interface FlowRunFilter {
  /** Whether all keys must match or one of them. Default: `and`. */
  operator?: 'and' | 'or' | undefined
  id?: AnyOf<string> | undefined
  name?: AnyOf<string> | undefined
  flowId?: AnyOf<string> | undefined
  deploymentId?: AnyOf<string> | undefined
  workQueueId?: AnyOf<string> | undefined
  workQueueName?: AnyOf<string> | undefined
  stateType?: AnyOf<StateType> | undefined
  stateName?: AnyOf<string> | undefined
  tags?:
    | {
        /** Has all of these. An empty list matches every run, as every run has all of no tags. */
        all?: string[] | undefined
      }
    | undefined
  nextScheduledStartTime?:
    | {
        /** At this time or before. */
        before?: Date | undefined
        /** At this time or after. */
        after?: Date | undefined
      }
    | undefined
}

const operator = z.enum(['and', 'or']).optional()
const anyId = z.strictObject({ any: z.array(idSchema).optional() }).optional()
const anyText = z.strictObject({ any: z.array(textSchema).optional() }).optional()

/** Checks a {@link WorkQueueFilter}. */
export const workQueueFilterSchema: z.ZodType<WorkQueueFilter> = z.strictObject({
  operator,
  id: anyId,
  name: z.strictObject({ any: z.array(textSchema).optional(), startsWith: z.array(textSchema).optional() }).optional(),
})

/** Checks a {@link WorkPoolFilter}. */
export const workPoolFilterSchema: z.ZodType<WorkPoolFilter> = z.strictObject({
  operator,
  id: anyId,
  name: anyText,
  type: anyText,
})

/** Checks a {@link FlowRunFilter}. */
export const flowRunFilterSchema: z.ZodType<FlowRunFilter> = z.strictObject({
  operator,
  id: anyId,
  name: anyText,
  flowId: anyId,
  deploymentId: anyId,
  workQueueId: anyId,
  workQueueName: anyText,
  stateType: z.strictObject({ any: z.array(z.enum(STATE_TYPES)).optional() }).optional(),
  stateName: anyText,
  tags: z.strictObject({ all: z.array(textSchema).optional() }).optional(),
  nextScheduledStartTime: z.strictObject({ before: timeSchema.optional(), after: timeSchema.optional() }).optional(),
})

/** The work queues that match the filter, as a condition on the alias `queue`. */
export function matchesWorkQueueFilter(filter: WorkQueueFilter, dialect: Dialect): Condition {
  return combine(filter, {
    id: ({ any }) => [any && hasAnyId('queue.id', any, dialect)],
    name: ({ any, startsWith }) => [
      any && hasAnyText('queue.name', any, dialect),
      startsWith && startsWithAny('queue.name', startsWith, dialect),
    ],
  })
}

/** The work pools that match the filter, as a condition on the alias `pool`. */
export function matchesWorkPoolFilter(filter: WorkPoolFilter, dialect: Dialect): Condition {
  return combine(filter, {
    id: ({ any }) => [any && hasAnyId('pool.id', any, dialect)],
    name: ({ any }) => [any && hasAnyText('pool.name', any, dialect)],
    type: ({ any }) => [any && hasAnyText('pool.type', any, dialect)],
  })
}

/** The flow runs that match the filter, as a condition on the alias `run`. */
export function matchesFlowRunFilter(filter: FlowRunFilter, dialect: Dialect): Condition {
  return combine(filter, {
    id: ({ any }) => [any && hasAnyId('run.id', any, dialect)],
    name: ({ any }) => [any && hasAnyText('run.name', any, dialect)],
    flowId: ({ any }) => [any && hasAnyId('run.flow_id', any, dialect)],
    deploymentId: ({ any }) => [any && hasAnyId('run.deployment_id', any, dialect)],
    workQueueId: ({ any }) => [any && hasAnyId('run.work_queue_id', any, dialect)],
    workQueueName: ({ any }) => [any && hasAnyText('run.work_queue_name', any, dialect)],
    stateType: ({ any }) => [any && isOneOf('run.state_type', any)],
    stateName: ({ any }) => [any && hasAnyText('run.state_name', any, dialect)],
    tags: ({ all }) => [all && hasAllTexts('run.tags', all, dialect)],
    nextScheduledStartTime: ({ before, after }) => [
      before && sql`run.next_scheduled_start_time <= ${encodeTime(before, dialect)}`,
      after && sql`run.next_scheduled_start_time >= ${encodeTime(after, dialect)}`,
    ],
  })
}

type Criteria<F> = {
  [K in Exclude<keyof F, 'operator'>]-?: (criteria: NonNullable<F[K]>) => (Condition | undefined)[]
}

/** A key without criteria counts as one that matches everything, as in Prefect. */
function combine<F extends { operator?: 'and' | 'or' | undefined }>(filter: F, criteria: Criteria<F>): Condition {
  const conditions: Condition[] = []
  for (const key of Object.keys(criteria) as (keyof Criteria<F>)[]) {
    const given = filter[key]
    if (given === undefined || given === null) continue
    conditions.push(and(criteria[key](given).filter((condition) => condition !== undefined)))
  }
  return filter.operator === 'or' && conditions.length > 0 ? or(conditions) : and(conditions)
}
