import { type RawBuilder, sql } from 'kysely'
import type { Dialect } from '../model/dialect.js'
import type { SlotRule } from '../sql/active-runs.js'
import { and, type Condition, type IdList } from '../sql/lists.js'
import { isDue, isMemberById, isNotRetriedInProcess } from '../sql/runs.js'

// The parts of the statement that polls work pools, which are the same on both databases.

export type Fragment = RawBuilder<unknown>

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

/** Before every priority. */
export const FIRST_RANK: Fragment = sql`-2147483648`

/** What the walk goes by: the queue's priority, or one step for all queues when priorities do not matter. */
export function rankOf({ respectQueuePriorities }: PoolPollText): Fragment {
  return respectQueuePriorities ? sql`queue.priority` : sql`1`
}

/** The run is one that the queue may hand out to a poll of its pool. */
export function isCandidate({ scheduledBefore, scheduledAfter }: PoolPollText, dialect: Dialect): Condition {
  const conditions = [isMemberById(sql`queue.id`), isDue(scheduledBefore), isNotRetriedInProcess(dialect)]
  if (scheduledAfter !== undefined) conditions.push(sql`run.next_scheduled_start_time >= ${scheduledAfter}`)
  return and(conditions)
}

/** `openSlots` as SQL, at most the limit of the poll. Active runs are counted only where there is a limit. */
export function allowed(
  concurrencyLimit: Fragment,
  active: Fragment,
  { limit }: PoolPollText,
  dialect: Dialect,
): Fragment {
  const [least, greatest] = dialect === 'postgres' ? [sql`least`, sql`greatest`] : [sql`min`, sql`max`]
  return sql`case
    when ${concurrencyLimit} is null then ${limit}
    else ${least}(${limit}, ${greatest}(0, ${concurrencyLimit} - ${active}))
  end`
}
