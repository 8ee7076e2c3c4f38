import { type RawBuilder, type SqlBool, sql } from 'kysely'
import type { Dialect } from '../model/dialect.js'
import type { ExplainedBy } from '../rules/reasons.js'
import { type StateType, WORK_POOL_SLOT_STATES, WORK_QUEUE_SLOT_STATES } from '../rules/states.js'
import type { Condition } from './lists.js'
import { isMemberById, isMemberByName, membership, occupiesSlot, orderOfActiveRuns, takesNames } from './runs.js'
import type { Scope } from '../session.js'

// Every count of runs that occupy slots, and what a limit lets in beside them.

type Fragment = RawBuilder<unknown>

/**
 * Which runs occupy slots: their states, and whether those count that are known by their queue's name alone.
 */
export interface SlotRule {
  readonly states: readonly StateType[]
  readonly byName: boolean
  /** A run that does not count: one that is asked about does not stand in its own way. Default: none. */
  readonly exceptId?: string | undefined
}

/** For claims, CANCELLING runs occupy too, and a queue's runs are counted by membership, whoever asks. */
export const CLAIM_SLOTS: SlotRule = { states: WORK_QUEUE_SLOT_STATES, byName: true }

/** Polls of pools count PENDING and RUNNING runs, by queue id. */
export const POOL_POLL_SLOTS: SlotRule = { states: WORK_POOL_SLOT_STATES, byName: false }

/** Polls of a queue count PENDING, RUNNING and CANCELLING runs, by membership. */
export const QUEUE_POLL_SLOTS: SlotRule = { states: WORK_QUEUE_SLOT_STATES, byName: true }

/** What a pool's slots are counted by, for whoever asks. */
export function slotsOfPool(by: ExplainedBy): SlotRule {
  return by === 'claim' ? CLAIM_SLOTS : POOL_POLL_SLOTS
}

/** The run occupies a slot. */
export function holdsSlot({ states, exceptId }: Pick<SlotRule, 'states' | 'exceptId'>): Condition {
  return exceptId === undefined ? occupiesSlot(states) : sql`${occupiesSlot(states)} and run.id <> ${exceptId}`
}

/** Which runs a count is of, and how far it goes. */
export interface Count {
  /** The ways of belonging, of which no run has two. */
  readonly members: readonly Condition[]
  readonly holds: Condition
  /** Each way is counted no further than to this. `undefined`: all. */
  readonly upTo: Fragment | undefined
  /**
   * PostgreSQL: whether an index has the runs of each way in the order of active runs. Not so with a tag
   * filter. Default: true.
   */
  readonly isIndexed?: boolean
}

/** How many runs occupy slots. */
export function activeRuns(
  { dialect, tables }: Pick<Scope, 'dialect' | 'tables'>,
  { members, holds, upTo, isIndexed = true }: Count,
): Fragment {
  const counts = members.map((isMember): Fragment =>
    upTo === undefined
      ? sql`(select count(*) from ${tables.flow_run} as run where ${isMember} and ${holds})`
      : sql`(
      select count(*) from (
        select 1 from ${tables.flow_run} as run
        where ${isMember} and ${holds}
        ${dialect === 'postgres' && isIndexed ? orderOfActiveRuns : sql``}
        limit ${upTo}
      ) as occupied)`,
  )
  return sql`(${sql.join(counts, sql` + `)})`
}

/**
 * How many runs occupy slots of the queue under the alias `queue`, counted no further than to `upTo` in each
 * way of belonging.
 */
export function activeOfQueue(scope: Scope, slots: SlotRule, upTo: Fragment | undefined): Fragment {
  const members = slots.byName ? membership(scope.tables, sql`queue.id`) : [isMemberById(sql`queue.id`)]
  return activeRuns(scope, { members, holds: holdsSlot(slots), upTo })
}

/**
 * How far runs are counted that the limit of what is under the alias lets in, or has let in: to that limit.
 * SQLite's `limit` cannot name it, so there it is the largest limit of all, which stands at the end of an
 * index: it names the condition of that.
 */
export function limitOf({ dialect, tables }: Scope, alias: 'pool' | 'queue'): Fragment {
  const table = alias === 'pool' ? tables.work_pool : tables.work_queue
  return dialect === 'postgres'
    ? sql.ref(`${alias}.concurrency_limit`)
    : sql`(select coalesce(max(concurrency_limit), 0) from ${table} where concurrency_limit is not null)`
}

/**
 * PostgreSQL: the order of a pool's queues in their index. Without one, the planner takes every pool to have
 * as many queues as the average, and scans the queues of all (31,000 queues, a pool with two: 2.7 ms).
 */
export const ORDER_OF_QUEUES: RawBuilder<unknown> = sql`order by queue.priority`

/**
 * How many runs of a pool's queues occupy slots; counted no further than to `upTo`, in each way of belonging
 * to a queue.
 */
export function activeOfPool(
  scope: Scope,
  workPoolId: Fragment,
  slots: SlotRule,
  upTo: Fragment | undefined,
): Fragment {
  const atMost = upTo === undefined ? sql`` : sql`limit ${upTo}`
  const order = scope.dialect === 'postgres' ? ORDER_OF_QUEUES : sql``
  const counts = activeInPool(scope, workPoolId, slots, upTo).map(
    ({ active, isOfPool }): Fragment => sql`(
      select count(*) from (
        select 1 from ${active}
        where ${isOfPool}
        ${order}
        ${atMost}
      ) as occupied)`,
  )
  const [byId = sql`0`, named] = counts
  return named === undefined ? byId : sql`(${byId} + ${named})`
}

/**
 * The active runs of a pool's queues, under the aliases `queue` and `run`, in each way of belonging: `active`
 * as what comes after `from`, and the condition that the queue is one of the pool's.
 */
export function activeInPool(
  scope: Scope,
  workPoolId: Fragment,
  slots: SlotRule,
  upTo: Fragment | undefined,
): readonly { readonly active: Fragment; readonly isOfPool: Condition }[] {
  const { tables } = scope
  const active = (queues: Fragment, isMember: Condition): Fragment =>
    activeOfEach(scope, { queues, isMember, holds: holdsSlot(slots), upTo })
  const byId = {
    active: active(sql`${tables.work_queue} as queue`, isMemberById(sql`queue.id`)),
    isOfPool: sql<SqlBool>`queue.work_pool_id = ${workPoolId}`,
  }
  if (!slots.byName) return [byId]
  // The pool first: only the default agent pool's queues are looked at.
  const queues = sql`${tables.work_pool} as home cross join ${tables.work_queue} as queue`
  const named = {
    active: active(queues, isMemberByName(sql`queue.name`)),
    isOfPool: sql<SqlBool>`home.id = ${workPoolId} and ${takesNames('home')} and queue.work_pool_id = home.id`,
  }
  return [byId, named]
}

/**
 * The active runs of each of some queues under the alias `run`, as what comes after `from`.
 *
 * PostgreSQL looks them up queue by queue, each in the order of the index of active runs. As a join without
 * an order, the planner preferred a scan of the whole table to the look-ups (141,000 runs, statistics fresh:
 * 3,600 pages against 40).
 */
function activeOfEach(
  { dialect, tables }: Scope,
  {
    queues,
    isMember,
    holds,
    upTo,
  }: { queues: Fragment; isMember: Condition; holds: Condition; upTo: Fragment | undefined },
): Fragment {
  if (dialect === 'sqlite') return sql`${queues} cross join ${tables.flow_run} as run on ${isMember} and ${holds}`
  return sql`
    ${queues}
    cross join lateral (
      select run.* from ${tables.flow_run} as run
      where ${isMember} and ${holds}
      ${orderOfActiveRuns}
      ${upTo === undefined ? sql`` : sql`limit ${upTo}`}
    ) as run`
}

/** A limit, and how many runs occupy its slots. */
export interface Limit {
  readonly limit: Fragment
  readonly active: Fragment
}

/** The limit of the queue under the alias `queue`, counted no further than to itself. */
export function queueLimit(scope: Scope, slots: SlotRule): Limit {
  return { limit: sql`queue.concurrency_limit`, active: activeOfQueue(scope, slots, limitOf(scope, 'queue')) }
}

/** The limit of the pool under the alias `pool`, counted no further than to itself. */
export function poolLimit(scope: Scope, slots: SlotRule): Limit {
  const active = activeOfPool(scope, sql`pool.id`, slots, limitOf(scope, 'pool'))
  return { limit: sql`pool.concurrency_limit`, active }
}

/** The limits that a claim of a queue keeps: its own, and its pool's, where there are such. */
export function limitsOfClaim(scope: Scope, isLimited: { queue: boolean; pool: boolean }, byName: boolean): Limit[] {
  const slots = { ...CLAIM_SLOTS, byName }
  return [...(isLimited.queue ? [queueLimit(scope, slots)] : []), ...(isLimited.pool ? [poolLimit(scope, slots)] : [])]
}

/**
 * How many of the runs asked for may start: at most as many as each limit has open slots, which is
 * `openSlots` of the rules as SQL. Active runs are counted only where there is a limit; `null` is none.
 */
export function mayStart(dialect: Dialect, asked: Fragment, limits: readonly Limit[]): Fragment {
  if (limits.length === 0) return asked
  const open = limits.map(
    ({ limit, active }): Fragment => sql`case when ${limit} is null then ${asked} else ${limit} - ${active} end`,
  )
  const all = sql.join([asked, ...open])
  return dialect === 'postgres' ? sql`greatest(0, least(${all}))` : sql`max(0, min(${all}))`
}
