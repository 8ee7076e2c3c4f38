import { sql } from 'kysely'
import { enterState } from '../rules/flow-run-transition.js'
import { defaultStateName } from '../rules/states.js'
import { pairs } from '../schema/pairs.js'
import type { FlowRun } from '../schema/records.js'
import { encodeTime } from '../schema/values.js'
import type { Scope } from '../session.js'
import { insertStates } from './insert-states.js'

/** A state that many runs enter at once: one before a run is started, so that it changes nothing but the run's state. */
export interface WaitingState {
  readonly type: 'SCHEDULED' | 'PENDING'
  readonly name?: string
  readonly timestamp: Date
  readonly message?: string
}

/** Puts locked runs in a state, in two statements, and returns them as they now are. */
export async function enterStates(
  scope: Scope,
  runs: readonly FlowRun[],
  state: WaitingState,
  now: Date,
): Promise<FlowRun[]> {
  if (runs.length === 0) return []
  const { db, dialect, tables } = scope
  const name = state.name ?? defaultStateName(state.type)
  const stateIds = await insertStates(
    scope,
    runs.map((run) => ({ ...state, name, flowRunId: run.id, scheduledTime: run.nextScheduledStartTime })),
    now,
  )
  const timestamp = encodeTime(state.timestamp, dialect)
  const startTime = state.type === 'SCHEDULED' ? sql`run.next_scheduled_start_time, ` : sql``
  await sql`
    with entered as materialized (${pairs(stateIds, 'uuid', dialect)})
    update ${tables.flow_run} as run set
      state_id = entered.value,
      state_type = ${sql.lit(state.type)},
      state_name = ${name},
      state_timestamp = ${timestamp},
      expected_start_time = coalesce(run.expected_start_time, ${startTime}${timestamp}),
      end_time = null,
      updated = ${encodeTime(now, dialect)}
    from entered
    where run.id = entered.id
  `.execute(db)
  return runs.map((run) => ({
    ...run,
    ...enterState(run, state),
    stateId: stateIds.get(run.id) ?? null,
    updated: now,
  }))
}
