import { type RawBuilder, sql } from 'kysely'
import type { Dialect } from '../model/dialect.js'
import { TERMINAL_STATES } from '../rules/states.js'
import { type Condition, isOneOf } from './lists.js'

/** A state in which a run has ended. */
export type TerminalStateType = 'COMPLETED' | 'FAILED' | 'CANCELLED' | 'CRASHED'

/** Which ended runs are to be deleted, as statements take it. */
export interface Pruning {
  readonly states: readonly TerminalStateType[]
  /** Whether only runs of the queues `ids` are meant. */
  readonly isOfQueues: boolean
  /** The parameters: a time under the name of each state, `ids`, `limit`, and `last`, which is one less. */
  readonly values: Readonly<Record<string, unknown>>
}

/**
 * When the run under the alias ended, as the indexes of ended runs say it: as far as is known, for a row that
 * another program has left without its end.
 */
export function endOf(alias: string): RawBuilder<unknown> {
  const columns = ['end_time', 'state_timestamp', 'created'].map((column) => sql.ref(`${alias}.${column}`))
  return sql`coalesce(${sql.join(columns)})`
}

/**
 * The run under the alias ended in this state. SQLite uses the indexes only where their own condition is said
 * too, term for term; to PostgreSQL, which sees that it follows, it would make such runs look rare.
 */
export function hasEndedIn(alias: string, state: TerminalStateType, dialect: Dialect): Condition {
  const column = `${alias}.state_type`
  const isInState: Condition = sql`${sql.ref(column)} = ${sql.lit(state)}`
  return dialect === 'postgres' ? isInState : sql`${isOneOf(column, TERMINAL_STATES)} and ${isInState}`
}
