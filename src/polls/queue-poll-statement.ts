import { type RawBuilder, sql } from 'kysely'
import { WORK_QUEUE_SLOT_STATES } from '../rules/states.js'
import { handOutOrder, hasFilter, isDue, membership, occupiesSlot, orderOfActiveRuns } from '../sql/runs.js'
import type { Scope } from '../session.js'

// The parts of the statement that polls a queue by membership. Between them they name `allowed`, a table of one row: how many runs
// may be handed out.

type Fragment = RawBuilder<unknown>

/** What a poll of a queue asks for. */
export interface QueuePoll {
  readonly limit?: number | undefined
  readonly scheduledBefore?: Date | undefined
  /** PostgreSQL: whether to lock the runs, and to pass over those that another transaction has locked. */
  readonly lock: boolean
}

/**
 * How many runs may be handed out: the asked number, the open slots, or none when the queue is paused or takes runs by filter.
 *
 * Active runs are counted only when there is a limit, and no further than it.
 */
export function allowance({ tables, dialect }: Scope, queueId: Fragment, asked: Fragment): Fragment {
  const limit = sql`(select concurrency_limit from ${tables.work_queue} where id = ${queueId})`
  const active = membership(tables, queueId).map(
    (isMember): Fragment => sql`
      (select count(*) from (
        select 1 from ${tables.flow_run} as run
        where ${isMember} and ${occupiesSlot(WORK_QUEUE_SLOT_STATES)}
        ${dialect === 'postgres' ? orderOfActiveRuns : sql``}
        limit ${limit}
      ) as occupied)`,
  )
  const [least, greatest] = dialect === 'postgres' ? [sql`least`, sql`greatest`] : [sql`min`, sql`max`]
  return sql`
    select case
      when polled.is_paused or ${hasFilter('polled')} then 0
      when polled.concurrency_limit is null then ${asked}
      else ${least}(${asked}, ${greatest}(0, polled.concurrency_limit - ${sql.join(active, sql` - `)}))
    end as runs
    from ${tables.work_queue} as polled where polled.id = ${queueId}`
}

/**
 * The runs to hand out, by start time and id: for each way of belonging to the queue its first runs, then the first of these.
 *
 * Each part walks an index in order and stops at the allowance, so the cost is that of the runs found and not of the backlog. On
 * SQLite the parts carry no more than the order, which the index holds itself: that spares the wide rows a sorter. On PostgreSQL
 * they are the whole rows: looked up by a join, whose size the planner guesses from the backlog, they might cost a scan.
 */
export function dueRuns(
  scope: Scope,
  queueId: Fragment,
  scheduledBefore: Fragment | undefined,
  lock: boolean,
): Fragment {
  const isPostgres = scope.dialect === 'postgres'
  if (lock && isPostgres) return lockedDueRuns(scope, queueId, scheduledBefore)
  const columns = isPostgres ? sql`run.*` : sql`run.next_scheduled_start_time, run.id`
  const parts = membership(scope.tables, queueId).map((isMember) =>
    firstDueRuns(scope, columns, isMember, scheduledBefore, ALLOWED, sql``),
  )
  return sql`
    select * from (${sql.join(parts, sql` union all `)}) as run
    order by ${handOutOrder}
    limit ${ALLOWED}`
}

const ALLOWED = sql`(select runs from allowed)`

/**
 * The same, locked, past what another transaction has locked. First it is seen how many runs of each part are wanted, so that no
 * part locks more: a lock cannot be put on a union.
 */
function lockedDueRuns(scope: Scope, queueId: Fragment, scheduledBefore: Fragment | undefined): Fragment {
  const members = membership(scope.tables, queueId)
  const seen = members.map((isMember, part) =>
    firstDueRuns(
      scope,
      sql`${sql.lit(part)} as part, run.next_scheduled_start_time, run.id`,
      isMember,
      scheduledBefore,
      ALLOWED,
      sql``,
    ),
  )
  const locked = members.map((isMember, part) =>
    firstDueRuns(
      scope,
      sql`run.*`,
      isMember,
      scheduledBefore,
      sql`(select count(*) from wanted where part = ${sql.lit(part)})`,
      sql`for update skip locked`,
    ),
  )
  return sql`
    with wanted as materialized (
      select run.part from (${sql.join(seen, sql` union all `)}) as run
      order by ${handOutOrder}
      limit ${ALLOWED}
    )
    ${sql.join(locked, sql` union all `)}`
}

function firstDueRuns(
  { tables }: Scope,
  columns: Fragment,
  isMember: Fragment,
  scheduledBefore: Fragment | undefined,
  limit: Fragment,
  lock: Fragment,
): Fragment {
  return sql`
    select * from (
      select ${columns} from ${tables.flow_run} as run
      where ${isMember} and ${isDue(scheduledBefore)}
      order by ${handOutOrder}
      limit ${limit}
      ${lock}
    ) as part`
}
