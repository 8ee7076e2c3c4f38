import { FlowRunStateConflictError } from '../../errors.js'
import { setFlowRunState } from '../../flow-runs/set-flow-run-state.js'
import type { Run } from './followed-runs.js'
import type { Hand } from './hands.js'
import type { RefusedWrite } from './lease-history.js'
import { nowIn, type Simulation } from './simulation.js'

/**
 * Changes a run's state in the database as the poller does that has, or had it: with a fence, only if the run
 * is still in the state that the poller knows.
 *
 * @returns Whether it was changed.
 */
export async function writeState(
  simulation: Simulation,
  run: Run,
  hand: Hand,
  stateType: RefusedWrite['stateType'],
): Promise<boolean> {
  const { options, leases, session } = simulation
  const now = nowIn(simulation)
  const { run: name, queue, pool, poller } = hand.handOut
  const write: RefusedWrite = { at: now, run: name, queue, pool, poller, stateType }
  const expectedStateId = options.leases?.fence === true ? (hand.stateId ?? undefined) : undefined
  simulation.changes++
  try {
    const { stateId } = await setFlowRunState(session, run.id, { type: stateType }, { expectedStateId, now })
    hand.stateId = stateId
  } catch (error) {
    if (!(error instanceof FlowRunStateConflictError)) throw error
    leases.refusals.push(write)
    return false
  }
  if (run.holder !== undefined && run.holder !== hand) {
    leases.doubles.push({ ...write, holder: run.holder.handOut.poller })
  }
  return true
}
