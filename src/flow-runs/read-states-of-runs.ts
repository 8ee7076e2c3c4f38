import { sql } from 'kysely'
import type { Scope } from '../session.js'
import type { StateType } from '../rules/states.js'
import { hasAnyId } from '../sql/lists.js'

/** The state that a run is in. */
export interface FoundState {
  readonly id: string
  readonly stateId: string | null
  readonly stateType: StateType | null
}

/** Reads which states runs are in, without their records, of which one may not be readable. */
export async function readStatesOfRuns({ db, dialect, tables }: Scope, ids: readonly string[]): Promise<FoundState[]> {
  const { rows } = await sql<FoundState>`
    select run.id, run.state_id as "stateId", run.state_type as "stateType"
    from ${tables.flow_run} as run where ${hasAnyId('run.id', ids, dialect)}
  `.execute(db)
  return rows
}
