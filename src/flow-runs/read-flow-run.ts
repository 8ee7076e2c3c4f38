import { sql } from 'kysely'
import { check, idSchema } from '../model/checks.js'
import type { FlowRun } from '../model/flow-run.js'
import { open, type RequiredTables, type Session } from '../session.js'
import { selectFlowRuns } from './select-flow-runs.js'

/**
 * Reads a flow run by its id.
 *
 * @returns The run, or `undefined` when there is none with this id.
 * @throws {InvalidInputError} when the id is not a UUID.
 *
 * @example
 * ```ts
 * const run = await readFlowRun(db, id)
 * ```
 */
export async function readFlowRun<DB extends RequiredTables>(
  session: Session<DB>,
  id: string,
): Promise<FlowRun | undefined> {
  const flowRunId = check(idSchema, id, 'id')
  const [run] = await open(session, (scope) => selectFlowRuns(scope, sql`run.id = ${flowRunId}`))
  return run
}
