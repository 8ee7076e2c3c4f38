import { type RawBuilder, type SqlBool, sql } from 'kysely'
import { DEFAULT_AGENT_WORK_POOL_NAME } from '../rules/names.js'
import { LATE_STATE_NAME, type StateType, WORK_QUEUE_SLOT_STATES } from '../rules/states.js'
import type { PageOptions } from '../model/checks.js'
import { type Condition, isOneOf } from './lists.js'
import type { Dialect } from '../model/dialect.js'
import type { Scope } from '../session.js'

// The rules that SQL must express too, each once. They are about a flow run under the alias `run`. State
// types and names are written into the statements, never sent as parameters: otherwise the planners do not
// use the partial indexes.

/**
 * Membership: a run belongs to a queue by the queue's id, or, when it has no queue id, by the queue's name in
 * the default agent pool. The rule is `resolveWorkQueue`.
 *
 * These are the two ways, to be joined by `union all`: no run belongs to a queue in both, and each has its
 * own index, which a single condition with `or` would not use in order. The name is looked up once a queue,
 * and is null for a queue of another pool: then the second part reads nothing.
 */
export function membership(tables: Scope['tables'], queueId: RawBuilder<unknown>): readonly Condition[] {
  const name = sql`(
    select named.name from ${tables.work_queue} as named
    join ${tables.work_pool} as home on home.id = named.work_pool_id
    where named.id = ${queueId} and ${takesNames('home')})`
  return [isMemberById(queueId), isMemberByName(name)]
}

/** The first half of {@link membership}, by which polls of a pool go alone. */
export function isMemberById(queueId: RawBuilder<unknown>): Condition {
  return sql`run.work_queue_id = ${queueId}`
}

/** The second half of {@link membership}, for a queue of a pool that {@link takesNames}. */
export function isMemberByName(name: RawBuilder<unknown>): Condition {
  return sql`run.work_queue_id is null and run.work_queue_name = ${name}`
}

/**
 * The pool under this alias is the default agent pool: runs that say a queue's name, and no id, belong to its
 * queues alone.
 */
export function takesNames(pool: string): Condition {
  return sql`${sql.ref(`${pool}.name`)} = ${sql.lit(DEFAULT_AGENT_WORK_POOL_NAME)}`
}

/** The queue under this alias takes runs by a tag filter. JSON's own null is none. */
export function hasFilter(alias: string): Condition {
  return sql`coalesce(cast(${sql.ref(`${alias}.filter`)} as text), 'null') <> 'null'`
}

/** The run waits to be started. */
export const isScheduled: Condition = sql`run.state_type = ${sql.lit('SCHEDULED')}`

/**
 * The run is due at that time, or waits at all when there is none. A run without a start time is not due at
 * any time.
 */
export function isDue(scheduledBefore: RawBuilder<unknown> | undefined): Condition {
  return scheduledBefore === undefined ? isScheduled : sql`${isScheduled} and ${hasStartTime(scheduledBefore)}`
}

/** The second half of {@link isDue}: the run's start time has come at that time. */
export function hasStartTime(scheduledBefore: RawBuilder<unknown>): Condition {
  return sql`run.next_scheduled_start_time <= ${scheduledBefore}`
}

/**
 * The run does not wait for a retry inside the process that ran it before; polls of a pool leave such runs
 * out. Of one whose policy is no JSON that is not known: it is read, and then named, where SQLite itself
 * would only say `malformed JSON`.
 *
 * Source: Prefect's query behind `get_scheduled_flow_runs`.
 */
export function isNotRetriedInProcess(dialect: Dialect): Condition {
  const type =
    dialect === 'postgres'
      ? sql`run.empirical_policy ->> 'retry_type'`
      : sql`case when json_valid(run.empirical_policy) then json_extract(run.empirical_policy, '$.retry_type') end`
  return sql`coalesce(${type}, '') <> 'in_process'`
}

const HAND_OUT_KEYS = [
  { key: sql`run.next_scheduled_start_time`, direction: sql`asc nulls last` },
  { key: sql`run.id`, direction: sql`asc` },
]

/** The order in which runs are handed out: by start time, those without one last, then by id. */
export const handOutOrder: RawBuilder<unknown> = sql.join(
  HAND_OUT_KEYS.map(({ key, direction }) => sql`${key} ${direction}`),
)

/** The run comes before the one with this id in {@link handOutOrder}. Both have a start time. */
export function comesBefore(flowRuns: RawBuilder<unknown>, id: string): Condition {
  const keys = sql.join(HAND_OUT_KEYS.map(({ key }) => key))
  return sql`(${keys}) < (select ${keys} from ${flowRuns} as run where run.id = ${id})`
}

/**
 * PostgreSQL: the order in which active runs are counted up to a limit, that of the indexes of active runs.
 * Without an order, and after an `analyze` without a `vacuum`, the planner hopes to find as many sooner in a
 * scan (300,000 runs: 65 ms against 0.06 ms); ordered by id alone it walks the primary key.
 */
export const orderOfActiveRuns: RawBuilder<unknown> = sql`order by run.state_type, run.id`

/**
 * The run occupies a slot, in one of these states.
 *
 * All slot-occupying states are named first, term for term as the partial index has them: SQLite uses it for
 * nothing else. The others are then excluded: named a second time, the states would look so rare to
 * PostgreSQL that it sorted them.
 */
export function occupiesSlot(states: readonly StateType[]): Condition {
  const indexed = isOneOf('run.state_type', WORK_QUEUE_SLOT_STATES)
  const others = WORK_QUEUE_SLOT_STATES.filter((state) => !states.includes(state))
  return others.length === 0 ? indexed : sql<SqlBool>`${indexed} and not (${isOneOf('run.state_type', others)})`
}

/** The run was not started in time. */
export const isLate: Condition = sql`run.state_name = ${sql.lit(LATE_STATE_NAME)}`

/**
 * The run waits and was not marked late yet. Runs that wait for something else, such as a retry, have other
 * names.
 */
export const isOnTime: Condition = sql`run.state_name = ${sql.lit('Scheduled')}`

/**
 * A condition on a run's state that many runs meet. Without statistics, SQLite assumes that a state is rare,
 * and sorts the backlog that one of Prefect's own indexes of states finds.
 */
export function usual(condition: Condition, dialect: Dialect): Condition {
  return dialect === 'sqlite' ? sql`likely(${condition})` : condition
}

/** The name's order by bytes, which is SQLite's and, on PostgreSQL, that of the collation `C`. */
export function byName(alias: string, dialect: Dialect): RawBuilder<unknown> {
  const name = sql.ref(`${alias}.name`)
  return dialect === 'postgres' ? sql`${name} collate "C" asc` : sql`${name} asc`
}

/**
 * The end of a reading statement. A limit alone, an offset alone, or neither: SQLite takes an offset only
 * after a limit.
 */
export function page({ limit, offset }: PageOptions): RawBuilder<unknown> {
  if (limit === undefined && offset === undefined) return sql``
  return sql`limit ${sql.lit(limit ?? NO_LIMIT)} offset ${sql.lit(offset ?? 0)}`
}

/**
 * More rows than any table has here. `limit null` is an error on SQLite, and `limit -1` one on PostgreSQL.
 */
export const NO_LIMIT = 2_147_483_647
