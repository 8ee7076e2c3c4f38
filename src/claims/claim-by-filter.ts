import { sql } from 'kysely'
import type { FlowRun } from '../model/flow-run.js'
import type { NewLease } from '../model/flow-run-lease.js'
import { decodeInteger } from '../model/values.js'
import type { WorkQueue } from '../model/work-queue.js'
import { pollFilterQueue } from '../polls/filter-queue-poll.js'
import { passGates } from '../sql/advisory-locks.js'
import { openSlots } from '../rules/open-slots.js'
import { WORK_QUEUE_SLOT_STATES } from '../rules/states.js'
import type { Scope } from '../session.js'
import { enterPendingRuns } from './enter-pending-runs.js'
import { activeOfPool, CLAIM_SLOTS } from '../sql/active-runs.js'
import { readClock } from '../sql/clock.js'
import { hasAnyId, isFoundIn, type ListCriterion } from '../sql/lists.js'
import { takesNames } from '../sql/runs.js'

/** A claim of a queue, after its checks. */
export interface QueueClaim {
  /** How many at most. */
  readonly limit: number
  /** `undefined`: now. `null`: every SCHEDULED run. */
  readonly scheduledBefore: Date | null | undefined
  /** `undefined`: the clock. */
  readonly now: Date | undefined
  readonly recordPolls: boolean
  /** `undefined`: in nobody's name. */
  readonly lease: NewLease | undefined
}

/** Passes the gates of all pools, before any row is held: a claim by filter may take runs of every queue. */
export async function passAllGates({ db, dialect, tables }: Scope): Promise<void> {
  if (dialect === 'sqlite') return
  await sql`select count(gates.passed) from (${passGates(sql`select id from ${tables.work_pool}`)}) as gates`.execute(
    db,
  )
}

/**
 * Claims runs of a queue with a tag filter, which is held, and so is its pool. It takes no run of another
 * queue that has a limit, or is in a pool that has: those are not held. The gates of all pools are passed, so
 * that none gets a limit meanwhile.
 */
export async function claimByFilter(scope: Scope, queue: WorkQueue, claim: QueueClaim): Promise<FlowRun[]> {
  const runs = await pickByFilter(scope, queue, claim, true)
  await holdQueuesOf(scope, runs)
  return await enterPendingRuns(
    scope,
    runs.map(({ id }) => id),
    claim,
  )
}

/** Whether there is anything to claim by the filter: locks and writes nothing. */
export async function hasWorkByFilter(scope: Scope, queue: WorkQueue, claim: QueueClaim): Promise<boolean> {
  const runs = await pickByFilter(scope, queue, { ...claim, limit: Math.min(1, claim.limit) }, false)
  return runs.length > 0
}

async function pickByFilter(
  scope: Scope,
  queue: WorkQueue,
  { limit, scheduledBefore, now }: QueueClaim,
  lock: boolean,
): Promise<FlowRun[]> {
  return await pollFilterQueue(scope, queue, {
    limit: Math.min(limit, await readOpenPoolSlots(scope, queue.workPoolId)),
    scheduledBefore: scheduledBefore === undefined ? await readClock(scope, now) : (scheduledBefore ?? undefined),
    lock,
    onlyUnlimited: true,
    states: WORK_QUEUE_SLOT_STATES,
  })
}

/** Holds the queues of the runs. Where an old snapshot missed a limit, PostgreSQL refuses it (40001). */
async function holdQueuesOf({ db, dialect, tables }: Scope, runs: readonly FlowRun[]): Promise<void> {
  if (dialect === 'sqlite' || runs.length === 0) return
  const ids = runs.flatMap(({ workQueueId }) => workQueueId ?? [])
  const names = runs.flatMap((run) => (run.workQueueId === null ? (run.workQueueName ?? []) : []))
  const byName: ListCriterion = { column: 'queue.name', type: 'text', values: [...new Set(names)], isIndexed: true }
  await sql`
    select queue.id from ${tables.work_queue} as queue join ${tables.work_pool} as pool on pool.id = queue.work_pool_id
    where ${hasAnyId('queue.id', [...new Set(ids)], dialect)}
      or (${takesNames('pool')} and ${isFoundIn(byName, dialect)})
    for key share
  `.execute(db)
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
