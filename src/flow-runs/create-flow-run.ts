import { check, type NowOption, nowOptionSchema } from '../model/checks.js'
import type { FlowRun, FlowRunCreate } from '../model/flow-run.js'
import { type RequiredTables, type Session, write } from '../session.js'
import { flowRunInputSchema, insertFlowRuns } from './create-flow-runs.js'

/** What became of a new run. */
export interface CreatedFlowRun {
  flowRun: FlowRun
  /** False when its flow had a run with the same idempotency key, which `flowRun` then is, as it was. */
  created: boolean
}

/**
 * Creates a flow run, with its first state in `flow_run_state`, as {@link createFlowRuns} does many.
 *
 * A run whose idempotency key its flow already has is not created: the run that has it is returned in its
 * place.
 *
 * @param options - `now`: what time it is. Default: the clock.
 * @throws {InvalidInputError} when the input is not valid, has an `idempotencyKey` without a `flowId`, or
 *   asks for an id that is taken.
 * @throws {WorkQueueNotFoundError} when there is no queue `workQueueId`. Nothing was created.
 *
 * @example
 * ```ts
 * const once = { workQueueId: queue.id, flowId: run.flowId, idempotencyKey: '2035-01-01' }
 * const { flowRun, created } = await createFlowRun(db, once)
 * ```
 */
export async function createFlowRun<DB extends RequiredTables>(
  session: Session<DB>,
  input: FlowRunCreate,
  options: NowOption = {},
): Promise<CreatedFlowRun> {
  const checked = check(flowRunInputSchema, input)
  const { now } = check(nowOptionSchema, options)
  return await write(session, async (scope) => {
    const [inserted] = await insertFlowRuns(scope, [checked], now, () => 'id')
    if (inserted === undefined) throw new Error('No flow run was inserted')
    return inserted
  })
}
