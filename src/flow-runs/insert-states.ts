import { type RawBuilder, sql } from 'kysely'
import type { StateType } from '../rules/states.js'
import type { Dialect } from '../model/dialect.js'
import { newId } from '../model/ids.js'
import { encodeJson, encodeTime, withinYears } from '../model/values.js'
import type { Scope } from '../session.js'

/** A state that a flow run enters. */
export interface NewState {
  readonly flowRunId: string
  readonly type: StateType
  readonly name: string
  readonly timestamp: Date
  readonly message?: string | null | undefined
  /** For SCHEDULED and PENDING: when the run is due. */
  readonly scheduledTime?: Date | null | undefined
}

// A statement takes at most 32,766 parameters on SQLite; a state has fewer than ten.
const BATCH_SIZE = 1000

/** Inserts the rows of `flow_run_state`, and returns the id of each run's new state. */
export async function insertStates(scope: Scope, states: readonly NewState[], now: Date): Promise<Map<string, string>> {
  const { db, dialect } = scope
  const rows = states.map((state) => ({
    id: newId(),
    created: encodeTime(now, dialect),
    updated: encodeTime(now, dialect),
    type: state.type,
    timestamp: freeTimestamp(scope, state),
    name: state.name,
    message: state.message ?? null,
    state_details: encodeJson(stateDetails(state), dialect),
    flow_run_id: state.flowRunId,
  }))
  for (let i = 0; i < rows.length; i += BATCH_SIZE) {
    await db
      .insertInto('flow_run_state')
      .values(rows.slice(i, i + BATCH_SIZE))
      .execute()
  }
  return new Map(rows.map((row) => [row.flow_run_id, row.id]))
}

/**
 * What Prefect keeps with a state, as far as it concerns the queues. Its orchestration reads the scheduled time of PENDING too: a run
 * that was claimed before it is due is told to wait when it is to be RUNNING.
 */
function stateDetails({ flowRunId, type, scheduledTime }: NewState): Record<string, unknown> {
  const isWaiting = type === 'SCHEDULED' || type === 'PENDING'
  return {
    flow_run_id: flowRunId,
    ...(isWaiting && scheduledTime ? { scheduled_time: withinYears(scheduledTime).toISOString() } : {}),
  }
}

/**
 * The state's timestamp, a few microseconds later where the run has a state in that millisecond already.
 *
 * A run has one state at a time: the table is unique on run and timestamp, which Prefect keeps in microseconds and JavaScript in
 * milliseconds. It also keeps the states of one millisecond in order.
 */
function freeTimestamp({ dialect, tables }: Scope, { flowRunId, timestamp }: NewState): RawBuilder<string> {
  const first = encodeTime(timestamp, dialect)
  const last = dialect === 'postgres' ? first.replace('Z', '999Z') : first.replace(/000$/, '999')
  const wanted = dialect === 'postgres' ? sql`cast(${first} as timestamptz)` : sql`${first}`
  return sql`coalesce(
    (select ${oneMicrosecondAfter(sql`max(timestamp)`, dialect)} from ${tables.flow_run_state}
     where flow_run_id = ${flowRunId} and timestamp >= ${wanted} and timestamp <= ${last}),
    ${wanted})`
}

function oneMicrosecondAfter(time: RawBuilder<unknown>, dialect: Dialect): RawBuilder<unknown> {
  if (dialect === 'postgres') return sql`${time} + interval '1 microsecond'`
  const millisecond = sql`substr(${time}, 1, 23)`
  const microseconds = sql`substr(${time}, 24)`
  return sql`case
    when ${microseconds} = '999' then strftime('%Y-%m-%d %H:%M:%f', ${millisecond}, '+0.001 seconds') || '000'
    else ${millisecond} || printf('%03d', cast(${microseconds} as integer) + 1)
  end`
}
