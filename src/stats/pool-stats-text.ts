import { type RawBuilder, sql } from 'kysely'
import { timeAsText } from '../model/values.js'
import { isCandidate } from '../polls/pool-poll-parts.js'
import type { Scope } from '../session.js'
import { activeOfPool, CLAIM_SLOTS, mayStart, ORDER_OF_QUEUES, queueLimit } from '../sql/active-runs.js'
import type { Condition } from '../sql/lists.js'
import { handOutOrder, hasStartTime, isMemberById, isMemberByName, takesNames } from '../sql/runs.js'
import { isOnline } from '../sql/online-workers.js'
import type { StatsText } from './asked-queues.js'
import { allOf, type Countable, leastOf, waitingRuns } from './count-up-to.js'
import { firstOf, firstOfEach, idAsText, rowOfFirstRun } from './first-run.js'

type Fragment = RawBuilder<unknown>

/**
 * The figures of pools, a row for each. Counts go from queue to queue, and end at the cap. See
 * queue-stats-text.ts for the steps.
 */
export function poolStats<Row>(scope: Scope, text: StatsText): RawBuilder<Row> {
  const { dialect, tables } = scope
  const { cap, now } = text
  const { due, late, scheduled } = waitingRuns(now)
  const count = (of: Countable): Fragment =>
    leastOf(dialect, [
      cap,
      sql`${countOfQueues(scope, of, BY_ID, cap)} + case when pool.takes_names then ${countOfQueues(scope, of, BY_NAME, cap)} else 0 end`,
    ])
  const unless = (known: Fragment, counted: Fragment): Fragment =>
    sql`case when ${known} >= ${cap} then ${cap} else ${counted} end`
  // The ids are looked up before: with a limit that is not known, the planner would look through a long list
  // for each pool.
  const joinOfAsked =
    dialect === 'postgres'
      ? sql`
        cross join lateral (select * from ${tables.work_pool} as pool where pool.id = asked.id limit 1) as pool
        limit ${allOf(dialect)}`
      : sql`cross join ${tables.work_pool} as pool on pool.id = asked.id`
  return sql<Row>`
    with
      asked as materialized (select pool.id from ${tables.work_pool} as pool where ${text.isAskedPool}),
      held as materialized (
        select
          pool.id, pool.name, pool.is_paused, pool.status, pool.concurrency_limit, ${takesNames('pool')} as takes_names,
          ${activeOfPool(scope, sql`pool.id`, CLAIM_SLOTS, allOf(dialect))} as active,
          (select count(*) from ${tables.worker} as worker where worker.work_pool_id = pool.id and ${isOnline}) as workers_online
        from asked
        ${joinOfAsked}),
      open as materialized (
        select pool.*, case when pool.is_paused then 0 else ${mayStart(dialect, cap, [{ limit: sql`pool.concurrency_limit`, active: sql`pool.active` }])} end as room
        from held as pool),
      started as materialized (
        select pool.*, ${startable(scope, text)} as startable, ${firstOfQueues(scope)} as first_run_id from open as pool),
      waiting as materialized (
        select pool.*, ${unless(sql`pool.startable`, count(due))} as due from started as pool)
    select
      ${idAsText('pool.id', dialect)} as "workPoolId",
      pool.name as "workPoolName",
      pool.is_paused as "isPaused",
      pool.status,
      pool.concurrency_limit as "concurrencyLimit",
      pool.workers_online as "workersOnline",
      pool.due,
      ${count(late)} as late,
      ${unless(sql`pool.due`, count(scheduled))} as scheduled,
      pool.active,
      pool.startable,
      ${idAsText('run.id', dialect)} as "firstRunId",
      ${sql.raw(timeAsText('run.next_scheduled_start_time', dialect))} as "nextStartTime",
      case when ${hasStartTime(now)} then 1 else 0 end as "isFirstDue"
    from waiting as pool
    ${rowOfFirstRun(scope, sql`pool.first_run_id`)}
    order by pool.name ${dialect === 'postgres' ? sql`collate "C"` : sql``}, pool.id`
}

const BY_ID = isMemberById(sql`queue.id`)
const BY_NAME = isMemberByName(sql`queue.name`)

/** How many runs belong to the pool's queues in this way, counted no further than to the cap. */
function countOfQueues(
  { dialect, tables }: Scope,
  { condition, order }: Countable,
  isMember: Condition,
  cap: Fragment,
): Fragment {
  const runs =
    dialect === 'postgres'
      ? sql`cross join lateral (
          select 1 from ${tables.flow_run} as run where ${isMember} and ${condition} ${order} limit ${cap}) as run`
      : sql`cross join ${tables.flow_run} as run on ${isMember} and ${condition}`
  return sql`(
      select count(*) from (
        select 1 from ${tables.work_queue} as queue
        ${runs}
        where queue.work_pool_id = pool.id
        ${dialect === 'postgres' ? ORDER_OF_QUEUES : sql``}
        limit ${cap}
      ) as counted)`
}

/** The id of the first run that has a start time, of those that belong to the pool's queues. */
function firstOfQueues(scope: Scope): Fragment {
  const { dialect, tables } = scope
  const isOfPool: Condition = sql`queue.work_pool_id = pool.id`
  const queues =
    dialect === 'postgres'
      ? sql`(select queue.id, queue.name from ${tables.work_queue} as queue where ${isOfPool} ${ORDER_OF_QUEUES}) as queue`
      : sql`${tables.work_queue} as queue`
  const isAsked: Condition = dialect === 'postgres' ? sql`true` : isOfPool
  return firstOf([
    firstOfEach(scope, { queues, isAsked, isMember: BY_ID }),
    firstOfEach(scope, { queues, isAsked: sql`${isAsked} and pool.takes_names`, isMember: BY_NAME }),
  ])
}

/**
 * What a claim of the pool would take: of each queue that is not paused as many candidates as it has open
 * slots, all together as many as the pool has room for.
 */
function startable(scope: Scope, { cap, now }: StatsText): Fragment {
  const { dialect, tables } = scope
  const room = mayStart(dialect, sql`pool.room`, [queueLimit(scope, CLAIM_SLOTS)])
  const candidates = (limit: Fragment): Fragment => sql`
          select 1 from ${tables.flow_run} as run
          where ${isCandidate({ scheduledBefore: now, scheduledAfter: undefined }, dialect)}
          order by ${handOutOrder}
          limit ${limit}`
  const isOpen = sql`queue.work_pool_id = pool.id and not queue.is_paused`
  if (dialect === 'postgres') {
    return sql`(
      select count(*) from (
        select 1 from ${tables.work_queue} as queue
        cross join lateral (select 1 from (${candidates(cap)}) as candidate limit ${room}) as run
        where ${isOpen}
        ${ORDER_OF_QUEUES}
        limit pool.room
      ) as startable)`
  }
  // SQLite's limit cannot depend on the row, nor can it stop at the pool's room. It stops at the cap.
  return sql`(
      select min(pool.room, count(*)) from (
        select 1 from ${tables.work_queue} as queue
        cross join json_each(json_array(${room})) as open
        cross join json_each(case when open.value > 0 then (
          select json_group_array(1) from (${candidates(cap)}) as run) end) as candidate
        where ${isOpen} and pool.room > 0 and candidate.key < open.value
        limit ${cap}
      ) as startable)`
}
