import * as z from 'zod'
import { FlowRunNotFoundError, FlowRunStateConflictError } from '../errors.js'
import { check, idSchema, nowShape, type NowOption } from '../model/checks.js'
import type { FlowRun } from '../model/flow-run.js'
import { type FlowRunStateInput, flowRunStateSchema } from '../model/flow-run-state.js'
import { STATE_TYPES, type StateType } from '../rules/states.js'
import { open, type RequiredTables, type Scope, type Session } from '../session.js'
import { atomically, changeStates, type StateChange, type StateChangeOptions } from './change-states.js'
import { readStatesOfRuns } from './read-states-of-runs.js'

/** Under what conditions a run changes its state. */
export interface SetFlowRunStateOptions extends NowOption {
  /**
   * The fence: the change happens only if the run is still in the very state that has this id. It is the
   * `stateId` of a run as it was claimed or last changed. Default: in any.
   */
  expectedStateId?: string | undefined
  /**
   * The change happens only if the run's state is of one of these types. Default: of any, or none. An empty
   * list: never.
   */
  expectedStateTypes?: readonly StateType[] | undefined
}

const optionsSchema = z.strictObject({
  expectedStateId: idSchema.optional(),
  expectedStateTypes: z.array(z.enum(STATE_TYPES)).optional(),
  ...nowShape,
})

/**
 * Puts a flow run in a state, and keeps the state in `flow_run_state`.
 *
 * Any state may follow any other: what transitions are allowed is the host's to say. RUNNING counts an
 * attempt and sets the start time the first time, a terminal state sets the end time, SCHEDULED takes
 * `scheduledTime`. The next scheduled start time stays until SCHEDULED sets another. The time spent in
 * RUNNING is added to the column `total_run_time`. No state is stamped before the one before it, whatever
 * `timestamp` and `now` say.
 *
 * Every state has its own id, and a claimed or changed run carries it as `stateId`. A claimer that names it,
 * as `expectedStateId`, can neither start nor end a run whose claim was given back meanwhile, and which is
 * another's by now.
 *
 * On PostgreSQL it is one statement, which needs no transaction.
 *
 * @returns The run as it now is.
 * @throws {InvalidInputError} when an argument is not valid.
 * @throws {FlowRunNotFoundError} when there is no such run.
 * @throws {FlowRunStateConflictError} when the run is not in the expected state. Nothing was changed.
 *
 * @example
 * ```ts
 * const expectedStateId = run.stateId ?? undefined
 * const running = await setFlowRunState(db, run.id, { type: 'RUNNING' }, { expectedStateId })
 * const scheduledTime = addMinutes(now, 5)
 * await setFlowRunState(db, run.id, { type: 'SCHEDULED', name: 'AwaitingRetry', scheduledTime })
 * ```
 */
export async function setFlowRunState<DB extends RequiredTables>(
  session: Session<DB>,
  id: string,
  state: FlowRunStateInput,
  options: SetFlowRunStateOptions = {},
): Promise<FlowRun> {
  const flowRunId = check(idSchema, id, 'id')
  const checked = check(flowRunStateSchema, state)
  const { now, expectedStateId, expectedStateTypes } = check(optionsSchema, options)
  const change = { ...checked, id: flowRunId, expectedStateId }
  const asked = { now, expectedStateTypes }
  return await open(session, (scope) =>
    scope.dialect === 'postgres'
      ? changeState(scope, change, asked)
      : atomically(scope, (inside) => changeState(inside, change, asked)),
  )
}

/**
 * Puts one run in a state, or says why not. What it was in instead is looked up only then: its row, as the
 * statement waits for it, is not what the statement's snapshot has.
 */
export async function changeState(scope: Scope, change: StateChange, options: StateChangeOptions): Promise<FlowRun> {
  const { id, expectedStateId } = change
  const {
    changed: [run],
  } = await changeStates(scope, [change], options)
  if (run !== undefined) return run
  const [found] = await readStatesOfRuns(scope, [id])
  if (found === undefined) throw new FlowRunNotFoundError(id)
  throw new FlowRunStateConflictError(id, expectedStateId ?? null, found.stateId, found.stateType)
}
