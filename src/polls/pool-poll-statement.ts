import { type RawBuilder, sql } from 'kysely'
import { selection } from '../model/columns.js'
import { flowRunColumns } from '../model/flow-run.js'
import { and, type Condition, type IdList, isInIdList } from '../sql/lists.js'
import { handOutOrder, isDue, isMemberById, isNotRetriedInProcess } from '../sql/runs.js'
import type { Scope } from '../session.js'
import { activeOfPool } from '../slots/active-of-pool.js'
import { activeOfQueue, boundOf, type SlotRule } from '../slots/active-of-queue.js'

type Fragment = RawBuilder<unknown>

/** A poll of work pools as its statement is built: what stands for each value, and what changes the text. */
export interface PoolPollText {
  readonly limit: Fragment
  readonly workPoolIds: IdList | undefined
  readonly workQueueIds: IdList | undefined
  readonly scheduledBefore: Fragment | undefined
  readonly scheduledAfter: Fragment | undefined
  readonly respectQueuePriorities: boolean
  /** PostgreSQL: whether to lock the runs, and to pass over those that another transaction has locked. */
  readonly lock: boolean
  readonly slots: SlotRule
  /** Whether a pool may take any number of runs: to see what comes next, were it not for its limit. */
  readonly ignorePoolLimits: boolean
}

/**
 * The statement that polls work pools.
 *
 * A pool's queues are walked in the order of their priorities, and the walk ends when the pool's open slots or the limit are
 * used up: with a thousand queues, a poll of ten runs looks at the first few. Each step looks up the next priority and takes the
 * first due runs of its queues (of all queues, in one step, when priorities do not matter), each at most its open slots. Both
 * are found in an index, so that a backlog costs nothing. Measured on SQLite with 1,000 queues, all limited: 0.6 ms where the
 * first queues have runs due, 4.9 ms where only the last ones have; one queue 0.3 ms.
 *
 * A row of `walk` says what the pool may still take (`allowed`) and what was found at this step (`ids`, in order).
 */
export function poolPollStatement<Row>(scope: Scope, poll: PoolPollText): RawBuilder<Row> {
  const { dialect, tables } = scope
  const isPostgres = dialect === 'postgres'
  // PostgreSQL: a lateral look-up with a limit can only be a look-up by id, whatever the planner thinks of the walk's size.
  const found = isPostgres
    ? sql`
        cross join lateral unnest(walk.ids) as chosen(id)
        cross join lateral (select * from ${tables.flow_run} as run where run.id = chosen.id limit 1) as run`
    : sql`
        cross join json_each(walk.ids) as chosen
        cross join ${tables.flow_run} as run on run.id = chosen.value and chosen.key < walk.allowed`
  const byRank = poll.respectQueuePriorities ? sql`${rankOf(poll)} asc, ` : sql``
  return sql<Row>`
    with recursive
      pool as materialized (${openPools(scope, poll)}),
      ${isPostgres && poll.workQueueIds !== undefined ? sql`asked as materialized (${askedQueues(scope, poll.workQueueIds)}),` : sql``}
      walk(pool_id, rank, allowed, ids) as (${isPostgres ? postgresWalk(scope, poll) : sqliteWalk(scope, poll)})
    select walk.pool_id as "workPoolId", ${selection(flowRunColumns, dialect, 'run')}
    from walk
    ${found}
    join ${tables.work_queue} as queue on queue.id = run.work_queue_id
    order by ${byRank}${handOutOrder}
    limit ${poll.limit}`
}

/** The pools that are not paused, each with how many runs it may take. */
function openPools(scope: Scope, poll: PoolPollText): Fragment {
  const { dialect, tables } = scope
  const conditions: Condition[] = [sql`not pool.is_paused`]
  if (poll.workPoolIds !== undefined) conditions.push(isInIdList('pool.id', poll.workPoolIds, dialect))
  if (poll.workQueueIds !== undefined) {
    conditions.push(sql`pool.id in (
      select queue.work_pool_id from ${tables.work_queue} as queue
      where ${isInIdList('queue.id', poll.workQueueIds, dialect)})`)
  }
  const active = activeOfPool(scope, sql`pool.id`, poll.slots, boundOf(scope, 'work_pool', 'pool'))
  return sql`
    select pool.id, ${poll.ignorePoolLimits ? poll.limit : allowed(sql`pool.concurrency_limit`, active, poll, dialect)} as allowed
    from ${tables.work_pool} as pool
    where ${and(conditions)}`
}

/** PostgreSQL: the queues that are asked for, looked up once. In the walk, each step would go through the pool's queues. */
function askedQueues({ dialect, tables }: Scope, workQueueIds: IdList): Fragment {
  return sql`
    select queue.id, queue.work_pool_id, queue.priority, queue.is_paused, queue.concurrency_limit
    from ${tables.work_queue} as queue
    where ${isInIdList('queue.id', workQueueIds, dialect)}`
}

/** The queues that the walk looks at, as a table. */
function walkedQueues({ dialect, tables }: Scope, { workQueueIds }: PoolPollText): Fragment {
  return dialect === 'postgres' && workQueueIds !== undefined ? sql`asked` : tables.work_queue
}

function postgresWalk(scope: Scope, poll: PoolPollText): Fragment {
  const { dialect, tables } = scope
  const queueAllowed = allowed(sql`queue.concurrency_limit`, activeOfQueue(scope, poll.slots), poll, dialect)
  const left = sql`walk.allowed - cardinality(walk.ids)`
  return sql`
    select pool.id, ${FIRST_RANK}, cast(pool.allowed as bigint), cast(array[] as uuid[]) from pool
    union all
    select walk.pool_id, next.rank, ${left}, found.ids
    from walk
    cross join lateral (select ${nextRank(scope, poll)} as rank) as next
    cross join lateral (
      select array(
        select run.id
        from ${walkedQueues(scope, poll)} as queue
        cross join lateral (
          select * from (
            select run.id, run.next_scheduled_start_time from ${tables.flow_run} as run
            where ${isCandidate(poll, dialect)}
            order by ${handOutOrder}
            limit ${poll.limit}
            ${poll.lock ? sql`for update skip locked` : sql``}
          ) as run
          limit least(${left}, ${queueAllowed})
        ) as run
        where queue.work_pool_id = walk.pool_id and ${isOpenQueue(poll, dialect)} and ${rankOf(poll)} = next.rank
        order by ${handOutOrder}
        limit ${left}
      ) as ids
    ) as found
    where ${left} > 0 and next.rank is not null`
}

/**
 * SQLite has no lateral joins, and no limit that depends on another table. `json_each` stands in for both: its argument may
 * depend on the row, and its `key` numbers what it lists.
 */
function sqliteWalk(scope: Scope, poll: PoolPollText): Fragment {
  const { dialect, tables } = scope
  const next = nextRank(scope, poll)
  const queueAllowed = allowed(sql`queue.concurrency_limit`, activeOfQueue(scope, poll.slots), poll, dialect)
  const first = sql`
    select json_group_array(run.id order by ${handOutOrder}) from (
      select run.id, run.next_scheduled_start_time from ${tables.flow_run} as run
      where ${isCandidate(poll, dialect)}
      order by ${handOutOrder}
      limit ${poll.limit}
    ) as run`
  return sql`
    select pool.id, ${FIRST_RANK}, pool.allowed, '[]' from pool
    union all
    select walk.pool_id, ${next}, walk.allowed - json_array_length(walk.ids), (
      select json_group_array(run.id order by ${handOutOrder}) from (
        select run.id, run.next_scheduled_start_time
        from ${tables.work_queue} as queue
        cross join json_each(json_array(${queueAllowed})) as open
        cross join json_each(case when open.value > 0 then (${first}) end) as candidate
        cross join ${tables.flow_run} as run on run.id = candidate.value
        where queue.work_pool_id = walk.pool_id and ${isOpenQueue(poll, dialect)} and ${rankOf(poll)} = ${next}
          and candidate.key < open.value
        order by ${handOutOrder}
        limit ${poll.limit}
      ) as run
    )
    from walk
    where walk.allowed > json_array_length(walk.ids) and ${next} is not null`
}

/** Before every priority. */
const FIRST_RANK = sql`-2147483648`

/** What the walk goes by: the queue's priority, or one step for all queues when priorities do not matter. */
function rankOf({ respectQueuePriorities }: PoolPollText): Fragment {
  return respectQueuePriorities ? sql`queue.priority` : sql`1`
}

function nextRank(scope: Scope, poll: PoolPollText): Fragment {
  return sql`(
    select min(${rankOf(poll)}) from ${walkedQueues(scope, poll)} as queue
    where queue.work_pool_id = walk.pool_id and ${rankOf(poll)} > walk.rank and ${isOpenQueue(poll, scope.dialect)})`
}

function isOpenQueue({ workQueueIds }: PoolPollText, dialect: Scope['dialect']): Condition {
  const isNotPaused: Condition = sql`not queue.is_paused`
  return workQueueIds === undefined || dialect === 'postgres'
    ? isNotPaused
    : and([isNotPaused, isInIdList('queue.id', workQueueIds, dialect)])
}

/** The run is one that the queue may hand out to a poll of its pool. */
function isCandidate({ scheduledBefore, scheduledAfter }: PoolPollText, dialect: Scope['dialect']): Condition {
  const conditions = [isMemberById(sql`queue.id`), isDue(scheduledBefore), isNotRetriedInProcess(dialect)]
  if (scheduledAfter !== undefined) conditions.push(sql`run.next_scheduled_start_time >= ${scheduledAfter}`)
  return and(conditions)
}

/** `openSlots` as SQL, at most the limit of the poll. Active runs are counted only where there is a limit. */
function allowed(
  concurrencyLimit: Fragment,
  active: Fragment,
  { limit }: PoolPollText,
  dialect: Scope['dialect'],
): Fragment {
  const [least, greatest] = dialect === 'postgres' ? [sql`least`, sql`greatest`] : [sql`min`, sql`max`]
  return sql`case
    when ${concurrencyLimit} is null then ${limit}
    else ${least}(${limit}, ${greatest}(0, ${concurrencyLimit} - ${active}))
  end`
}
