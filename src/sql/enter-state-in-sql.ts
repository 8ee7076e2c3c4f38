import { type RawBuilder, sql } from 'kysely'
import type { Dialect } from '../model/dialect.js'
import { MAX_RUN_COUNT } from '../rules/enter-state.js'
import { type StateType, TERMINAL_STATES } from '../rules/states.js'
import { normalized } from './clock.js'
import { isOneOf } from './lists.js'

type Fragment = RawBuilder<unknown>

/**
 * The state that a run enters, as SQL. The table `entered` has the columns `id`, `type`, `name`, `timestamp`
 * and `updated`.
 */
export interface EnteredStateText {
  /** The table or alias of the runs. */
  readonly run: 'run' | 'flow_run'
  /** When the run is due in this state: {@link nextStart}. */
  readonly isDueAt: Fragment
}

/**
 * What an `update` writes of a run that enters a state, by column. It is the rule `enterState`, with
 * `runningMilliseconds`, as SQL says it; what the rule leaves as it was is written as it is stored, to the
 * microsecond.
 */
export function enterState({ run, isDueAt }: EnteredStateText, dialect: Dialect): [column: string, value: Fragment][] {
  const at = sql.ref('entered.timestamp')
  const isRunning = sql`entered.type = ${sql.lit('RUNNING')}`
  const isWaiting = isOneOf('entered.type', WAITING)
  const isTerminal = isOneOf('entered.type', TERMINAL_STATES)
  const endedAt = sql`case when ${isOneOf(`${run}.state_type`, TERMINAL_STATES)} then ${sql.ref(`${run}.end_time`)} end`
  const most = sql.lit(MAX_RUN_COUNT)
  const count = sql.ref(`${run}.run_count`)
  return [
    ['updated', sql.ref('entered.updated')],
    ['state_id', sql.ref('entered.id')],
    ['state_type', sql.ref('entered.type')],
    ['state_name', sql.ref('entered.name')],
    ['state_timestamp', at],
    ['run_count', sql`case when ${isRunning} and ${count} < ${most} then ${count} + 1 else ${count} end`],
    [
      'expected_start_time',
      sql`coalesce(${sql.ref(`${run}.expected_start_time`)}, case when ${isWaiting} then ${isDueAt} else ${at} end)`,
    ],
    ['next_scheduled_start_time', isDueAt],
    [
      'start_time',
      sql`coalesce(${sql.ref(`${run}.start_time`)}, case when ${isRunning} or ${isTerminal} and (${endedAt}) is null then ${at} end)`,
    ],
    ['end_time', sql`case when ${isTerminal} then coalesce(${endedAt}, ${at}) end`],
    ['total_run_time', totalRunTime(run, at, dialect)],
  ]
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
      then ${total} + make_interval(secs => cast(extract(epoch from ${to} - ${from}) as double precision))
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
