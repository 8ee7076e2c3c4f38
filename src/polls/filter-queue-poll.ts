import { type RawBuilder, sql } from 'kysely'
import { FILTER_QUEUE_SLOT_STATES, type StateType } from '../rules/states.js'
import { decode, selection } from '../model/columns.js'
import { flowRunColumns } from '../model/flow-run.js'
import { and, type Condition, hasAllTexts, hasAnyId } from '../sql/lists.js'
import type { Dialect } from '../model/dialect.js'
import { handOutOrder, isDue, isMemberById, isMemberByName, NO_LIMIT, occupiesSlot, takesNames } from '../sql/runs.js'
import type { FlowRun } from '../model/flow-run.js'
import type { QueueFilter, WorkQueue } from '../model/work-queue.js'
import { encodeTime } from '../model/values.js'
import type { Scope } from '../session.js'
import type { QueuePoll } from './queue-poll-statement.js'

/** What a poll of a queue with a tag filter asks for. */
export interface FilterQueuePoll extends QueuePoll {
  /** Which states occupy a slot. Default: those of Prefect's poll. */
  readonly states?: readonly StateType[]
  /** Whether to leave out runs of other queues that have a concurrency limit, or are in a pool that has. */
  readonly onlyUnlimited?: boolean
}

/**
 * The runs that a queue with a tag filter may start, whatever their queue. Deprecated in Prefect; kept for databases that still
 * have such queues.
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
  const allowed: RawBuilder<unknown> =
    queue.concurrencyLimit === null
      ? asked
      : sql`(
          select case
            when count(*) >= ${sql.lit(queue.concurrencyLimit)} then 0
            when ${sql.lit(queue.concurrencyLimit)} - count(*) < ${asked} then ${sql.lit(queue.concurrencyLimit)} - count(*)
            else ${asked}
          end
          from (
            select 1 from ${tables.flow_run} as run
            where ${isSelected} and ${occupiesSlot(states)}
            limit ${sql.lit(queue.concurrencyLimit)}
          ) as occupied
        )`
  const { rows } = await sql<object>`
    select ${selection(flowRunColumns, dialect, 'run')}
    from ${tables.flow_run} as run
    where ${isSelected} and ${isDue(scheduledBefore && sql`${encodeTime(scheduledBefore, dialect)}`)}
    ${onlyUnlimited ? sql`and not exists (${limitsOfOthers(tables, queue)})` : sql``}
    order by ${handOutOrder}
    limit ${allowed}
    ${lock && dialect === 'postgres' ? sql`for update skip locked` : sql``}
  `.execute(db)
  return rows.map((row) => decode(flowRunColumns, row))
}

/** The limit of another queue that the run belongs to, or of that queue's pool. */
function limitsOfOthers(tables: Scope['tables'], queue: WorkQueue): RawBuilder<unknown> {
  const ways = [isMemberById(sql`other.id`), sql`${takesNames('pool')} and ${isMemberByName(sql`other.name`)}`]
  return sql.join(
    ways.map(
      (isMember) => sql`
        select 1 from ${tables.work_queue} as other
        join ${tables.work_pool} as pool on pool.id = other.work_pool_id
        where ${isMember} and other.id <> ${queue.id}
          and (other.concurrency_limit is not null or pool.concurrency_limit is not null)`,
    ),
    sql` union all `,
  )
}

/**
 * The run is one that a tag filter selects, as a condition on the alias `run`. Only runs of a deployment are.
 */
export function matchesQueueFilter({ tags, deploymentIds }: QueueFilter, dialect: Dialect): Condition {
  const conditions: Condition[] = [
    deploymentIds === null ? sql`run.deployment_id is not null` : hasAnyId('run.deployment_id', deploymentIds, dialect),
  ]
  if (tags !== null && tags.length > 0) conditions.push(hasAllTexts('run.tags', tags, dialect))
  return and(conditions)
}
