import type { Duration } from 'date-fns'
import * as z from 'zod'
import { setFlowRunState } from '../flow-runs/set-flow-run-state.js'
import { check, type NowOption, nowShape } from '../model/checks.js'
import type { FlowRun } from '../model/flow-run.js'
import { open, type RequiredTables, type Session } from '../session.js'
import { readClock } from '../sql/clock.js'
import { addDuration, durationSchema } from './durations.js'

// Each is a call of `setFlowRunState`, and throws what that throws.

/**
 * Makes a flow run PENDING: somebody took it, and it occupies a slot. A claim does the same to the runs it
 * takes.
 *
 * @throws {FlowRunNotFoundError} when there is no such run.
 *
 * @example
 * ```ts
 * await submitFlowRun(session, run.id, { now })
 * ```
 */
export async function submitFlowRun<DB extends RequiredTables>(
  session: Session<DB>,
  id: string,
  options: NowOption = {},
): Promise<FlowRun> {
  return await setFlowRunState(session, id, { type: 'PENDING' }, options)
}

/**
 * Makes a flow run RUNNING.
 *
 * @throws {FlowRunNotFoundError} when there is no such run.
 *
 * @example
 * ```ts
 * const { startTime } = await startFlowRun(session, run.id, { now })
 * ```
 */
export async function startFlowRun<DB extends RequiredTables>(
  session: Session<DB>,
  id: string,
  options: NowOption = {},
): Promise<FlowRun> {
  return await setFlowRunState(session, id, { type: 'RUNNING' }, options)
}

/**
 * Makes a flow run COMPLETED, which frees its slot.
 *
 * @throws {FlowRunNotFoundError} when there is no such run.
 *
 * @example
 * ```ts
 * await completeFlowRun(session, run.id, { now })
 * ```
 */
export async function completeFlowRun<DB extends RequiredTables>(
  session: Session<DB>,
  id: string,
  options: NowOption = {},
): Promise<FlowRun> {
  return await setFlowRunState(session, id, { type: 'COMPLETED' }, options)
}

/**
 * Makes a flow run FAILED, which frees its slot.
 *
 * @throws {FlowRunNotFoundError} when there is no such run.
 *
 * @example
 * ```ts
 * await failFlowRun(session, run.id, { now })
 * ```
 */
export async function failFlowRun<DB extends RequiredTables>(
  session: Session<DB>,
  id: string,
  options: NowOption = {},
): Promise<FlowRun> {
  return await setFlowRunState(session, id, { type: 'FAILED' }, options)
}

/**
 * Makes a flow run CRASHED, which frees its slot.
 *
 * @throws {FlowRunNotFoundError} when there is no such run.
 *
 * @example
 * ```ts
 * await crashFlowRun(session, run.id, { now })
 * ```
 */
export async function crashFlowRun<DB extends RequiredTables>(
  session: Session<DB>,
  id: string,
  options: NowOption = {},
): Promise<FlowRun> {
  return await setFlowRunState(session, id, { type: 'CRASHED' }, options)
}

/**
 * Makes a flow run CANCELLED, which frees its slot, whatever it was. The library's own `cancelFlowRun` only
 * asks a run to stop that somebody has: it is CANCELLING, and still occupies the slot.
 *
 * @throws {FlowRunNotFoundError} when there is no such run.
 *
 * @example
 * ```ts
 * await cancelFlowRun(session, run.id, { now })
 * ```
 */
export async function cancelFlowRun<DB extends RequiredTables>(
  session: Session<DB>,
  id: string,
  options: NowOption = {},
): Promise<FlowRun> {
  return await setFlowRunState(session, id, { type: 'CANCELLED' }, options)
}

/** When a run is retried. */
export interface RetryFlowRunOptions extends NowOption {
  /** How long after `now` the run is due again, as a `Duration` of date-fns, in UTC. Default: at once. */
  in?: Duration | undefined
}

const retryOptionsSchema = z.strictObject({ in: durationSchema.optional(), ...nowShape })

/**
 * Schedules a flow run again, as SCHEDULED with the name `AwaitingRetry`, whatever it was. The library's own
 * `retryFlowRun` takes only one that has ended.
 *
 * @throws {InvalidInputError} when an option is not valid.
 * @throws {FlowRunNotFoundError} when there is no such run.
 *
 * @example
 * ```ts
 * await failFlowRun(session, run.id, { now })
 * await retryFlowRun(session, run.id, { in: { minutes: 5 }, now })
 * ```
 */
export async function retryFlowRun<DB extends RequiredTables>(
  session: Session<DB>,
  id: string,
  options: RetryFlowRunOptions = {},
): Promise<FlowRun> {
  const { in: wait, now } = check(retryOptionsSchema, options)
  return await open(session, async (scope) => {
    const scheduledTime = addDuration(await readClock(scope, now), wait ?? {})
    return await setFlowRunState(scope.db, id, { type: 'SCHEDULED', name: 'AwaitingRetry', scheduledTime }, { now })
  })
}
