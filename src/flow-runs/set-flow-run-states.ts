import * as z from 'zod'
import { check, idSchema, nowOptionSchema, type NowOption } from '../model/checks.js'
import type { FlowRun } from '../model/flow-run.js'
import { type FlowRunStateInput, flowRunStateSchema } from '../model/flow-run-state.js'
import type { StateType } from '../rules/states.js'
import { inOrder } from '../sql/lists.js'
import { open, type RequiredTables, type Scope, type Session } from '../session.js'
import { atomically, BATCH_SIZE, changeAllStates, changeStates, type StateChange } from './change-states.js'
import { lockFlowRuns } from './lock-flow-runs.js'
import { readStatesOfRuns } from './read-states-of-runs.js'

/** A state that a flow run is to be put in. */
export interface FlowRunStateChange extends FlowRunStateInput {
  /** The run. */
  id: string
  /**
   * The fence: the change happens only if the run is still in the very state that has this id. Default: in
   * any.
   */
  expectedStateId?: string | undefined
}

/** A run that was not in the state that its change expected. */
export interface FlowRunStateConflict {
  id: string
  /** The state that it was found in instead; `null` when it has none. */
  stateId: string | null
  stateType: StateType | null
}

/** What became of many changes. */
export interface FlowRunStateChanges {
  /** The runs that changed, as they now are, in the order asked. */
  changed: FlowRun[]
  /** Those that were not in the expected state, in the order asked. */
  conflicts: FlowRunStateConflict[]
  /** The ids of which there is no run, in the order asked. */
  missing: string[]
}

const changesSchema = z
  .array(flowRunStateSchema.extend({ id: idSchema, expectedStateId: idSchema.optional() }))
  .superRefine((changes, context) => {
    const seen = new Set<string>()
    for (const [index, { id }] of changes.entries()) {
      if (seen.has(id)) context.addIssue({ code: 'custom', path: [index, 'id'], message: 'is there more than once' })
      seen.add(id)
    }
  })

/**
 * Puts many flow runs in states, each in its own, as {@link setFlowRunState} does one: all in one
 * transaction. A run that is missing, or not in the state that its change expects, is passed over and named;
 * all others change.
 *
 * It takes a few statements for each thousand runs. The runs are locked in the order of their ids, so that
 * two such calls never wait for each other in a circle. On PostgreSQL, up to a thousand changes are one
 * statement, which needs no transaction around it; more follow only where a run is locked by somebody, or
 * passed over.
 *
 * @param changes - Each id at most once.
 * @param options - `now`: what time it is. Default: the clock.
 * @throws {InvalidInputError} when a change is not valid, or an id is there more than once.
 *
 * @example
 * ```ts
 * const { runs } = await claimRunsInWorkQueue(db, queue.id, { limit: 10 })
 * const { changed, conflicts } = await setFlowRunStates(
 *   db,
 *   runs.map(({ id, stateId }) => ({ id, type: 'RUNNING', expectedStateId: stateId ?? undefined })),
 * )
 * ```
 */
export async function setFlowRunStates<DB extends RequiredTables>(
  session: Session<DB>,
  changes: readonly FlowRunStateChange[],
  options: NowOption = {},
): Promise<FlowRunStateChanges> {
  const checked = check(changesSchema, changes)
  const { now } = check(nowOptionSchema, options)
  if (checked.length === 0) return { changed: [], conflicts: [], missing: [] }
  return await open(
    session,
    async (scope) => (await changeAtOnce(scope, checked, now)) ?? (await change(scope, checked, now)),
  )
}

/**
 * PostgreSQL: makes changes in one statement, outside a transaction. `undefined` when nothing was changed,
 * since a run is locked by somebody, and has to be waited for, or is missing.
 */
async function changeAtOnce(
  scope: Scope,
  changes: readonly StateChange[],
  now: Date | undefined,
): Promise<FlowRunStateChanges | undefined> {
  if (scope.dialect === 'sqlite' || scope.isTransaction || changes.length > BATCH_SIZE) return undefined
  const { changed, conflicts } = await changeStates(scope, changes, { now, lock: true })
  if (changed.length + conflicts.length < changes.length) return undefined
  const ids = changes.map(({ id }) => id)
  return { changed, conflicts: inOrder(ids, conflicts), missing: [] }
}

async function change(
  scope: Scope,
  changes: readonly StateChange[],
  now: Date | undefined,
): Promise<FlowRunStateChanges> {
  return await atomically(scope, async (inside) => {
    await lockFlowRuns(
      inside,
      changes.map(({ id }) => id),
    )
    const changed = await changeAllStates(inside, changes, { now })
    const done = new Set(changed.map(({ id }) => id))
    const rest = changes.map(({ id }) => id).filter((id) => !done.has(id))
    if (rest.length === 0) return { changed, conflicts: [], missing: [] }
    const conflicts = inOrder(rest, await readStatesOfRuns(inside, rest))
    const found = new Set(conflicts.map(({ id }) => id))
    return { changed, conflicts, missing: rest.filter((id) => !found.has(id)) }
  })
}
