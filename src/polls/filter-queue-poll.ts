import { sql } from 'kysely'
import { FILTER_QUEUE_SLOT_STATES, type StateType } from '../rules/states.js'
import { decode, selection } from '../model/columns.js'
import { flowRunColumns } from '../model/flow-run.js'
import { activeRuns, holdsSlot, mayStart } from '../sql/active-runs.js'
import { matchesQueueFilter } from '../sql/filters.js'
import type { Condition } from '../sql/lists.js'
import { handOutOrder, isDue, isMemberById, isMemberByName, NO_LIMIT, takesNames } from '../sql/runs.js'
import type { FlowRun } from '../model/flow-run.js'
import type { WorkQueue } from '../model/work-queue.js'
import { encodeTime } from '../model/values.js'
import type { Scope } from '../session.js'
import type { QueuePoll } from './queue-poll-text.js'

/** What a poll of a queue with a tag filter asks for. */
export interface FilterQueuePoll extends QueuePoll {
  /** Which states occupy a slot. Default: those of Prefect's poll. */
  readonly states?: readonly StateType[]
  /** Whether to leave out runs of other queues that have a concurrency limit, or are in a pool that has. */
  readonly onlyUnlimited?: boolean
}

/**
 * The runs that a queue with a tag filter may start, whatever their queue. Deprecated in Prefect; kept for
 * databases that still have such queues.
 *
 * Source: `_legacy_get_runs_in_work_queue` of Prefect's `models.work_queues`.
 */
export async function pollFilterQueue(
  { db, dialect, tables }: Scope,
  queue: WorkQueue,
  { limit, scheduledBefore, lock, onlyUnlimited = false, states = FILTER_QUEUE_SLOT_STATES }: FilterQueuePoll,
): Promise<FlowRun[]> {
  if (queue.filter === null || queue.isPaused) return []
  const isSelected = matchesQueueFilter(queue.filter, dialect)
  const asked = sql.lit(limit ?? NO_LIMIT)
  const open = queue.concurrencyLimit === null ? undefined : sql.lit(queue.concurrencyLimit)
  // Many deployments have their runs in no one order, so the count asks for none.
  const active = { members: [isSelected], holds: holdsSlot({ states }), upTo: open, isIndexed: false }
  const limits = open === undefined ? [] : [{ limit: open, active: activeRuns({ dialect, tables }, active) }]
  const { rows } = await sql<object>`
    select ${selection(flowRunColumns, dialect, 'run')}
    from ${tables.flow_run} as run
    where ${isSelected} and ${isDue(scheduledBefore && sql`${encodeTime(scheduledBefore, dialect)}`)}
    ${onlyUnlimited ? sql`and ${isOfNoOtherLimit(tables, queue.id)}` : sql``}
    order by ${handOutOrder}
    limit ${mayStart(dialect, asked, limits)}
    ${lock && dialect === 'postgres' ? sql`for update skip locked` : sql``}
  `.execute(db)
  return rows.map((row) => decode(flowRunColumns, row))
}

/** The run belongs to no other queue that has a limit, or whose pool has one. */
export function isOfNoOtherLimit(tables: Scope['tables'], workQueueId: string): Condition {
  const ways = [isMemberById(sql`other.id`), sql`${takesNames('pool')} and ${isMemberByName(sql`other.name`)}`]
  const limits = ways.map(
    (isMember) => sql`
        select 1 from ${tables.work_queue} as other
        join ${tables.work_pool} as pool on pool.id = other.work_pool_id
        where ${isMember} and other.id <> ${workQueueId}
          and (other.concurrency_limit is not null or pool.concurrency_limit is not null)`,
  )
  return sql`not exists (${sql.join(limits, sql` union all `)})`
}
