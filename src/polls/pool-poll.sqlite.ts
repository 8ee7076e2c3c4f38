import { type RawBuilder, sql } from 'kysely'
import { selection } from '../model/columns.js'
import { flowRunColumns } from '../model/flow-run.js'
import type { Scope } from '../session.js'
import { mayStart, poolLimit, queueLimit } from '../sql/active-runs.js'
import { and, type Condition, isInIdList } from '../sql/lists.js'
import { handOutOrder } from '../sql/runs.js'
import {
  askedPools,
  FIRST_RANK,
  type Fragment,
  isCandidate,
  orderOf,
  type PoolPollText,
  rankOf,
} from './pool-poll-parts.js'

/**
 * The poll of work pools on SQLite: see pool-poll-parts.ts for the walk.
 *
 * SQLite has no lateral joins, and no limit that depends on another table. `json_each` stands in for both:
 * its argument may depend on the row, and its `key` numbers what it lists. So the next priority too is looked
 * up once a step, and not for each queue that is compared with it.
 *
 * @param columns - What to select of each run. Default: all of it.
 */
export function poolPollOnSqlite<Row>(
  scope: Scope,
  poll: PoolPollText,
  columns: Fragment = selection(flowRunColumns, scope.dialect, 'run', 'run.'),
): RawBuilder<Row> {
  const { dialect, tables } = scope
  const poolLimits = poll.ignorePoolLimits ? [] : [poolLimit(scope, poll.slots)]
  const queueLimits = [queueLimit(scope, poll.slots)]
  const isOpen = isOpenQueue(poll)
  const nextRank = sql`(
    select min(${rankOf(poll)}) from ${tables.work_queue} as queue
    where queue.work_pool_id = walk.pool_id and ${rankOf(poll)} > walk.rank and ${isOpen})`
  return sql<Row>`
    with recursive
      pool as materialized (
        select pool.id, ${mayStart(dialect, poll.limit, poolLimits)} as allowed
        from ${tables.work_pool} as pool
        where ${and([sql`not pool.is_paused`, ...askedPools(scope, poll)])}),
      walk(pool_id, rank, allowed, ids) as (
        select pool.id, ${FIRST_RANK}, pool.allowed, '[]' from pool
        union all
        select walk.pool_id, next.value, walk.allowed - json_array_length(walk.ids), (
          select json_group_array(run.id order by ${handOutOrder}) from (
            select run.id, run.next_scheduled_start_time
            from ${tables.work_queue} as queue
            cross join json_each(json_array(${mayStart(dialect, poll.limit, queueLimits)})) as open
            cross join json_each(case when open.value > 0 then (${firstRuns(scope, poll)}) end) as candidate
            cross join ${tables.flow_run} as run on run.id = candidate.value
            where queue.work_pool_id = walk.pool_id and ${isOpen} and ${rankOf(poll)} = next.value
              and candidate.key < open.value
            order by ${handOutOrder}
            limit ${poll.limit}
          ) as run
        )
        from walk
        cross join json_each(json_array(${nextRank})) as next
        where walk.allowed > json_array_length(walk.ids) and next.value is not null)
    select walk.pool_id as "workPoolId", queue.id as "workQueueId", ${columns}
    from walk
    cross join json_each(walk.ids) as chosen
    cross join ${tables.flow_run} as run on run.id = chosen.value and chosen.key < walk.allowed
    join ${tables.work_queue} as queue on queue.id = run.work_queue_id
    order by ${orderOf(poll)}
    limit ${poll.limit}`
}

function isOpenQueue({ workQueueIds }: PoolPollText): Condition {
  const isOpen: Condition = sql`not queue.is_paused`
  return workQueueIds === undefined ? isOpen : and([isOpen, isInIdList('queue.id', workQueueIds, 'sqlite')])
}

/** The ids of the first due runs of a queue, as a JSON array. */
function firstRuns({ tables }: Scope, poll: PoolPollText): Fragment {
  return sql`
    select json_group_array(run.id order by ${handOutOrder}) from (
      select run.id, run.next_scheduled_start_time from ${tables.flow_run} as run
      where ${isCandidate(poll, 'sqlite')}
      order by ${handOutOrder}
      limit ${poll.limit}
    ) as run`
}
