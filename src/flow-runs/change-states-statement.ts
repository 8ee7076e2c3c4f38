import { type RawBuilder, sql } from 'kysely'
import { selection } from '../model/columns.js'
import { flowRunColumns } from '../model/flow-run.js'
import type { Dialect } from '../model/dialect.js'
import type { Scope } from '../session.js'
import type { Parameter } from '../sql/cached-statement.js'
import { justAfter, normalized, timeOfWriting } from '../sql/clock.js'
import { enterState, nextStart, WAITING } from '../sql/enter-state-in-sql.js'
import { and, type Condition, isOneOf } from '../sql/lists.js'

// The statements of `changeStates`. All changes travel as one JSON object, by the ids of their runs, so that
// the text is the same for one run and for a thousand: `{ [id]: { state: { id, type, name, message,
// timestamp?, updated? }, due?, expected? } }`.

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
}

/**
 * PostgreSQL: changes the runs and keeps their states, in one statement.
 *
 * A run's change is looked up in the object, by binary search, since a join with a table of changes was
 * planned as a scan of all runs. Of 1.4 ms for one run, 1.0 is planning (0.4 prepared; ten runs 2.7 and 0.9,
 * a thousand 70). `jsonb_populate_record` reads the state as a row of its table, whatever type the host's
 * column of types has. Each `offset 0` keeps PostgreSQL from taking the select into the one around it, which
 * would read the clock several times. The sub-selects are run again, clock and all, when the row was changed
 * by somebody whom the update waited for; so is the condition.
 */
export function enterOnPostgres(scope: Scope, parameter: Parameter, shape: StateChangeShape): RawBuilder<object> {
  const { dialect, tables } = scope
  const change = sql`(select given.changes -> cast(run.id as text) from given)`
  const columns = enterState({ run: 'run', isDueAt: nextStart('run', change, dialect) }, dialect)
  const history = sql`(
    select max(state.timestamp) from ${tables.flow_run_state} as state where state.flow_run_id = run.id)`
  const timestamp = justAfter(
    [history, sql`run.state_timestamp`],
    sql`coalesce(wanted.timestamp, wanted.updated)`,
    dialect,
  )
  const details = sql`jsonb_strip_nulls(jsonb_build_object('flow_run_id', run.id, 'scheduled_time', (
    select to_char(
      greatest(least(run.next_scheduled_start_time, '9999-12-31 23:59:59.999+00'), '0001-01-01 00:00:00+00') at time zone 'UTC',
      'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'
    )
    where run.next_scheduled_start_time is not null and ${isOneOf('run.state_type', WAITING)})))`
  return sql`
    with given as materialized (select cast(cast(${parameter('changes')} as text) as jsonb) as changes),
    ${shape.isLocking ? lockedRuns(scope, parameter('ids')) : sql``}
    changed as (
      update ${tables.flow_run} as run set
        (${sql.join(columns.map(([column]) => sql.ref(column)))}) = (
          select ${sql.join(columns.map(([, value]) => value))}
          from (
            select wanted.id, wanted.type, wanted.name, wanted.updated, ${timestamp} as timestamp
            from (
              select state.id, state.type, state.name, state.timestamp,
                coalesce(state.updated, ${timeOfWriting(undefined, dialect)}) as updated
              from jsonb_populate_record(cast(null as ${tables.flow_run_state}), ${change} -> 'state') as state
              offset 0
            ) as wanted
            offset 0
          ) as entered
        )
      where ${whichRuns(parameter('ids'), shape)} and ${isAsExpected(change, parameter, shape, dialect)}
      returning
        run.id, run.state_id, run.state_type, run.state_name, run.state_timestamp, run.updated,
        run.next_scheduled_start_time, cast(row_to_json(run) as text) as record
    ),
    entered as (
      insert into ${tables.flow_run_state}
        (id, created, updated, type, timestamp, name, message, state_details, flow_run_id)
      select
        run.state_id, run.updated, run.updated, run.state_type, run.state_timestamp, run.state_name,
        ${change} -> 'state' ->> 'message', ${details}, run.id
      from changed as run
    )
    select run.record, null as id, null as "stateId", null as "stateType" from changed as run
    ${shape.isLocking ? unchangedRuns(parameter('ids')) : sql``}`
}

/**
 * SQLite: inserts the states that runs are about to enter, if they are as expected. They go first, since a
 * run's refers to them.
 */
export function insertOnSqlite(scope: Scope, parameter: Parameter, shape: StateChangeShape): RawBuilder<object> {
  const { dialect, tables } = scope
  const change = sql`given.value`
  const history = sql`(
    select max(state.timestamp) from ${tables.flow_run_state} as state where state.flow_run_id = run.id)`
  const isDueAt = normalized(sql`(${nextStart('run', change, dialect)})`)
  // As Python's json.dumps spells it.
  const details = sql`'{"flow_run_id": "' || run.id || '"' || coalesce(
    ', "scheduled_time": "' || case when ${inState('type')} in (${literals(WAITING)})
      then replace(substr(${isDueAt}, 1, 23), ' ', 'T') || 'Z"' end, '') || '}'`
  return sql`
    insert into ${tables.flow_run_state} (id, created, updated, type, timestamp, name, message, state_details, flow_run_id)
    select
      ${inState('id')}, ${inState('updated')}, ${inState('updated')}, ${inState('type')},
      ${justAfter([history, sql`run.state_timestamp`], inState('timestamp'), dialect)},
      ${inState('name')}, ${inState('message')}, ${details}, run.id
    from json_each(${parameter('changes')}) as given
    cross join ${tables.flow_run} as run on run.id = given.key
    where ${isAsExpected(change, parameter, shape, dialect)}`
}

/** SQLite: moves the runs to the states that were inserted, and returns them as they now are. */
export function enterOnSqlite({ dialect, tables }: Scope, parameter: Parameter): RawBuilder<object> {
  const isDueAt = nextStart('flow_run', sql`entered.change`, dialect)
  return sql`
    with entered as materialized (
      select state.id, state.type, state.name, state.timestamp, state.updated, state.flow_run_id, given.value as change
      from json_each(${parameter('changes')}) as given
      cross join ${tables.flow_run_state} as state on state.id = json_extract(given.value, '$.state.id')
    )
    update ${tables.flow_run} set
      ${sql.join(
        enterState({ run: 'flow_run', isDueAt }, dialect).map(([column, value]) => sql`${sql.ref(column)} = ${value}`),
      )}
    from entered
    where flow_run.id = entered.flow_run_id
    returning ${selection(flowRunColumns, dialect, 'flow_run')}`
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
function lockedRuns({ tables }: Scope, ids: Fragment): Fragment {
  return sql`locked as materialized (
      select run.id, run.state_id, run.state_type from ${tables.flow_run} as run
      where run.id = any(${idArray(ids)})
      order by run.id
      for update skip locked
    ),`
}

/** The runs that were locked and are not as expected, as they were locked: nobody has changed them since. */
function unchangedRuns(ids: Fragment): Fragment {
  return sql`
    union all
    select null, locked.id, locked.state_id, locked.state_type from locked
    where (select count(*) from locked) = cardinality(${idArray(ids)})
      and locked.id not in (select changed.id from changed)`
}

function whichRuns(ids: Fragment, { isOne, isLocking }: StateChangeShape): Condition {
  if (isOne) return sql`run.id = cast(${ids} as uuid)`
  if (!isLocking) return sql`run.id = any(${idArray(ids)})`
  return sql`run.id = any(cast((
    select case when count(*) = cardinality(${idArray(ids)}) then array_agg(locked.id) end from locked) as uuid[]))`
}

function idArray(ids: Fragment): Fragment {
  return sql`cast((select cast(cast(${ids} as text) as uuid[])) as uuid[])`
}

function isAsExpected(
  change: Fragment,
  parameter: Parameter,
  { byId, byType }: StateChangeShape,
  dialect: Dialect,
): Condition {
  const isPostgres = dialect === 'postgres'
  const conditions: Condition[] = []
  if (byId) {
    const expected = isPostgres
      ? sql`cast(${change} ->> 'expected' as uuid)`
      : sql`json_extract(${change}, '$.expected')`
    conditions.push(sql`(${expected} is null or run.state_id = ${expected})`)
  }
  if (byType) {
    const types = parameter('types')
    conditions.push(
      isPostgres
        ? sql`cast(run.state_type as text) in (select jsonb_array_elements_text(cast(cast(${types} as text) as jsonb)))`
        : sql`run.state_type in (select value from json_each(${types}))`,
    )
  }
  return and(conditions)
}

function literals(words: readonly string[]): Fragment {
  return sql.join(words.map((word) => sql.lit(word)))
}

/** SQLite: a value of the state in a change. */
function inState(key: string): Fragment {
  return sql`json_extract(given.value, ${sql.lit(`$.state.${key}`)})`
}
