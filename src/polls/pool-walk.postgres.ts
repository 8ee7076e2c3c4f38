import { sql } from 'kysely'
import type { Scope } from '../session.js'
import { activeOfQueue } from '../sql/active-runs.js'
import { type IdList, isInIdList } from '../sql/lists.js'
import { handOutOrder } from '../sql/runs.js'
import { allowed, FIRST_RANK, type Fragment, isCandidate, type PoolPollText, rankOf } from './pool-poll-parts.js'

/** What the pool may still take after a step of the walk. */
const LEFT = sql`walk.allowed - cardinality(walk.ids)`

/** The walk through all queues of each pool: every step looks up the next priority. */
export function postgresWalk(scope: Scope, poll: PoolPollText): Fragment {
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

/**
 * The queues that are asked for, looked up once and laid out in the order of the walk, one array for all pools: `ids`, and for each
 * the place where the queues of its step end. A step finds its queues by their place. To look through the queues asked for at
 * each step costs their number squared: 20 s for 5,000.
 */
export function askedQueues({ dialect, tables }: Scope, poll: PoolPollText, workQueueIds: IdList): Fragment {
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
export function poolsOfAsked({ tables }: Scope): Fragment {
  return sql`
    (select asked.work_pool_id as id, min(asked.place) as first, max(asked.place) as last from asked group by asked.work_pool_id) as part
    cross join lateral (select * from ${tables.work_pool} as pool where pool.id = part.id limit 1) as pool`
}

/** The walk through the queues that are asked for. */
export function walkOfAsked(scope: Scope, poll: PoolPollText): Fragment {
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
  const queueAllowed = allowed(sql`queue.concurrency_limit`, activeOfQueue(scope, poll.slots), poll, dialect)
  return sql`array(
    select run.id
    from ${queues}
    cross join lateral (
      select * from (
        select run.id, run.next_scheduled_start_time from ${tables.flow_run} as run
        where ${isCandidate(poll, dialect)}
        order by ${handOutOrder}
        limit ${poll.limit}
        ${poll.lock ? sql`for update skip locked` : sql``}
      ) as run
      limit least(${LEFT}, ${queueAllowed})
    ) as run
    ${condition}
    order by ${handOutOrder}
    limit ${LEFT}
  )`
}
