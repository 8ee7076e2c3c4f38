import { type RawBuilder, sql } from 'kysely'
import { FlowRunNotFoundError } from '../errors.js'
import type { StateType } from '../rules/states.js'
import type { Scope } from '../session.js'
import { hasAnyId } from '../sql/lists.js'

/** The state that a run is in. */
export interface FoundState {
  readonly id: string
  readonly stateId: string | null
  readonly stateType: StateType | null
}

/** Reads which states runs are in, without their records, of which one may not be readable. */
export async function readStatesOfRuns(
  scope: Scope,
  ids: readonly string[],
  lock: RawBuilder<unknown> = sql``,
): Promise<FoundState[]> {
  const { db, dialect, tables } = scope
  const { rows } = await sql<FoundState>`
    select run.id, run.state_id as "stateId", run.state_type as "stateType"
    from ${tables.flow_run} as run where ${hasAnyId('run.id', ids, dialect)}
    ${lock}
  `.execute(db)
  return rows
}

/** Locks a run, and reads which state it is in. */
export async function lockStateOfRun(scope: Scope, id: string): Promise<FoundState> {
  const lock = scope.dialect === 'postgres' ? sql`for no key update` : undefined
  const [found] = await readStatesOfRuns(scope, [id], lock)
  if (found === undefined) throw new FlowRunNotFoundError(id)
  return found
}
