import { sql } from 'kysely'
import type { Dialect } from '../model/dialect.js'
import type { FlowRunFilter } from '../model/flow-run-filter.js'
import { encodeTime } from '../model/values.js'
import type { WorkPoolFilter } from '../model/work-pool.js'
import type { QueueFilter, WorkQueueFilter } from '../model/work-queue.js'
import type { StateType } from '../rules/states.js'
import type { Scope } from '../session.js'
import {
  and,
  type Condition,
  hasAllTexts,
  hasAnyId,
  isAskedIn,
  isFoundIn,
  isOneOf,
  isShortList,
  type ListCriterion,
  or,
  startsWithAny,
} from './lists.js'
import { membership } from './runs.js'

/** The work queues that match the filter, as a condition on the alias `queue`. */
export function matchesWorkQueueFilter(filter: WorkQueueFilter, dialect: Dialect): Condition {
  return combine(filter, dialect, {
    id: ({ any }) => [any && list('id', 'queue.id', any)],
    name: ({ any, startsWith }) => [
      any && list('text', 'queue.name', any),
      startsWith && startsWithAny('queue.name', startsWith, dialect),
    ],
  })
}

/** The work pools that match the filter, as a condition on the alias `pool`. */
export function matchesWorkPoolFilter(filter: WorkPoolFilter, dialect: Dialect): Condition {
  return combine(filter, dialect, {
    id: ({ any }) => [any && list('id', 'pool.id', any)],
    name: ({ any }) => [any && list('text', 'pool.name', any)],
    type: ({ any }) => [any && list('text', 'pool.type', any, false)],
  })
}

/**
 * The ways in which flow runs match the filter, as conditions on the alias `run`: no run matches in two, and
 * each way of {@link membership} has its own indexes.
 */
export function waysToMatch(filter: FlowRunFilter, scope: Pick<Scope, 'dialect' | 'tables'>): readonly Condition[] {
  const { memberOf, ...others } = filter
  if (memberOf === undefined || filter.operator === 'or') return [matchesFlowRunFilter(filter, scope)]
  const isOther = matchesFlowRunFilter(others, scope)
  return membership(scope.tables, sql`${memberOf}`).map((isMember) => and([isMember, isOther]))
}

/** The flow runs that match the filter, as a condition on the alias `run`. */
function matchesFlowRunFilter(
  filter: FlowRunFilter,
  { dialect, tables }: Pick<Scope, 'dialect' | 'tables'>,
): Condition {
  return combine(filter, dialect, {
    id: ({ any }) => [any && list('id', 'run.id', any)],
    flowId: ({ any }) => [any && list('id', 'run.flow_id', any)],
    workQueueId: ({ any }) => [any && list('id', 'run.work_queue_id', any)],
    deploymentId: ({ any }) => [any && list('id', 'run.deployment_id', any, 'perhaps')],
    workQueueName: ({ any }) => [any && list('text', 'run.work_queue_name', any, 'perhaps')],
    memberOf: (id) => [or(membership(tables, sql`${id}`))],
    name: ({ any }) => [any && list('text', 'run.name', any, false)],
    stateType: ({ any }) => [any && hasStateType(any)],
    stateName: ({ any }) => [any && list('text', 'run.state_name', any, false)],
    tags: ({ all }) => [all && hasAllTexts('run.tags', all, dialect)],
    nextScheduledStartTime: ({ before, after }) => [
      before && sql`run.next_scheduled_start_time <= ${encodeTime(before, dialect)}`,
      after && sql`run.next_scheduled_start_time >= ${encodeTime(after, dialect)}`,
    ],
  })
}

/** SQLite takes a list of one for no equality, by which alone a partial index is known to serve. */
function hasStateType(types: readonly StateType[]): Condition {
  const [only, ...more] = types
  return only === undefined || more.length > 0
    ? isOneOf('run.state_type', types)
    : sql`run.state_type = ${sql.lit(only)}`
}

function list(
  type: ListCriterion['type'],
  column: string,
  values: readonly string[],
  isIndexed: ListCriterion['isIndexed'] = true,
): ListCriterion {
  return { type, column, values, isIndexed }
}

type Criterion = Condition | ListCriterion

/** What each key asks for. Of several long lists, the rows are looked up by the first. */
type Criteria<F> = {
  [K in Exclude<keyof F, 'operator'>]-?: (criteria: NonNullable<F[K]>) => (Criterion | undefined)[]
}

/** A key without criteria counts as one that matches everything, as in Prefect. */
function combine<F extends { operator?: 'and' | 'or' | undefined }>(
  filter: F,
  dialect: Dialect,
  criteria: Criteria<F>,
): Condition {
  const given: Criterion[][] = []
  for (const key of Object.keys(criteria) as (keyof Criteria<F>)[]) {
    const value = filter[key]
    if (value === undefined || value === null) continue
    given.push(criteria[key](value).filter((criterion) => criterion !== undefined))
  }
  const isAny = filter.operator === 'or' && given.length > 0
  const finders = findersOf(given.flat(), isAny)
  const conditions = given.map((all) =>
    and(
      all.map((criterion) => {
        if (!isList(criterion)) return criterion
        return finders.has(criterion) ? isFoundIn(criterion, dialect) : isAskedIn(criterion, dialect)
      }),
    ),
  )
  return isAny ? or(conditions) : and(conditions)
}

function isList(criterion: Criterion): criterion is ListCriterion {
  return 'values' in criterion
}

/**
 * The lists that rows may be looked up by: the short ones, and of the long ones the first that has an index,
 * unless a short one has. The others are asked of what those find. To look up by two lists at once costs
 * their product.
 *
 * Where one of the criteria is enough, all must have an index, or every row is read anyway.
 */
function findersOf(criteria: readonly Criterion[], isAny: boolean): ReadonlySet<Criterion> {
  const lists = criteria.filter(isList)
  if (isAny) {
    const isLookup = criteria.every((criterion) => isList(criterion) && criterion.isIndexed === true)
    return new Set(lists.filter(({ values }) => isLookup || isShortList(values)))
  }
  const short = lists.filter(({ values }) => isShortList(values))
  const byId = lists.find(({ column }) => column.endsWith('.id'))
  const first = byId ?? short.find(({ isIndexed }) => isIndexed === true) ?? lists.find(({ isIndexed }) => isIndexed)
  return new Set([...short, ...(first === undefined ? [] : [first])])
}

/**
 * The run is one that a tag filter selects, as a condition on the alias `run`. Only runs of a deployment are.
 */
export function matchesQueueFilter({ tags, deploymentIds }: QueueFilter, dialect: Dialect): Condition {
  const conditions: Condition[] = [
    deploymentIds === null ? sql`run.deployment_id is not null` : hasAnyId('run.deployment_id', deploymentIds, dialect),
  ]
  if (tags !== null && tags.length > 0) conditions.push(hasAllTexts('run.tags', tags, dialect))
  return and(conditions)
}
