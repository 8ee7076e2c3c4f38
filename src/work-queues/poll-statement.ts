import { type RawBuilder, sql } from 'kysely'
import { WORK_QUEUE_SLOT_STATES } from '../rules/states.js'
import { handOutOrder, isDue, membership, NO_LIMIT, occupiesSlot, type QueueReference } from '../schema/expressions.js'
import type { Scope } from '../session.js'

// The parts of the statement that polls a queue by membership. Between them they name three tables of one row each: `queue`, the
// queue's row; `active`, how many runs occupy its slots; `allowed`, how many runs may be handed out.

type Fragment = RawBuilder<unknown>

/** What a poll of a queue asks for. */
export interface QueuePoll {
  readonly limit?: number | undefined
  readonly scheduledBefore?: Date | undefined
  /** PostgreSQL: whether to lock the runs, and to pass over those that another transaction has locked. */
  readonly lock: boolean
}

/** Counts the runs that occupy the queue's slots, no further than `limit`, and not at all when that is null. */
export function activeRuns({ tables }: Scope, queue: QueueReference, limit: Fragment): Fragment {
  const counts = membership(queue).map(
    (isMember): Fragment => sql`
      (select count(*) from (
        select 1 from ${tables.flow_run} as run
        where ${isMember} and ${occupiesSlot(WORK_QUEUE_SLOT_STATES)}
        limit coalesce(${limit}, 0)
      ) as occupied)`,
  )
  return sql`select ${sql.join(counts, sql` + `)} as runs`
}

/** How many runs may be handed out: the asked `limit`, the open slots, or none when the queue is paused or takes runs by filter. */
export function allowance(limit: number | undefined): Fragment {
  const asked = sql.lit(limit ?? NO_LIMIT)
  return sql`
    select case
      when queue.is_paused or queue.filter is not null then 0
      when queue.concurrency_limit is null then ${asked}
      when queue.concurrency_limit <= active.runs then 0
      when queue.concurrency_limit - active.runs < ${asked} then queue.concurrency_limit - active.runs
      else ${asked}
    end as runs
    from queue cross join active`
}

/**
 * The runs to hand out: for each way of belonging to the queue its first runs, then the first of these.
 *
 * Each part walks an index in order and stops at the allowance, so the cost is that of the runs found and not of the backlog.
 */
export function dueRuns(
  { tables, dialect }: Scope,
  queue: QueueReference,
  { scheduledBefore, lock }: QueuePoll,
): Fragment {
  const parts = membership(queue).map(
    (isMember): Fragment => sql`
      select * from (
        select run.* from ${tables.flow_run} as run
        where ${isMember} and ${isDue(scheduledBefore, dialect)}
        order by ${handOutOrder}
        limit (select runs from allowed)
        ${lock && dialect === 'postgres' ? sql`for update skip locked` : sql``}
      ) as part`,
  )
  return sql`
    select * from (${sql.join(parts, sql` union all `)}) as run
    order by ${handOutOrder}
    limit (select runs from allowed)`
}
