import { sql } from 'kysely'
import type { FlowRun } from '../model/flow-run.js'
import { decodeInteger } from '../model/values.js'
import type { WorkQueue } from '../model/work-queue.js'
import { pollFilterQueue } from '../polls/filter-queue-poll.js'
import { openSlots } from '../rules/open-slots.js'
import { WORK_QUEUE_SLOT_STATES } from '../rules/states.js'
import type { Scope } from '../session.js'
import { enterPendingRuns } from './enter-pending-runs.js'
import { activeOfPool, CLAIM_SLOTS } from '../sql/active-runs.js'
import { readClock } from '../sql/clock.js'

/** A claim of a queue, after its checks. */
export interface QueueClaim {
  /** How many at most. */
  readonly limit: number
  /** `undefined`: now. `null`: every SCHEDULED run. */
  readonly scheduledBefore: Date | null | undefined
  /** `undefined`: the clock. */
  readonly now: Date | undefined
  readonly recordPolls: boolean
}

/**
 * Claims runs of a queue with a tag filter, which is held, and so is its pool. It takes no run of another
 * queue that has a limit, or is in a pool that has: those are not held.
 */
export async function claimByFilter(
  scope: Scope,
  queue: WorkQueue,
  { limit, scheduledBefore, now }: QueueClaim,
): Promise<FlowRun[]> {
  const runs = await pollFilterQueue(scope, queue, {
    limit: Math.min(limit, await readOpenPoolSlots(scope, queue.workPoolId)),
    scheduledBefore: scheduledBefore === undefined ? await readClock(scope, now) : (scheduledBefore ?? undefined),
    lock: true,
    onlyUnlimited: true,
    states: WORK_QUEUE_SLOT_STATES,
  })
  return await enterPendingRuns(
    scope,
    runs.map(({ id }) => id),
    now,
  )
}

async function readOpenPoolSlots(scope: Scope, workPoolId: string): Promise<number> {
  const { db, tables } = scope
  const limit = sql`(select concurrency_limit from ${tables.work_pool} where id = ${workPoolId})`
  const active = activeOfPool(scope, sql`${workPoolId}`, CLAIM_SLOTS, sql`coalesce(${limit}, 0)`)
  const { rows } = await sql<{ limit: unknown; active: unknown }>`
    select ${limit} as "limit", ${active} as active
  `.execute(db)
  const [row] = rows
  return row === undefined || row.limit === null
    ? Infinity
    : openSlots(decodeInteger(row.limit), decodeInteger(row.active))
}
