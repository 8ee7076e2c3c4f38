import { type RawBuilder, sql } from 'kysely'
import type { StateType } from '../rules/states.js'
import type { Dialect } from '../model/dialect.js'
import { newId } from '../model/ids.js'
import { decodeTime, encodeJson, timeAsText, withinYears } from '../model/values.js'
import type { Scope } from '../session.js'
import { justAfter, momentAfter, momentAfterHistory, timeOfStatement } from '../sql/clock.js'

/** A state that a flow run enters. */
export interface NewState {
  readonly flowRunId: string
  readonly type: StateType
  readonly name: string
  /** Default: `now`. */
  readonly timestamp?: Date | undefined
  /** When the run entered the state before, as far as its own row says; `undefined` for a run's first. */
  readonly after?: Date | null | undefined
  readonly message?: string | null | undefined
  /** For SCHEDULED and PENDING: when the run is due. */
  readonly scheduledTime?: Date | null | undefined
}

// A statement takes at most 32,766 parameters on SQLite; a state has fewer than ten.
const BATCH_SIZE = 1000

/** A state that a flow run has entered. */
export interface InsertedState {
  readonly id: string
  /** When it was entered. The database keeps microseconds, which have been cut off. */
  readonly timestamp: Date
  /** The same, and when the row was written, as SQL, to the microsecond. */
  readonly stored: { readonly timestamp: string; readonly updated: string }
}

/**
 * Inserts the rows of `flow_run_state`, and returns each run's new state. Runs that had a state before must
 * be locked.
 *
 * @param now - Default: the clock.
 */
export async function insertStates(
  scope: Scope,
  states: readonly NewState[],
  now: Date | undefined,
): Promise<Map<string, InsertedState>> {
  const { db, dialect } = scope
  const rows = states.map((state) => ({
    id: newId(),
    created: timeOfStatement(now, dialect),
    updated: timeOfStatement(now, dialect),
    type: state.type,
    timestamp: timestampOf(scope, state, now),
    name: state.name,
    message: state.message ?? null,
    state_details: encodeJson(stateDetails(state), dialect),
    flow_run_id: state.flowRunId,
  }))
  const inserted = new Map<string, InsertedState>()
  for (let i = 0; i < rows.length; i += BATCH_SIZE) {
    const entered = await db
      .insertInto('flow_run_state')
      .values(rows.slice(i, i + BATCH_SIZE))
      .returning([
        'id',
        'flow_run_id',
        sql.raw(timeAsText('timestamp', dialect)).as('timestamp'),
        exactly('timestamp', dialect).as('exactTimestamp'),
        exactly('updated', dialect).as('exactUpdated'),
      ])
      .execute()
    for (const { id, flow_run_id, timestamp, exactTimestamp, exactUpdated } of entered) {
      const stored = { timestamp: exactTimestamp, updated: exactUpdated }
      inserted.set(flow_run_id, { id, timestamp: decodeTime(timestamp), stored })
    }
  }
  return inserted
}

/**
 * What Prefect keeps with a state, as far as it concerns the queues. Its orchestration reads the scheduled
 * time of PENDING too: a run that was claimed before it is due is told to wait when it is to be RUNNING.
 */
function stateDetails({ flowRunId, type, scheduledTime }: NewState): Record<string, unknown> {
  const isWaiting = type === 'SCHEDULED' || type === 'PENDING'
  return {
    flow_run_id: flowRunId,
    ...(isWaiting && scheduledTime ? { scheduled_time: withinYears(scheduledTime).toISOString() } : {}),
  }
}

/**
 * A time with its microseconds, as it goes back in a parameter: on PostgreSQL as JSON has it, which is ISO
 * 8601 in every DateStyle.
 */
function exactly(column: 'timestamp' | 'updated', dialect: Dialect): RawBuilder<string> {
  return dialect === 'postgres' ? sql`to_json(${sql.ref(column)}) #>> '{}'` : sql`${sql.ref(column)}`
}

/**
 * When the state was entered: at the time that is asked for, but after every state that the run had before.
 * So history is in order, whatever clocks say and however many states are entered at one time, and unique on
 * run and timestamp, as the table is: it keeps microseconds, of which a `Date` has lost the last digits.
 */
function timestampOf(
  scope: Scope,
  { flowRunId, timestamp, after }: NewState,
  now: Date | undefined,
): RawBuilder<string> {
  const { dialect, tables } = scope
  const wanted = timeOfStatement(timestamp ?? now, dialect)
  // Of a run whose history was not kept, this is all that is known.
  const known = after ? [timeOfStatement(after, dialect)] : []
  if (dialect === 'postgres') {
    // A new run: its states went with whatever run had its id before.
    if (after === undefined) return wanted
    return sql`greatest(${sql.join([wanted, momentAfterHistory(scope, sql`${flowRunId}`), ...known.map(momentAfter)])})`
  }
  const history = sql`(select max(timestamp) from ${tables.flow_run_state} where flow_run_id = ${flowRunId})`
  return justAfter([history, ...known], wanted)
}
