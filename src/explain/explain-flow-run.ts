import { addMilliseconds } from 'date-fns/addMilliseconds'
import { type RawBuilder, sql } from 'kysely'
import { FlowRunNotFoundError } from '../errors.js'
import { type ExplainedFlowRun, type FlowRunVerdict, judgeFlowRun } from '../rules/judge-flow-run.js'
import type { ExplainedBy, Reason } from '../rules/reasons.js'
import { resolveWorkQueue } from '../rules/resolve-work-queue.js'
import { selectFlowRuns } from '../flow-runs/select-flow-runs.js'
import * as z from 'zod'
import { check, idSchema, type NowOption, nowShape } from '../model/checks.js'
import { readClock } from '../sql/clock.js'
import { hasStartTime } from '../sql/runs.js'
import { type FlowRun, isRetriedInProcess } from '../model/flow-run.js'
import { encodeTime } from '../model/values.js'
import { open, type RequiredTables, type Scope, type Session } from '../session.js'
import { findWorkQueueByName } from '../work-queues/read-work-queue-by-name.js'
import { readLeaseOf } from './read-facts.js'
import { readPlace } from './read-place.js'

/** How an explanation is made. */
export interface ExplainOptions extends NowOption {
  /**
   * Whether it is about the next claim or about the next poll. For claims CANCELLING runs occupy slots of the
   * pool too, and a claim of a queue keeps the limit and the pause of its pool. Default: `claim`.
   */
  by?: ExplainedBy | undefined
}

export const explainOptionsSchema: z.ZodType<ExplainOptions & { by: ExplainedBy }, ExplainOptions> = z.strictObject({
  by: z.enum(['claim', 'poll']).default('claim'),
  ...nowShape,
})

/** Why a flow run is or is not handed out. */
export interface FlowRunExplanation {
  flowRunId: string
  /** Whether the next claim, or poll, of due runs hands it out, by its queue and by its pool. */
  handedOut: boolean
  /**
   * Every reason that holds, in order. When it is handed out: what else may keep it from starting, and last
   * that it is.
   */
  reasons: Reason[]
}

/**
 * Explains why a flow run does not start: whether the next claim, or poll, hands it out now, and every reason
 * why it does not.
 *
 * The reasons come in this order: its state, the lease that it is held by, its queue, its start time, pauses,
 * full queue and pool (with who holds the slots, since when, and by which lease), runs before it (how many,
 * of which queues), and then what keeps runs waiting that would be handed out: a queue that nobody polls, a
 * pool without a worker. Each is data and one sentence.
 *
 * It looks with the statements and rules that claims and polls use, so that they cannot disagree: `handedOut`
 * is true exactly when both `claimRunsInWorkQueue(db, queueId)` and
 * `claimScheduledFlowRuns(db, { workPoolIds: [poolId] })` would take the run; with `by: 'poll'`, when it is
 * among `getRunsInWorkQueue(db, queueId, { scheduledBefore: now })` and
 * `getScheduledFlowRuns(db, { workPoolIds: [poolId], scheduledBefore: now })`. A run known by its queue's
 * name alone is claimed and polled by queue only.
 *
 * @throws {InvalidInputError} when the id is not a UUID, or an option is not valid.
 * @throws {FlowRunNotFoundError} when there is no such run.
 *
 * @example
 * ```ts
 * const explanation = await explainFlowRun(db, run.id)
 * console.log(formatExplanation(explanation))
 * ```
 */
export async function explainFlowRun<DB extends RequiredTables>(
  session: Session<DB>,
  flowRunId: string,
  options: ExplainOptions = {},
): Promise<FlowRunExplanation> {
  const id = check(idSchema, flowRunId, 'flowRunId')
  const { now, by } = check(explainOptionsSchema, options)
  return await open(session, async (scope) => {
    const [run] = await selectFlowRuns(scope, sql`run.id = ${id}`)
    if (run === undefined) throw new FlowRunNotFoundError(id)

    const { handedOut, reasons } = await judge(scope, run, await readClock(scope, now), by)
    return { flowRunId: id, handedOut, reasons: [...reasons] }
  })
}

async function judge(scope: Scope, run: FlowRun, now: Date, by: ExplainedBy): Promise<FlowRunVerdict> {
  const explained = {
    ...run,
    ...(await readStartTime(scope, run, now)),
    ...(await readLeaseOf(scope, run)),
    isRetriedInProcess: isRetriedInProcess(run),
  }
  const workQueueId = await queueOf(scope, run)
  const place = workQueueId === undefined ? undefined : await readPlace(scope, workQueueId, explained, now, by)
  return judgeFlowRun(explained, place, now, by)
}

/**
 * Whether the run's start time has come, and the first time of which that is true. The database keeps and
 * compares microseconds, which a `Date` does not hold: a start time that was cut is rounded up.
 */
async function readStartTime(
  { db, dialect, tables }: Scope,
  { id, nextScheduledStartTime }: FlowRun,
  now: Date,
): Promise<Pick<ExplainedFlowRun, 'isDue' | 'nextScheduledStartTime'>> {
  if (nextScheduledStartTime === null) return { isDue: false, nextScheduledStartTime }
  const hasCome = (time: Date): RawBuilder<unknown> =>
    sql`case when ${hasStartTime(sql`${encodeTime(time, dialect)}`)} then 1 else 0 end`
  const { rows } = await sql<{ now: unknown; cut: unknown }>`
    select ${hasCome(now)} as now, ${hasCome(nextScheduledStartTime)} as cut
    from ${tables.flow_run} as run where run.id = ${id}
  `.execute(db)
  return {
    isDue: Number(rows[0]?.now) === 1,
    nextScheduledStartTime:
      Number(rows[0]?.cut) === 1 ? nextScheduledStartTime : addMilliseconds(nextScheduledStartTime, 1),
  }
}

/** The id of the queue that the run belongs to. */
async function queueOf(scope: Scope, run: FlowRun): Promise<string | undefined> {
  const place = resolveWorkQueue(run)
  if (place.kind === 'by-id') return place.workQueueId
  if (place.kind === 'none') return undefined
  return (await findWorkQueueByName(scope, place.workQueueName, place.workPoolName))?.id
}
