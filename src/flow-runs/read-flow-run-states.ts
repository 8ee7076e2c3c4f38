import { sql } from 'kysely'
import { check, idSchema } from '../model/checks.js'
import { decode, selection } from '../model/columns.js'
import { type FlowRunState, flowRunStateColumns } from '../model/flow-run-state.js'
import { open, type RequiredTables, type Session } from '../session.js'

/**
 * Reads the history of a flow run: every state that it entered, oldest first. A run that does not exist has
 * none.
 *
 * @throws {InvalidInputError} when the id is not a UUID.
 *
 * @example
 * ```ts
 * for (const { timestamp, name, message } of await readFlowRunStates(db, run.id)) {
 *   console.log(timestamp, name, message)
 * }
 * ```
 */
export async function readFlowRunStates<DB extends RequiredTables>(
  session: Session<DB>,
  id: string,
): Promise<FlowRunState[]> {
  const flowRunId = check(idSchema, id, 'id')
  return await open(session, async ({ db, dialect, tables }) => {
    // No two states of a run have one time.
    const { rows } = await sql<object>`
      select ${selection(flowRunStateColumns, dialect, 'state')}
      from ${tables.flow_run_state} as state
      where state.flow_run_id = ${flowRunId}
      order by state.timestamp asc
    `.execute(db)
    return rows.map((row) => decode(flowRunStateColumns, row))
  })
}
