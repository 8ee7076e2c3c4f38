import { type RawBuilder, type SqlBool, sql } from 'kysely'
import { selection } from '../model/columns.js'
import { flowRunColumns } from '../model/flow-run.js'
import type { Scope } from '../session.js'
import type { Parameter } from '../sql/cached-statement.js'
import { justAfter, normalized } from '../sql/clock.js'
import { endBefore, enterState, nextStart, WAITING } from '../sql/enter-state-in-sql.js'
import type { StateChangeShape } from './change-states.postgres.js'
import { and, type Condition } from '../sql/lists.js'

// The statements of `changeStates` on SQLite. All changes travel as one JSON object, by the ids of their
// runs, so that the text is the same for one run and for a thousand: `{ [id]: { state: { id, type, name,
// message, timestamp, updated }, due?, expected? } }`.

type Fragment = RawBuilder<unknown>

/** What the text depends on: what is expected of the runs. */
type ExpectationShape = Pick<StateChangeShape, 'byId' | 'byType'>

/**
 * Inserts the states that runs are about to enter, if they are as expected. They go first, since a
 * run's refers to them.
 */
export function insertOnSqlite(scope: Scope, parameter: Parameter, shape: ExpectationShape): RawBuilder<object> {
  const { dialect, tables } = scope
  const history = sql`(
    select max(state.timestamp) from ${tables.flow_run_state} as state where state.flow_run_id = run.id)`
  const isDueAt = normalized(sql`(${nextStart('run', sql`given.value`, dialect)})`)
  // As Python's json.dumps spells it.
  const details = sql`'{"flow_run_id": "' || run.id || '"' || coalesce(
    ', "scheduled_time": "' || case when ${inState('type')} in (${literals(WAITING)})
      then replace(substr(${isDueAt}, 1, 23), ' ', 'T') || 'Z"' end, '') || '}'`
  return sql`
    insert into ${tables.flow_run_state} (id, created, updated, type, timestamp, name, message, state_details, flow_run_id)
    select
      ${inState('id')}, ${inState('updated')}, ${inState('updated')}, ${inState('type')},
      ${justAfter([history, sql`run.state_timestamp`], inState('timestamp'))},
      ${inState('name')}, ${inState('message')}, ${details}, run.id
    from json_each(${parameter('changes')}) as given
    cross join ${tables.flow_run} as run on run.id = given.key
    where ${isAsExpected(parameter, shape)}`
}

/** Moves the runs to the states that were inserted, and returns them as they now are. */
export function enterOnSqlite({ dialect, tables }: Scope, parameter: Parameter): RawBuilder<object> {
  const isDueAt = nextStart('flow_run', sql`entered.change`, dialect)
  const columns = enterState({ run: 'flow_run', type: undefined, isDueAt, endBefore: endBefore('flow_run') }, dialect)
  return sql`
    with entered as materialized (
      select state.id, state.type, state.name, state.timestamp, state.updated, state.flow_run_id, given.value as change
      from json_each(${parameter('changes')}) as given
      cross join ${tables.flow_run_state} as state on state.id = json_extract(given.value, '$.state.id')
    )
    update ${tables.flow_run} set
      state_id = entered.id, state_type = entered.type, state_name = entered.name,
      ${sql.join(columns.map(([column, value]) => sql`${sql.ref(column)} = ${value}`))}
    from entered
    where flow_run.id = entered.flow_run_id
    returning ${selection(flowRunColumns, dialect, 'flow_run')}`
}

function isAsExpected(parameter: Parameter, { byId, byType }: ExpectationShape): Condition {
  const expected = sql`json_extract(given.value, '$.expected')`
  return and([
    ...(byId ? [sql<SqlBool>`(${expected} is null or run.state_id = ${expected})`] : []),
    ...(byType ? [sql<SqlBool>`run.state_type in (select value from json_each(${parameter('types')}))`] : []),
  ])
}

function literals(words: readonly string[]): Fragment {
  return sql.join(words.map((word) => sql.lit(word)))
}

/** A value of the state in a change. */
function inState(key: string): Fragment {
  return sql`json_extract(given.value, ${sql.lit(`$.state.${key}`)})`
}
