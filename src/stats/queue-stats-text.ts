import { type RawBuilder, sql } from 'kysely'
import { timeAsText } from '../model/values.js'
import { isCandidate } from '../polls/pool-poll-parts.js'
import type { Scope } from '../session.js'
import { activeOfQueue, CLAIM_SLOTS, limitOf, mayStart, poolLimit } from '../sql/active-runs.js'
import { handOutOrder, hasStartTime, isMemberById, isMemberByName, takesNames } from '../sql/runs.js'
import type { StatsText } from './asked-queues.js'
import { allOf, countUpTo, leastOf, waitingRuns } from './count-up-to.js'
import { filterAsText, firstRun, idAsText, rowOfFirstRun } from './first-run.js'

type Fragment = RawBuilder<unknown>

/**
 * The figures of queues, a row for each.
 *
 * Each step is a query by itself, so that what the next one needs twice is counted once: `pool`, with what a
 * claim may take of it (`room`); `queue`, with its active runs; `started`, with what may start; `waiting`,
 * with what is due.
 *
 * Every count walks an index, as far as the cap. Only `startable` looks at the runs themselves, as a claim
 * does, since what is retried in its process says so nowhere else; it goes as far as a claim would. Where it
 * has come to the cap, so have `due` and `scheduled`.
 */
export function queueStats<Row>(scope: Scope, text: StatsText): RawBuilder<Row> {
  const { dialect } = scope
  const { cap, now } = text
  // The name is looked up once for all counts. It is null where runs do not belong by it.
  const members = [isMemberById(sql`queue.id`), isMemberByName(sql`queue.taken_name`)]
  const { due, late, scheduled } = waitingRuns(now)
  const count = (of: typeof due): Fragment => countUpTo(scope, members, of, cap)
  const unless = (known: Fragment, counted: Fragment): Fragment =>
    sql`case when ${known} >= ${cap} then ${cap} else ${counted} end`
  return sql<Row>`
    with
      ${dialect === 'postgres' ? placesOnPostgres(scope, text) : placesOnSqlite(scope, text)},
      started as materialized (
        select queue.*, ${startable(scope, text)} as startable, ${firstRun(scope, members)} as first_run_id from queue),
      waiting as materialized (
        select queue.*, ${unless(sql`queue.startable`, count(due))} as due from started as queue)
    select
      ${idAsText('queue.id', dialect)} as "workQueueId",
      queue.name as "workQueueName",
      ${idAsText('queue.work_pool_id', dialect)} as "workPoolId",
      queue.pool_name as "workPoolName",
      queue.priority,
      queue.is_paused as "isPaused",
      queue.status,
      queue.concurrency_limit as "concurrencyLimit",
      ${sql.raw(timeAsText('queue.last_polled', dialect))} as "lastPolled",
      ${filterAsText(dialect)} as filter,
      queue.due,
      ${count(late)} as late,
      ${unless(sql`queue.due`, count(scheduled))} as scheduled,
      queue.active,
      queue.startable,
      ${idAsText('run.id', dialect)} as "firstRunId",
      ${sql.raw(timeAsText('run.next_scheduled_start_time', dialect))} as "nextStartTime",
      case when ${hasStartTime(now)} then 1 else 0 end as "isFirstDue"
    from waiting as queue
    ${rowOfFirstRun(scope, sql`queue.first_run_id`)}
    order by queue.pool_name ${dialect === 'postgres' ? sql`collate "C"` : sql``}, queue.priority, queue.id`
}

/** What a queue has, and what it needs of its pool. By name, as hosts add columns. */
const COLUMNS = sql`
  queue.id, queue.name, queue.work_pool_id, queue.priority, queue.is_paused, queue.status, queue.concurrency_limit,
  queue.last_polled, queue.filter,
  pool.name as pool_name, pool.room as pool_room, case when pool.takes_names then queue.name end as taken_name`

/** What the pool under the alias `pool` has that its queues need: how many runs a claim may take of it. */
function poolColumns(scope: Scope, { cap }: StatsText): Fragment {
  const room = mayStart(scope.dialect, cap, [poolLimit(scope, CLAIM_SLOTS)])
  return sql`
    pool.id, pool.name, ${takesNames('pool')} as takes_names, case when pool.is_paused then 0 else ${room} end as room`
}

/**
 * The pools and queues on PostgreSQL, from the pools to their queues: a join of the two might compare each
 * queue with each pool, as the planner has no statistics of what it has just counted.
 */
function placesOnPostgres(scope: Scope, text: StatsText): Fragment {
  const { tables } = scope
  return sql`
      asked as materialized (
        select queue.work_pool_id as pool_id, array_agg(queue.id) as ids from ${tables.work_queue} as queue
        where ${text.isAskedQueue}
        group by queue.work_pool_id),
      pool as materialized (
        select ${poolColumns(scope, text)}, asked.ids
        from asked
        cross join lateral (select * from ${tables.work_pool} as pool where pool.id = asked.pool_id limit 1) as pool
        limit ${allOf('postgres')}),
      queue as materialized (
        select ${COLUMNS}, ${activeOfQueue(scope, CLAIM_SLOTS, allOf(scope.dialect))} as active
        from pool
        cross join lateral unnest(pool.ids) as chosen(id)
        cross join lateral (select * from ${tables.work_queue} as queue where queue.id = chosen.id limit 1) as queue
        limit ${allOf('postgres')})`
}

/** The pools and queues on SQLite, which makes an index of what it has just counted. */
function placesOnSqlite(scope: Scope, text: StatsText): Fragment {
  const { tables } = scope
  return sql`
      asked as materialized (select queue.* from ${tables.work_queue} as queue where ${text.isAskedQueue}),
      pool as materialized (
        select ${poolColumns(scope, text)} from ${tables.work_pool} as pool
        where pool.id in (select work_pool_id from asked)),
      queue as materialized (
        select ${COLUMNS}, ${activeOfQueue(scope, CLAIM_SLOTS, allOf(scope.dialect))} as active
        from asked as queue cross join pool on pool.id = queue.work_pool_id)`
}

/**
 * What a claim of the queue by its pool would take: as many of its candidates as the pool and the queue have
 * room for, which is none when one of them is paused.
 */
function startable(scope: Scope, { cap, now }: StatsText): Fragment {
  const { dialect, tables } = scope
  const open = mayStart(dialect, sql`queue.pool_room`, [
    { limit: sql`queue.concurrency_limit`, active: sql`queue.active` },
  ])
  const room = sql`case when queue.is_paused then 0 else ${open} end`
  const candidates = (most: Fragment, limit: Fragment): Fragment => sql`(
      select count(*) from (
        select 1 from (
          select 1 from ${tables.flow_run} as run
          where ${isCandidate({ scheduledBefore: now, scheduledAfter: undefined }, dialect)}
          order by ${handOutOrder}
          limit ${most}
        ) as candidate
        ${limit}
      ) as candidate)`
  if (dialect === 'postgres') return candidates(cap, sql`limit ${room}`)
  // SQLite's limit cannot depend on the row: of a limited queue as many are counted as the largest limit of
  // all lets in.
  const most = leastOf(dialect, [cap, limitOf(scope, 'queue')])
  const found = sql`case when queue.concurrency_limit is null then ${candidates(cap, sql``)} else ${candidates(most, sql``)} end`
  return sql`case when ${room} > 0 then ${leastOf(dialect, [room, found])} else 0 end`
}
