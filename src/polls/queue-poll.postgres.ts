import { type RawBuilder, type SqlBool, sql } from 'kysely'
import type { Scope } from '../session.js'
import { placeRecord } from '../sql/known-queues.js'
import { and, type Condition } from '../sql/lists.js'
import { handOutOrder, hasFilter, isDue, isMemberById, membership, takesNames } from '../sql/runs.js'
import { type QueuePollText, roomOf } from './queue-poll-text.js'

// The polls of a queue on PostgreSQL. Most of what a poll costs there is planning its text, so there are two
// of them. Both say what the queue is, and return records as JSON, which is less to plan than their columns.

type Fragment = RawBuilder<unknown>

/** A run as it is handed out, and what puts it in order. */
const RUN = sql`run.next_scheduled_start_time, run.id, cast(row_to_json(run) as text) as record`

/**
 * The poll of a queue without a limit outside the default agent pool: by its id alone, nothing is counted. Of
 * a queue that is something else it hands out what is to be ignored, or nothing.
 *
 * In one run on one machine, PostgreSQL 18, 40,000 due runs, ms: this text 0.42, with the pool joined and all
 * of the place selected 0.50, ten runs by queue id alone 0.22; prepared 0.16, 0.18, 0.19.
 */
export function pollUnlimited<Row>({ tables }: Scope, poll: QueuePollText): RawBuilder<Row> {
  const byName = sql`(select ${takesNames('pool')} from ${tables.work_pool} as pool where pool.id = queue.work_pool_id)`
  const isOpen = and([
    sql`queue.concurrency_limit is null`,
    sql`not queue.is_paused`,
    sql`not ${hasFilter('queue')}`,
    // A run that is to be ignored may be read, and not locked.
    ...(poll.lock ? [sql<SqlBool>`not ${byName}`] : []),
  ])
  return sql<Row>`
    select cast(row_to_json(queue) as text) as queue, cast(${byName} as text) as "takesNames", run.record as run
    from ${tables.work_queue} as queue
    left join lateral (
      select ${RUN}
      from ${tables.flow_run} as run
      where ${isMemberById(poll.workQueueId)} and ${isDue(poll.scheduledBefore)}
      order by ${handOutOrder}
      limit case when ${isOpen} then ${poll.limit} else 0 end
      ${poll.lock ? sql`for update skip locked` : sql``}
    ) as run on true
    where queue.id = ${poll.workQueueId}
    order by ${handOutOrder}`
}

/**
 * The poll of any queue.
 *
 * For each way of belonging to the queue its first runs are found, then the first of these. Each part walks
 * an index in order and stops at what the queue may hand out, so the cost is that of the runs found and not
 * of the backlog. The rows are looked up by id last, one by one: by a join, whose size the planner guesses
 * from the backlog, they might cost a scan.
 */
export function pollAny<Row>(scope: Scope, poll: QueuePollText): RawBuilder<Row> {
  const { tables } = scope
  return sql<Row>`
    with place as materialized (
      select queue.id, ${placeRecord()} as record, ${roomOf(scope, poll, sql`queue.concurrency_limit`)} as room
      from ${tables.work_queue} as queue
      join ${tables.work_pool} as pool on pool.id = queue.work_pool_id
      where queue.id = ${poll.workQueueId}
    )
    select place.record as place, run.record as run
    from place
    left join (${poll.lock ? lockedRuns(scope, poll) : runsOf(scope, poll)}) as run on true
    order by ${handOutOrder}`
}

const ROOM = sql`(select room from place)`
// Of a parameter, the planner asks how many runs that very queue has, and plans a named statement anew.
const PLACE_ID = sql`(select id from place)`

/** The runs to hand out. */
function runsOf(scope: Scope, poll: QueuePollText): Fragment {
  return sql`
    select ${RUN} from (${firstOfAll(scope, poll)}) as picked
    cross join lateral (select * from ${scope.tables.flow_run} as run where run.id = picked.id limit 1) as run`
}

/** The first of the runs that each way of belonging has found. */
function firstOfAll(scope: Scope, poll: QueuePollText): Fragment {
  const found = membership(scope.tables, PLACE_ID).map((isMember, way) => {
    const columns = sql`${sql.lit(way)} as way, run.next_scheduled_start_time, run.id`
    return firstRuns(scope, poll, { columns, isMember, limit: ROOM, lock: sql`` })
  })
  return sql`
    select run.* from (${sql.join(found, sql` union all `)}) as run
    order by ${handOutOrder}
    limit ${ROOM}`
}

/**
 * The same, locked, past what other transactions have locked. A lock cannot be put on a union: first it is
 * seen how many runs of each way are wanted, so that neither way locks more. What is locked may be newer than
 * what the statement sees, so it is not looked up again.
 */
function lockedRuns(scope: Scope, poll: QueuePollText): Fragment {
  const locked = membership(scope.tables, PLACE_ID).map((isMember, way) =>
    firstRuns(scope, poll, {
      columns: RUN,
      isMember,
      limit: sql`(select count(*) from wanted where way = ${sql.lit(way)})`,
      lock: sql`for update skip locked`,
    }),
  )
  return sql`
    with wanted as materialized (${firstOfAll(scope, poll)})
    ${sql.join(locked, sql` union all `)}`
}

/** The first runs in one way of belonging. */
function firstRuns(
  { tables }: Scope,
  { scheduledBefore }: QueuePollText,
  { columns, isMember, limit, lock }: { columns: Fragment; isMember: Condition; limit: Fragment; lock: Fragment },
): Fragment {
  return sql`
    select * from (
      select ${columns} from ${tables.flow_run} as run
      where ${isMember} and ${isDue(scheduledBefore)}
      order by ${handOutOrder}
      limit ${limit}
      ${lock}
    ) as run`
}
