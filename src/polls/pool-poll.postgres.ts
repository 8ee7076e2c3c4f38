import { type RawBuilder, sql } from 'kysely'
import type { Scope } from '../session.js'
import { mayStart, poolLimit, queueLimit } from '../sql/active-runs.js'
import { and, type Condition, type IdList, isAmongIds, isInIdList } from '../sql/lists.js'
import { handOutOrder } from '../sql/runs.js'
import {
  FIRST_RANK,
  type Fragment,
  isCandidate,
  limitTo,
  orderOf,
  type PoolPollText,
  rankOf,
} from './pool-poll-parts.js'

/**
 * The poll of work pools on PostgreSQL: see pool-poll-parts.ts for the walk.
 *
 * The runs are looked up by id last, as whole rows. A lateral look-up with a limit can only be a look-up by
 * id, whatever the planner thinks of the walk's size.
 */
export function poolPollOnPostgres<Row>(scope: Scope, poll: PoolPollText): RawBuilder<Row> {
  const { tables } = scope
  return sql<Row>`
    with recursive
      ${walkOf(scope, poll)}
    select
      cast(walk.pool_id as text) as "workPoolId", cast(queue.id as text) as "workQueueId",
      cast(row_to_json(run) as text) as run
    from walk
    cross join lateral unnest(walk.ids) as chosen(id)
    cross join lateral (select * from ${tables.flow_run} as run where run.id = chosen.id limit 1) as run
    join ${tables.work_queue} as queue on queue.id = run.work_queue_id
    order by ${orderOf(poll)}
    ${limitTo(poll.limit)}`
}

/**
 * The pools and the walk through their queues, as named queries.
 *
 * @param isOpen - A condition on all of it. Default: none.
 */
export function walkOf(scope: Scope, poll: PoolPollText, isOpen?: Condition): Fragment {
  const { dialect, tables } = scope
  const { workPoolIds, workQueueIds } = poll
  const conditions: Condition[] = [sql`not pool.is_paused`, ...(isOpen === undefined ? [] : [isOpen])]
  if (workQueueIds !== undefined) {
    // The pools are found by the queues.
    if (workPoolIds !== undefined) conditions.push(isAmongIds('pool.id', workPoolIds.value, dialect))
    const pools = openPools(scope, poll, poolsOfAsked(scope), sql`, part.first, part.last`, conditions)
    return sql`${askedQueues(scope, poll, workQueueIds)}, ${pools}, ${walkOfAsked(scope, poll)}`
  }
  if (workPoolIds !== undefined) conditions.push(isInIdList('pool.id', workPoolIds, dialect))
  const pools = openPools(scope, poll, sql`${tables.work_pool} as pool`, sql``, conditions)
  return sql`${pools}, ${walkOfAll(scope, poll)}`
}

/**
 * The queues that are asked for, looked up once and laid out in the order of the walk, one array for all
 * pools: `ids`, and for each the place where the queues of its step end. A step finds its queues by their
 * place. To look through the queues asked for at each step costs their number squared: 20 s for 5,000.
 */
function askedQueues({ dialect, tables }: Scope, poll: PoolPollText, workQueueIds: IdList): Fragment {
  return sql`
    asked as materialized (
      select queue.id, queue.work_pool_id, row_number() over inorder as place,
        count(*) over inorder as step_end
      from ${tables.work_queue} as queue
      where ${isInIdList('queue.id', workQueueIds, dialect)} and not queue.is_paused
      window inorder as (order by queue.work_pool_id, ${rankOf(poll)})
    ),
    laid as materialized (
      select array_agg(asked.id order by asked.place) as ids, array_agg(asked.step_end order by asked.place) as step_ends from asked
    )`
}

/** The pools of the queues that are asked for, and the places of these, as a table beside the pool's row. */
function poolsOfAsked({ tables }: Scope): Fragment {
  return sql`
    (select asked.work_pool_id as id, min(asked.place) as first, max(asked.place) as last from asked group by asked.work_pool_id) as part
    cross join lateral (select * from ${tables.work_pool} as pool where pool.id = part.id limit 1) as pool`
}

/** The pools that are not paused, each with how many runs it may take. */
function openPools(
  scope: Scope,
  poll: PoolPollText,
  pools: Fragment,
  columns: Fragment,
  conditions: readonly Condition[],
): Fragment {
  const limits = poll.ignorePoolLimits ? [] : [poolLimit(scope, poll.slots)]
  return sql`pool as materialized (
    select pool.id, ${mayStart(scope.dialect, poll.limit, limits)} as allowed${columns}
    from ${pools}
    where ${and(conditions)})`
}

/** What the pool may still take after a step of the walk. */
const LEFT = sql`walk.allowed - cardinality(walk.ids)`

/** The walk through all queues of each pool: every step looks up the next priority. */
function walkOfAll(scope: Scope, poll: PoolPollText): Fragment {
  const { tables } = scope
  const isOfPool = sql`queue.work_pool_id = walk.pool_id and not queue.is_paused`
  const nextRank = sql`(
    select min(${rankOf(poll)}) from ${tables.work_queue} as queue where ${isOfPool} and ${rankOf(poll)} > walk.rank)`
  const queues = sql`${tables.work_queue} as queue`
  return sql`
    walk(pool_id, rank, allowed, ids) as (
      select pool.id, ${FIRST_RANK}, cast(pool.allowed as bigint), cast(array[] as uuid[]) from pool
      union all
      select walk.pool_id, next.rank, ${LEFT}, found.ids
      from walk
      cross join lateral (select ${nextRank} as rank) as next
      cross join lateral (select ${firstRuns(scope, poll, queues, sql`where ${isOfPool} and ${rankOf(poll)} = next.rank`)} as ids) as found
      where ${LEFT} > 0 and next.rank is not null)`
}

/** The walk through the queues that are asked for. */
function walkOfAsked(scope: Scope, poll: PoolPollText): Fragment {
  const { tables } = scope
  const queues = sql`
    unnest((select laid.ids from laid)[walk.place : step.last]) as chosen(id)
    cross join lateral (select * from ${tables.work_queue} as queue where queue.id = chosen.id limit 1) as queue`
  return sql`
    walk(pool_id, place, last, allowed, ids) as (
      select pool.id, pool.first, pool.last, cast(pool.allowed as bigint), cast(array[] as uuid[]) from pool
      union all
      select walk.pool_id, step.last + 1, walk.last, ${LEFT}, found.ids
      from walk
      cross join lateral (select (select laid.step_ends from laid)[walk.place] as last) as step
      cross join lateral (select ${firstRuns(scope, poll, queues, sql``)} as ids) as found
      where ${LEFT} > 0 and walk.place <= walk.last)`
}

/** The first due runs of the queues of a step, each queue at most its open slots. */
function firstRuns(scope: Scope, poll: PoolPollText, queues: Fragment, condition: Fragment): Fragment {
  const { dialect, tables } = scope
  const limits = poll.ignoreQueueLimits ? [] : [queueLimit(scope, poll.slots)]
  return sql`array(
    select run.id
    from ${queues}
    cross join lateral (
      select * from (
        select run.id, run.next_scheduled_start_time from ${tables.flow_run} as run
        where ${isCandidate(poll, dialect)}
        order by ${handOutOrder}
        ${limitTo(poll.limit)}
        ${poll.lock ? sql`for update skip locked` : sql``}
      ) as run
      limit least(${LEFT}, ${mayStart(dialect, poll.limit, limits)})
    ) as run
    ${condition}
    order by ${handOutOrder}
    limit ${LEFT}
  )`
}
