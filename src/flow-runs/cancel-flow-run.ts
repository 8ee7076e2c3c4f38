import { sql } from 'kysely'
import * as z from 'zod'
import { FlowRunNotFoundError, FlowRunStateConflictError } from '../errors.js'
import { check, idSchema, nowShape, type NowOption, textSchema } from '../model/checks.js'
import type { FlowRun } from '../model/flow-run.js'
import { cancelledStateType } from '../rules/cancelled-state-type.js'
import { open, type RequiredTables, type Session } from '../session.js'
import { atomically } from './change-states.js'
import { lockStateOfRun } from './read-states-of-runs.js'
import { selectFlowRuns } from './select-flow-runs.js'
import { changeState } from './set-flow-run-state.js'

/** How a run is cancelled. */
export interface CancelFlowRunOptions extends NowOption {
  /** Why, kept with the state. */
  message?: string | null | undefined
}

const optionsSchema = z.strictObject({ message: textSchema.nullish(), ...nowShape })

/**
 * Cancels a flow run. One that waits or is PAUSED becomes CANCELLED; one that is PENDING or RUNNING becomes
 * CANCELLING, so that whoever has it stops it: it holds its slot until it ends. One that is CANCELLING
 * already stays as it is.
 *
 * @returns The run as it now is.
 * @throws {InvalidInputError} when an argument is not valid.
 * @throws {FlowRunNotFoundError} when there is no such run.
 * @throws {FlowRunStateConflictError} when the run has ended. Nothing was changed.
 *
 * @example
 * ```ts
 * // CANCELLED or CANCELLING
 * const { stateType } = await cancelFlowRun(db, run.id, { message: 'no longer needed' })
 * ```
 */
export async function cancelFlowRun<DB extends RequiredTables>(
  session: Session<DB>,
  id: string,
  options: CancelFlowRunOptions = {},
): Promise<FlowRun> {
  const flowRunId = check(idSchema, id, 'id')
  const { message, now } = check(optionsSchema, options)
  return await open(session, (scope) =>
    atomically(scope, async (inside) => {
      const { stateId, stateType } = await lockStateOfRun(inside, flowRunId)
      const type = cancelledStateType(stateType)
      if (type === undefined) throw new FlowRunStateConflictError(flowRunId, null, stateId, stateType)
      if (type !== stateType) return await changeState(inside, { id: flowRunId, type, message }, { now })
      const [run] = await selectFlowRuns(inside, sql`run.id = ${flowRunId}`)
      if (run === undefined) throw new FlowRunNotFoundError(flowRunId)
      return run
    }),
  )
}
