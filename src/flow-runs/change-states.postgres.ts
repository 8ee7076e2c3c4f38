import { type RawBuilder, sql } from 'kysely'
import type { StateType } from '../rules/states.js'
import type { Scope } from '../session.js'
import type { Parameter } from '../sql/cached-statement.js'
import { momentAfter, momentAfterHistory, timeOfWriting } from '../sql/clock.js'
import { endBefore, enterState, nextStart, WAITING } from '../sql/enter-state-in-sql.js'
import { and, type Condition, isInIdList, isOneOf } from '../sql/lists.js'
import { idWithHead } from '../sql/new-ids.js'
import { scheduledTimeText } from '../sql/scheduled-time-text.js'

// The statement of `changeStates` on PostgreSQL. Changes that differ in nothing but the run, as most do, are
// one state: the text then says what entering that state means, and no more. Others travel as one JSON object
// by the ids of their runs. Tried on PostgreSQL 18, ten runs to COMPLETED: 1.62 ms as JSON, most of it
// planning, and 1.05 as one state; prepared 0.80 and 0.60.

type Fragment = RawBuilder<unknown>

/** What the text depends on. */
export interface StateChangeShape {
  /** `ids` is the id of one run, not a list. */
  readonly isOne: boolean
  /** The runs are locked first: all of them, or none is changed. */
  readonly isLocking: boolean
  /** A change may say which state it expects. */
  readonly byId: boolean
  /** `types` has the types that are expected. */
  readonly byType: boolean
  /** The type of the one state that all runs enter; `undefined` when each change has a state of its own. */
  readonly type: StateType | undefined
  /** The one state says when the runs are due. */
  readonly isDueAnew: boolean
}

/** The state that a run enters, as the statement says it. */
interface EnteredText {
  /** The state: a query of `at`, when it was entered if that was said, `updated`, and what `columns` read. */
  readonly wanted: Fragment
  /** What is written, by column, without the state. */
  readonly constants: readonly (readonly [column: string, value: Fragment])[]
  /** What is written, by column, of the state as `entered`. */
  readonly columns: readonly (readonly [column: string, value: Fragment])[]
  readonly message: Fragment
}

const END_BEFORE = sql.ref('entered.end_before')

/**
 * Changes the runs and keeps their states, in one statement.
 *
 * Each `offset 0` keeps PostgreSQL from taking the select into the one around it, which would read the clock
 * several times. The sub-selects are run again, clock and all, when the row was changed by somebody whom the
 * update waited for; so is the condition.
 */
export function enterOnPostgres(scope: Scope, parameter: Parameter, shape: StateChangeShape): RawBuilder<object> {
  const { tables } = scope
  const { wanted, constants, columns, message } =
    shape.type === undefined
      ? statesOfTheirOwn(scope)
      : oneState(parameter, { type: shape.type, isDueAnew: shape.isDueAnew })
  return sql`
    with
    ${given(parameter, shape)}
    ${shape.isLocking ? lockedRuns(scope, parameter) : sql``}
    changed as (
      update ${tables.flow_run} as run set
        ${sql.join(
          constants.map(([column, value]) => sql`${sql.ref(column)} = ${value}, `),
          sql``,
        )}
        (${sql.join(columns.map(([column]) => sql.ref(column)))}) = (
          select ${sql.join(columns.map(([, value]) => value))}
          from (
            select wanted.*, ${endBefore('run')} as end_before, greatest(
              coalesce(wanted.at, wanted.updated), ${momentAfterHistory(scope, sql`run.id`)}, ${momentAfter(sql`run.state_timestamp`)}
            ) as timestamp
            from (${wanted} offset 0) as wanted
            offset 0
          ) as entered
        )
      where ${whichRuns(parameter, shape)} and ${isAsExpected(parameter, shape)}
      returning
        run.id, run.state_id, run.state_type, run.state_name, run.state_timestamp, run.updated,
        run.next_scheduled_start_time, cast(row_to_json(run) as text) as record
    ),
    entered as (
      insert into ${tables.flow_run_state}
        (id, created, updated, type, timestamp, name, message, state_details, flow_run_id)
      select
        run.state_id, run.updated, run.updated, run.state_type, run.state_timestamp, run.state_name,
        ${message}, ${stateDetails(shape.type)}, run.id
      from changed as run
    )
    select run.record, null as id, null as "stateId", null as "stateType" from changed as run
    ${shape.isLocking && (shape.byId || shape.byType) ? unchangedRuns(parameter) : sql``}`
}

/** What is looked up for each run. A parameter of JSON is read once, and not for each. */
function given(parameter: Parameter, { isOne, byId, type }: StateChangeShape): Fragment {
  const columns = [...(type === undefined ? ['changes'] : []), ...(byId && !isOne ? ['expected'] : [])]
  if (columns.length === 0) return sql``
  return sql`given as materialized (
      select ${sql.join(columns.map((name) => sql`${asJson(parameter(name))} as ${sql.ref(name)}`))}
    ),`
}

/** One state for all runs. */
function oneState(parameter: Parameter, { type, isDueAnew }: { type: StateType; isDueAnew: boolean }): EnteredText {
  const isDueAt = isDueAnew ? sql`cast(${parameter('due')} as timestamptz)` : undefined
  return {
    wanted: sql`
      select cast(${parameter('timestamp')} as timestamptz) as at,
        coalesce(cast(${parameter('updated')} as timestamptz), ${timeOfWriting(undefined, 'postgres')}) as updated`,
    constants: [
      ['state_id', idWithHead(parameter('stateIdHead'))],
      ['state_type', sql.lit(type)],
      ['state_name', parameter('name')],
    ],
    columns: enterState({ run: 'run', type, isDueAt, endBefore: END_BEFORE }, 'postgres'),
    message: sql`cast(${parameter('message')} as text)`,
  }
}

/**
 * A state for each run: `{ [id]: { state: { id, type, name, message, timestamp?, updated? }, due? } }`. It is
 * looked up in the object, by binary search, since a join with a table of changes was planned as a scan of
 * all runs. `jsonb_populate_record` reads it as a row of its table, whatever type the host's column of types
 * has.
 */
function statesOfTheirOwn({ tables }: Scope): EnteredText {
  const change = sql`(select given.changes -> cast(run.id as text) from given)`
  const isDueAt = nextStart('run', change, 'postgres')
  return {
    wanted: sql`
      select state.id, state.type, state.name, state.timestamp as at,
        coalesce(state.updated, ${timeOfWriting(undefined, 'postgres')}) as updated
      from jsonb_populate_record(cast(null as ${tables.flow_run_state}), ${change} -> 'state') as state`,
    constants: [],
    columns: [
      ['state_id', sql.ref('entered.id')],
      ['state_type', sql.ref('entered.type')],
      ['state_name', sql.ref('entered.name')],
      ...enterState({ run: 'run', type: undefined, isDueAt, endBefore: END_BEFORE }, 'postgres'),
    ],
    message: sql`${change} -> 'state' ->> 'message'`,
  }
}

function stateDetails(type: StateType | undefined): Fragment {
  if (type !== undefined && !WAITING.includes(type)) return sql`jsonb_build_object('flow_run_id', run.id)`
  const due = scheduledTimeText(sql`run.next_scheduled_start_time`)
  const scheduledTime = type === undefined ? sql`case when ${isOneOf('run.state_type', WAITING)} then ${due} end` : due
  return sql`jsonb_strip_nulls(jsonb_build_object('flow_run_id', run.id, 'scheduled_time', ${scheduledTime}))`
}

/**
 * Several runs without a transaction are locked first, all of them or the statement changes nothing: it never
 * waits with a lock in its hands, so it is in no circle of those who wait.
 *
 * Tried on PostgreSQL 18, 16 callers with ten of 40 runs each, in random order, beside claims, releases, host
 * transactions and foreign keys' `for key share`: a lock that waits, `for no key update` in the order of ids,
 * ended in 40P01, 15 of 110 beside `for key share`, though none in 3,300 without it: where a row's lock is
 * shared with one of those, the update of the same statement waits for its own place in the queue of that
 * row. `for update` shares with nobody: none in 6,000, but what waits for foreign keys' locks can wait in a
 * circle with a host. So it does not wait: `skip locked`.
 */
function lockedRuns({ tables }: Scope, parameter: Parameter): Fragment {
  return sql`locked as materialized (
      select run.id, run.state_id, run.state_type from ${tables.flow_run} as run
      where ${isOneOfThem(parameter)}
      order by run.id
      for update skip locked
    ),`
}

/** The ids of the locked runs, if that is all of them. */
function allLocked(parameter: Parameter, ids: Fragment): Fragment {
  return sql`select case when count(*) = cast(${parameter('count')} as integer) then ${ids} end from locked`
}

/** The runs that were locked and are not as expected, as they were locked: nobody has changed them since. */
function unchangedRuns(parameter: Parameter): Fragment {
  return sql`
    union all
    select null, locked.id, locked.state_id, locked.state_type from locked
    where (${allLocked(parameter, sql`true`)}) and locked.id not in (select changed.id from changed)`
}

function whichRuns(parameter: Parameter, { isOne, isLocking }: StateChangeShape): Condition {
  if (isOne) return sql`run.id = cast(${parameter('ids')} as uuid)`
  if (!isLocking) return isOneOfThem(parameter)
  return sql`run.id = any(cast((${allLocked(parameter, sql`array_agg(locked.id)`)}) as uuid[]))`
}

function isOneOfThem(parameter: Parameter): Condition {
  return isInIdList('run.id', { value: parameter('ids'), size: 'many' }, 'postgres')
}

function isAsExpected(parameter: Parameter, { isOne, byId, byType }: StateChangeShape): Condition {
  const conditions: Condition[] = []
  if (byId && isOne) conditions.push(sql`run.state_id = cast(${parameter('expected')} as uuid)`)
  if (byId && !isOne) {
    const expected = sql`(select given.expected ->> cast(run.id as text) from given)`
    conditions.push(sql`coalesce(run.state_id = cast(${expected} as uuid), ${expected} is null)`)
  }
  if (byType) {
    const types = asJson(parameter('types'))
    conditions.push(sql`cast(run.state_type as text) in (select jsonb_array_elements_text(${types}))`)
  }
  return and(conditions)
}

function asJson(text: Fragment): Fragment {
  return sql`cast(cast(${text} as text) as jsonb)`
}
