import { sql } from 'kysely'
import type { Scope } from '../session.js'
import { activeOfQueue } from '../sql/active-runs.js'
import { and, type Condition, isInIdList } from '../sql/lists.js'
import { handOutOrder } from '../sql/runs.js'
import { allowed, FIRST_RANK, type Fragment, isCandidate, type PoolPollText, rankOf } from './pool-poll-parts.js'

/**
 * The walk through the queues of each pool.
 *
 * SQLite has no lateral joins, and no limit that depends on another table. `json_each` stands in for both: its argument may
 * depend on the row, and its `key` numbers what it lists. So the next priority too is looked up once a step, and not for each queue
 * that is compared with it.
 */
export function sqliteWalk(scope: Scope, poll: PoolPollText): Fragment {
  const { dialect, tables } = scope
  const queueAllowed = allowed(sql`queue.concurrency_limit`, activeOfQueue(scope, poll.slots), poll, dialect)
  const isOpen: Condition =
    poll.workQueueIds === undefined
      ? sql`not queue.is_paused`
      : and([sql`not queue.is_paused`, isInIdList('queue.id', poll.workQueueIds, dialect)])
  const nextRank = sql`(
    select min(${rankOf(poll)}) from ${tables.work_queue} as queue
    where queue.work_pool_id = walk.pool_id and ${rankOf(poll)} > walk.rank and ${isOpen})`
  const first = sql`
    select json_group_array(run.id order by ${handOutOrder}) from (
      select run.id, run.next_scheduled_start_time from ${tables.flow_run} as run
      where ${isCandidate(poll, dialect)}
      order by ${handOutOrder}
      limit ${poll.limit}
    ) as run`
  return sql`
    walk(pool_id, rank, allowed, ids) as (
      select pool.id, ${FIRST_RANK}, pool.allowed, '[]' from pool
      union all
      select walk.pool_id, next.value, walk.allowed - json_array_length(walk.ids), (
        select json_group_array(run.id order by ${handOutOrder}) from (
          select run.id, run.next_scheduled_start_time
          from ${tables.work_queue} as queue
          cross join json_each(json_array(${queueAllowed})) as open
          cross join json_each(case when open.value > 0 then (${first}) end) as candidate
          cross join ${tables.flow_run} as run on run.id = candidate.value
          where queue.work_pool_id = walk.pool_id and ${isOpen} and ${rankOf(poll)} = next.value
            and candidate.key < open.value
          order by ${handOutOrder}
          limit ${poll.limit}
        ) as run
      )
      from walk
      cross join json_each(json_array(${nextRank})) as next
      where walk.allowed > json_array_length(walk.ids) and next.value is not null)`
}
