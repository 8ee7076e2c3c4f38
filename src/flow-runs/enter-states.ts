import { type RawBuilder, sql } from 'kysely'
import { defaultStateName } from '../rules/states.js'
import { decode, selection } from '../model/columns.js'
import { flowRunColumns } from '../model/flow-run.js'
import type { Dialect } from '../model/dialect.js'
import type { FlowRun } from '../model/flow-run.js'
import type { Scope } from '../session.js'
import { type InsertedState, insertStates } from './insert-states.js'

/**
 * A state that many runs enter at once: one before a run is started, so that it changes nothing but the run's
 * state.
 */
export interface WaitingState {
  readonly type: 'SCHEDULED' | 'PENDING'
  readonly name?: string
}

/**
 * When the run is due. Prefect forgets the next start time of a run that leaves SCHEDULED, and remembers the
 * expected one.
 */
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
      after: run.stateTimestamp,
      scheduledTime: run.nextScheduledStartTime ?? run.expectedStartTime,
    })),
    now,
  )
  const { rows } = await sql<object>`
    with entered as materialized (${asTable(states, dialect)})
    update ${tables.flow_run} set
      state_id = entered.state_id,
      state_type = ${sql.lit(state.type)},
      state_name = ${name},
      state_timestamp = entered.timestamp,
      next_scheduled_start_time = ${state.type === 'SCHEDULED' ? startTime : sql`flow_run.next_scheduled_start_time`},
      end_time = null,
      updated = entered.updated
    from entered
    where flow_run.id = entered.id
    returning ${selection(flowRunColumns, dialect, 'flow_run')}
  `.execute(db)
  const entered = new Map(rows.map((row) => decode(flowRunColumns, row)).map((run) => [run.id, run]))
  return runs.map((run) => entered.get(run.id)).filter((run) => run !== undefined)
}

/**
 * The states by run, as a table to join. It travels as one parameter, so that a statement's text does not
 * depend on its size.
 */
function asTable(states: ReadonlyMap<string, InsertedState>, dialect: Dialect): RawBuilder<unknown> {
  const list = Array.from(states, ([flowRunId, { id, stored }]) => [flowRunId, id, stored.timestamp, stored.updated])
  const json = JSON.stringify(list)
  return dialect === 'postgres'
    ? sql`select cast(value ->> 0 as uuid) as id, cast(value ->> 1 as uuid) as state_id,
            cast(value ->> 2 as timestamptz) as timestamp, cast(value ->> 3 as timestamptz) as updated
          from jsonb_array_elements(cast(cast(${json} as text) as jsonb)) as value`
    : sql`select json_extract(value, '$[0]') as id, json_extract(value, '$[1]') as state_id,
            json_extract(value, '$[2]') as timestamp, json_extract(value, '$[3]') as updated
          from json_each(${json})`
}
