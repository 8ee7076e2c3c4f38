import { sql } from 'kysely'
import { WorkQueueNotFoundError } from '../errors.js'
import { fullness, warningsOf } from '../rules/judge-flow-run.js'
import { type Reason, type ReasonFacts, toReason } from '../rules/reasons.js'
import type { WorkQueueStatus } from '../rules/work-queue-status.js'
import { decodeAt } from '../model/columns.js'
import { check, idSchema } from '../model/checks.js'
import type { Condition } from '../sql/lists.js'
import { readClock } from '../sql/clock.js'
import { handOutOrder, isDue, isLate, isScheduled } from '../sql/runs.js'
import { decodeTime, encodeTime, timeAsText } from '../model/values.js'
import { open, type RequiredTables, type Scope, type Session } from '../session.js'
import { COUNT_LIMIT, countRuns } from './count-runs.js'
import { type ExplainOptions, explainOptionsSchema } from './explain-flow-run.js'
import { candidatesOf, countActive, readPoolFacts, readQueueAndPool, readQueueFacts } from './read-facts.js'

/** How a work queue is doing, and what holds it back. */
export interface WorkQueueExplanation {
  workQueueId: string
  workQueueName: string
  workPoolId: string
  workPoolName: string
  status: WorkQueueStatus
  lastPolled: Date | null
  /** SCHEDULED runs, due or not. Counts stop at {@link countLimit}. */
  scheduled: number
  /** SCHEDULED runs whose start time has come. */
  due: number
  /** Runs with the state name `Late`. */
  late: number
  /** Runs that occupy a slot of the queue. */
  active: number
  /** How far runs were counted: a count that is this large may be larger. */
  countLimit: number
  /** How many more runs the queue's limit lets in; `null` without a limit. */
  openSlots: number | null
  /** How many more runs the pool's limit lets in; `null` without a limit. */
  openPoolSlots: number | null
  /** When the next run is due, or was; `null` when none is scheduled for a time. */
  nextStartTime: Date | null
  /** What keeps the queue from handing out runs, in order; empty when nothing does. */
  reasons: Reason[]
}

/**
 * Explains a work queue: how many runs are scheduled, due, late and active, how many slots are open, when the
 * next run is due, and what holds the queue back, for claims or for polls. Each count stops at ten thousand.
 *
 * @throws {InvalidInputError} when the id is not a UUID, or an option is not valid.
 * @throws {WorkQueueNotFoundError} when there is no such queue.
 *
 * @example
 * ```ts
 * const { due, openSlots, reasons } = await explainWorkQueue(db, queue.id)
 * ```
 */
export async function explainWorkQueue<DB extends RequiredTables>(
  session: Session<DB>,
  id: string,
  options: ExplainOptions = {},
): Promise<WorkQueueExplanation> {
  const workQueueId = check(idSchema, id, 'id')
  const { now: given, by } = check(explainOptionsSchema, options)
  return await open(session, async (scope) => {
    const found = await readQueueAndPool(scope, workQueueId)
    if (found === undefined) throw new WorkQueueNotFoundError(workQueueId)

    const now = await readClock(scope, given)
    const { queue, pool } = found
    const candidates = candidatesOf(scope, queue, by)
    const { members } = candidates
    const count = (condition: Condition): Promise<number> => countRuns(scope, members, condition, COUNT_LIMIT)
    const queueFacts = await readQueueFacts(scope, queue, by)
    const poolFacts = await readPoolFacts(scope, pool, by)
    const due = await count(isDue(sql`${encodeTime(now, scope.dialect)}`))
    const nextStartTime = await readNextStartTime(scope, members)

    const reasons: ReasonFacts[] = []
    if (queue.isPaused) reasons.push({ kind: 'queue-paused', workQueueId, workQueueName: queue.name })
    if (pool.isPaused) reasons.push({ kind: 'pool-paused', workPoolId: pool.id, workPoolName: pool.name })
    reasons.push(...fullness(queueFacts, poolFacts))
    if (due === 0) reasons.push({ kind: 'nothing-due', nextStartTime })
    reasons.push(...warningsOf(queueFacts, poolFacts, now))
    return {
      workQueueId,
      workQueueName: queue.name,
      workPoolId: pool.id,
      workPoolName: pool.name,
      status: queue.status,
      lastPolled: queue.lastPolled,
      scheduled: await count(isScheduled),
      due,
      late: await count(isLate),
      active: await countActive(scope, candidates, COUNT_LIMIT),
      countLimit: COUNT_LIMIT,
      openSlots: orNull(queueFacts.openSlots),
      openPoolSlots: orNull(poolFacts.openSlots),
      nextStartTime,
      reasons: reasons.map((reason) => toReason(reason, by)),
    }
  })
}

function orNull(openSlots: number): number | null {
  return openSlots === Infinity ? null : openSlots
}

async function readNextStartTime({ db, dialect, tables }: Scope, members: readonly Condition[]): Promise<Date | null> {
  const parts = members.map(
    (isMember) => sql`
      select * from (
        select run.next_scheduled_start_time, run.id from ${tables.flow_run} as run
        where ${isMember} and ${isScheduled} and run.next_scheduled_start_time is not null
        order by ${handOutOrder} limit 1
      ) as part`,
  )
  const nextStart = sql.raw(timeAsText('run.next_scheduled_start_time', dialect))
  const { rows } = await sql<{ id: string; next: unknown }>`
    select run.id, ${nextStart} as next from (${sql.join(parts, sql` union all `)}) as run
    order by ${handOutOrder} limit 1
  `.execute(db)
  const [row] = rows
  return row === undefined ? null : decodeAt(decodeTime, row.next, 'flow_run', row.id, 'next_scheduled_start_time')
}
