import { type RawBuilder, sql } from 'kysely'
import type { Dialect } from '../model/dialect.js'
import { MAX_RUN_COUNT } from '../rules/enter-state.js'
import { type StateType, TERMINAL_STATES } from '../rules/states.js'
import { normalized } from './clock.js'
import { isOneOf } from './lists.js'

type Fragment = RawBuilder<unknown>

/**
 * The state that a run enters, as SQL. The table `entered` has the columns `timestamp` and `updated`, and
 * `type` when that differs from run to run.
 */
export interface EnteredStateText {
  /** The table or alias of the runs. */
  readonly run: 'run' | 'flow_run'
  /** The type of the state that all runs enter, if there is one: then the text is of that alone. */
  readonly type: StateType | undefined
  /** When the run is due in this state: {@link nextStart}. `undefined`: when it was. */
  readonly isDueAt: Fragment | undefined
  /** {@link endBefore}, or the column where that was selected: it is said twice. */
  readonly endBefore: Fragment
}

/**
 * What an `update` writes of a run that enters a state, by column, beside the state's id, type and name. It
 * is the rule `enterState`, with `runningMilliseconds`, as SQL says it; what the rule leaves as it was is
 * written as it is stored, to the microsecond, or not written.
 */
export function enterState(
  { run, type, isDueAt, endBefore: endedAt }: EnteredStateText,
  dialect: Dialect,
): [column: string, value: Fragment][] {
  const stored = (column: string): Fragment => sql.ref(`${run}.${column}`)
  const [count, start] = [stored('run_count'), stored('start_time')]
  const [expected, due] = [stored('expected_start_time'), stored('next_scheduled_start_time')]
  const at = sql.ref('entered.timestamp')
  const most = sql.lit(MAX_RUN_COUNT)
  const startOfEnded = sql`coalesce(${start}, case when (${endedAt}) is null then ${at} end)`
  const columns: [column: string, value: Fragment][] = [
    ['updated', sql.ref('entered.updated')],
    ['state_timestamp', at],
    [
      'run_count',
      ofType(type, [[['RUNNING'], sql`case when ${count} < ${most} then ${count} + 1 else ${count} end`]], count),
    ],
    ['expected_start_time', sql`coalesce(${expected}, ${ofType(type, [[WAITING, isDueAt ?? due]], at)})`],
    ['next_scheduled_start_time', isDueAt ?? due],
    [
      'start_time',
      ofType(
        type,
        [
          [['RUNNING'], sql`coalesce(${start}, ${at})`],
          [TERMINAL_STATES, startOfEnded],
        ],
        start,
      ),
    ],
    ['end_time', ofType(type, [[TERMINAL_STATES, sql`coalesce(${endedAt}, ${at})`]])],
    ['total_run_time', totalRunTime(run, at, dialect)],
  ]
  return columns.filter(([, value]) => value !== count && value !== due && value !== start)
}

// With a type, since PostgreSQL takes a bare null in a sub-select for text.
const NO_TIME = sql`cast(null as timestamptz)`

/** What is meant for the type that is entered, else no time: decided now, if the type is known. */
function ofType(
  type: StateType | undefined,
  cases: readonly (readonly [types: readonly StateType[], value: Fragment])[],
  otherwise?: Fragment,
): Fragment {
  if (type !== undefined) return cases.find(([types]) => types.includes(type))?.[1] ?? otherwise ?? NO_TIME
  const whens = cases.map(([types, value]) => sql`when ${isOneOf('entered.type', types)} then ${value}`)
  return sql`case ${sql.join(whens, sql` `)} ${otherwise === undefined ? sql`` : sql`else ${otherwise}`} end`
}

/** When the run ended, if it has: what another state left as its end is none. */
export function endBefore(run: 'run' | 'flow_run'): Fragment {
  return sql`case when ${isOneOf(`${run}.state_type`, TERMINAL_STATES)} then ${sql.ref(`${run}.end_time`)} end`
}

/** The states of a run that waits to be started, which know when it is due. */
export const WAITING: readonly StateType[] = ['SCHEDULED', 'PENDING']

/**
 * The rule `nextStartIn`: `due` in a change, a JSON object, is when the run is due, perhaps null; without it,
 * it is due when it was.
 */
export function nextStart(run: 'run' | 'flow_run', change: Fragment, dialect: Dialect): Fragment {
  const before = sql.ref(`${run}.next_scheduled_start_time`)
  return dialect === 'postgres'
    ? sql`case when ${change} -> 'due' is null then ${before} else cast(${change} ->> 'due' as timestamptz) end`
    : sql`case when json_type(${change}, '$.due') is null then ${before} else json_extract(${change}, '$.due') end`
}

/**
 * The total run time, longer by the time in the state that the run leaves if that was RUNNING, in whole
 * milliseconds of records. Since ever, `-infinity`, and since what is no time, is no time that can be
 * counted.
 */
function totalRunTime(run: 'run' | 'flow_run', until: Fragment, dialect: Dialect): Fragment {
  const [total, since] = [sql.ref(`${run}.total_run_time`), sql.ref(`${run}.state_timestamp`)]
  const isRunning = sql`${sql.ref(`${run}.state_type`)} = ${sql.lit('RUNNING')}`
  if (dialect === 'postgres') {
    const [from, to] = [since, until].map((time) => sql`date_trunc('milliseconds', ${time})`)
    return sql`case
      when ${isRunning} and ${since} > '-infinity' and ${since} < ${until}
      then ${total} + (${to} - ${from})
      else ${total}
    end`
  }
  // On SQLite it is the time since 1970. Past the year 9999 there is none. A Julian day has room for 40
  // microseconds.
  const [from, to] = [normalized(since), until].map((time) => sql`julianday(substr(${time}, 1, 23))`)
  return sql`case
    when ${isRunning} then (
      select case
        when spent.seconds > 0
        then coalesce(strftime('%Y-%m-%d %H:%M:%f000', ${total}, printf('%.3f seconds', spent.seconds)), ${total})
        else ${total}
      end
      from (select round((${to} - ${from}) * 86400, 3) as seconds) as spent)
    else ${total}
  end`
}
