import { sql } from 'kysely'
import { z } from 'zod'
import { FlowRunNotFoundError } from '../errors.js'
import { enterState, nextStartIn, runningMilliseconds } from '../rules/enter-state.js'
import { defaultStateName } from '../rules/states.js'
import { check, idSchema, nowShape, type NowOption } from '../model/checks.js'
import { encode } from '../model/columns.js'
import { flowRunColumns } from '../model/flow-run.js'
import { type FlowRunStateInput, flowRunStateSchema } from '../model/flow-run-state.js'
import type { FlowRun } from '../model/flow-run.js'
import { decodeTime, lengthened, timeAsText } from '../model/values.js'
import { type RequiredTables, type Session, write } from '../session.js'
import { insertStates } from './insert-states.js'
import { selectFlowRuns } from './select-flow-runs.js'

const optionsSchema = z.strictObject(nowShape)

/**
 * Puts a flow run in a state, and keeps the state in `flow_run_state`.
 *
 * Any state may follow any other: what transitions are allowed is the host's to say. RUNNING counts an attempt and sets the start
 * time the first time, a terminal state sets the end time, SCHEDULED takes `scheduledTime`. The next scheduled start time stays
 * until SCHEDULED sets another. The time spent in RUNNING is added to the column `total_run_time`.
 *
 * @param options - `now`: what time it is. Default: the clock.
 * @returns The run as it now is.
 * @throws {InvalidInputError} when an argument is not valid.
 * @throws {FlowRunNotFoundError} when there is no such run.
 *
 * @example
 * ```ts
 * await setFlowRunState(db, run.id, { type: 'RUNNING' })
 * await setFlowRunState(db, run.id, { type: 'SCHEDULED', name: 'AwaitingRetry', scheduledTime: addMinutes(now, 5) })
 * ```
 */
export async function setFlowRunState<DB extends RequiredTables>(
  session: Session<DB>,
  id: string,
  state: FlowRunStateInput,
  options: NowOption = {},
): Promise<FlowRun> {
  const flowRunId = check(idSchema, id, 'id')
  const { type, name, timestamp, scheduledTime, message } = check(flowRunStateSchema, state)
  const { now } = check(optionsSchema, options)

  return await write(session, async (scope) => {
    const lock = scope.dialect === 'postgres' ? sql`for no key update` : sql``
    const [run] = await selectFlowRuns(scope, sql`run.id = ${flowRunId}`, lock)
    if (run === undefined) throw new FlowRunNotFoundError(flowRunId)

    // The state goes first, since only the database knows when it was entered.
    const isDueAt = nextStartIn(run, { type, scheduledTime })
    const state = {
      flowRunId,
      type,
      name: name ?? defaultStateName(type),
      timestamp,
      message,
      scheduledTime: isDueAt,
      after: run.stateTimestamp,
    }
    const entered = (await insertStates(scope, [state], now)).get(flowRunId)
    if (entered === undefined) throw new Error(`The state of flow run ${flowRunId} was not inserted`)
    const changes = {
      ...enterState(run, { type, name, timestamp: entered.timestamp, scheduledTime }),
      stateId: entered.id,
    }
    const running = runningMilliseconds(run, entered.timestamp)
    const updated = await scope.db
      .updateTable('flow_run')
      .set({
        ...encode(flowRunColumns, changesOf(run, changes), scope.dialect),
        state_timestamp: entered.stored.timestamp,
        ...(running > 0 && { total_run_time: lengthened('total_run_time', running, scope.dialect) }),
        updated: entered.stored.updated,
      })
      .where('id', '=', flowRunId)
      .returning(sql.raw(timeAsText('updated', scope.dialect)).as('updated'))
      .executeTakeFirst()
    return { ...run, ...changes, updated: decodeTime(updated?.updated) }
  })
}

/** What differs from the run. What does not stays as it is stored: Prefect keeps times in microseconds, which a `Date` has lost. */
function changesOf(run: FlowRun, changes: Partial<FlowRun>): Partial<FlowRun> {
  return Object.fromEntries(
    Object.entries(changes).filter(([property, value]) => value !== run[property as keyof FlowRun]),
  )
}
