import { sql } from 'kysely'
import type { Dialect } from '../model/dialect.js'
import type { FlowRunFilter } from '../model/flow-run-filter.js'
import { encodeTime } from '../model/values.js'
import type { WorkPoolFilter } from '../model/work-pool.js'
import type { WorkQueueFilter } from '../model/work-queue.js'
import { and, type Condition, hasAllTexts, hasAnyId, hasAnyText, isOneOf, or, startsWithAny } from './lists.js'

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
