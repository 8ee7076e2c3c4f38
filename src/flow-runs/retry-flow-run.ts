import * as z from 'zod'
import { FlowRunStateConflictError } from '../errors.js'
import { check, idSchema, nowShape, type NowOption, timeSchema } from '../model/checks.js'
import type { FlowRun } from '../model/flow-run.js'
import { isTerminal } from '../rules/states.js'
import { open, type RequiredTables, type Session } from '../session.js'
import { readClock } from '../sql/clock.js'
import { atomically } from './change-states.js'
import { lockStateOfRun } from './read-states-of-runs.js'
import { rescheduleRetries } from './reschedule-retries.js'
import { changeState } from './set-flow-run-state.js'

/** How a run is retried. */
export interface RetryFlowRunOptions extends NowOption {
  /** When the run is due. Default: now. */
  scheduledTime?: Date | undefined
}

const optionsSchema = z.strictObject({ scheduledTime: timeSchema.optional(), ...nowShape })

/**
 * Makes a flow run that has ended wait again: it becomes SCHEDULED, named `AwaitingRetry`, and polls and
 * claims of its queue hand it out. Its count of attempts, its first start and its history stay.
 *
 * A run whose policy says that it is retried inside the process that ran it (`retry_type`: `in_process`), and
 * that polls of a pool therefore leave out, is from now on to be rescheduled.
 *
 * @returns The run as it now is.
 * @throws {InvalidInputError} when an argument is not valid.
 * @throws {FlowRunNotFoundError} when there is no such run.
 * @throws {FlowRunStateConflictError} when the run has not ended. Nothing was changed.
 *
 * @example
 * ```ts
 * await retryFlowRun(db, run.id, { scheduledTime: addMinutes(new Date(), 5) })
 * ```
 */
export async function retryFlowRun<DB extends RequiredTables>(
  session: Session<DB>,
  id: string,
  options: RetryFlowRunOptions = {},
): Promise<FlowRun> {
  const flowRunId = check(idSchema, id, 'id')
  const { scheduledTime, now } = check(optionsSchema, options)
  return await open(session, (scope) =>
    atomically(scope, async (inside) => {
      const { stateId, stateType } = await lockStateOfRun(inside, flowRunId)
      if (!isTerminal(stateType)) throw new FlowRunStateConflictError(flowRunId, null, stateId, stateType)
      await rescheduleRetries(inside, [flowRunId])
      const dueAt = scheduledTime ?? (await readClock(inside, now))
      const state = { type: 'SCHEDULED', name: 'AwaitingRetry', scheduledTime: dueAt } as const
      return await changeState(inside, { id: flowRunId, ...state }, { now })
    }),
  )
}
