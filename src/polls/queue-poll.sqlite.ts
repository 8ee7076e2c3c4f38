import { type RawBuilder, sql } from 'kysely'
import { selection } from '../model/columns.js'
import { flowRunColumns } from '../model/flow-run.js'
import { workQueueColumns } from '../model/work-queue.js'
import type { Scope } from '../session.js'
import type { Condition } from '../sql/lists.js'
import { handOutOrder, isDue, membership } from '../sql/runs.js'
import { type QueuePollText, roomOf } from './queue-poll-text.js'

/**
 * The poll of a queue on SQLite.
 *
 * For each way of belonging to the queue its first runs are found, then the first of these. Each part walks
 * an index in order and stops at what the queue may hand out, so the cost is that of the runs found and not
 * of the backlog. The parts carry no more than the order, which the index holds itself: that spares the wide
 * rows a sorter.
 */
export function queuePollOnSqlite<Row>(scope: Scope, poll: QueuePollText): RawBuilder<Row> {
  const { dialect, tables } = scope
  const limit = sql`(select concurrency_limit from ${tables.work_queue} where id = ${poll.workQueueId})`
  const room = sql`(select runs from room)`
  const firstRuns = (isMember: Condition): RawBuilder<unknown> => sql`
    select * from (
      select run.next_scheduled_start_time, run.id from ${tables.flow_run} as run
      where ${isMember} and ${isDue(poll.scheduledBefore)}
      order by ${handOutOrder}
      limit ${room}
    ) as part`
  const ways = membership(tables, poll.workQueueId).map(firstRuns)
  return sql<Row>`
    with room as materialized (
      select ${roomOf(scope, poll, limit)} as runs from ${tables.work_queue} as queue where queue.id = ${poll.workQueueId}
    )
    select
      ${selection(workQueueColumns, dialect, 'queue', 'queue.')},
      ${selection(flowRunColumns, dialect, 'run', 'run.')}
    from ${tables.work_queue} as queue
    left join (
      select * from (${sql.join(ways, sql` union all `)}) as run
      order by ${handOutOrder}
      limit ${room}
    ) as picked on true
    left join ${tables.flow_run} as run on run.id = picked.id
    where queue.id = ${poll.workQueueId}
    order by ${handOutOrder}`
}
