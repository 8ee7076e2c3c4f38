import { type RawBuilder, sql } from 'kysely'
import { defaultStateName } from '../rules/states.js'
import { decode, selection } from '../model/columns.js'
import { flowRunColumns } from '../model/flow-run.js'
import { pairs } from '../sql/map-table.js'
import type { FlowRun } from '../model/flow-run.js'
import type { Scope } from '../session.js'
import { insertStates } from './insert-states.js'

/** A state that many runs enter at once: one before a run is started, so that it changes nothing but the run's state. */
export interface WaitingState {
  readonly type: 'SCHEDULED' | 'PENDING'
  readonly name?: string
}

/** When the run is due. Prefect forgets the next start time of a run that leaves SCHEDULED, and remembers the expected one. */
const startTime = sql`coalesce(flow_run.next_scheduled_start_time, flow_run.expected_start_time)`

/**
 * Puts locked runs in a state, in two statements, and returns them as they now are.
 *
 * @param now - Default: the clock, which is read only now that the runs are locked.
 */
export async function enterStates(
  scope: Scope,
  runs: readonly FlowRun[],
  state: WaitingState,
  now: Date | undefined,
): Promise<FlowRun[]> {
  if (runs.length === 0) return []
  const { db, dialect, tables } = scope
  const name = state.name ?? defaultStateName(state.type)
  const states = await insertStates(
    scope,
    runs.map((run) => ({
      ...state,
      name,
      flowRunId: run.id,
      scheduledTime: run.nextScheduledStartTime ?? run.expectedStartTime,
    })),
    now,
  )
  const stateIds = new Map(Array.from(states, ([flowRunId, { id }]) => [flowRunId, id]))
  // As it is stored, and looked up by its id, whatever the planner thinks of the list's size.
  const ofState = (column: string): RawBuilder<unknown> =>
    sql`(select ${sql.ref(`state.${column}`)} from ${tables.flow_run_state} as state where state.id = entered.value)`
  const { rows } = await sql<object>`
    with entered as materialized (${pairs(stateIds, 'uuid', dialect)})
    update ${tables.flow_run} set
      state_id = entered.value,
      state_type = ${sql.lit(state.type)},
      state_name = ${name},
      state_timestamp = ${ofState('timestamp')},
      next_scheduled_start_time = ${state.type === 'SCHEDULED' ? startTime : sql`flow_run.next_scheduled_start_time`},
      end_time = null,
      updated = ${ofState('updated')}
    from entered
    where flow_run.id = entered.id
    returning ${selection(flowRunColumns, dialect, 'flow_run')}
  `.execute(db)
  const entered = new Map(rows.map((row) => decode(flowRunColumns, row)).map((run) => [run.id, run]))
  return runs.map((run) => entered.get(run.id)).filter((run) => run !== undefined)
}
