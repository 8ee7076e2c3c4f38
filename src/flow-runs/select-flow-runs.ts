import { type RawBuilder, sql } from 'kysely'
import { decode, selection } from '../model/columns.js'
import { flowRunColumns } from '../model/flow-run.js'
import type { FlowRun } from '../model/flow-run.js'
import type { Scope } from '../session.js'

/**
 * The flow runs that a condition on the alias `run` selects.
 *
 * @param rest - What follows the condition: order, limit, lock.
 */
export async function selectFlowRuns(
  { db, dialect, tables }: Scope,
  condition: RawBuilder<unknown>,
  rest: RawBuilder<unknown> = sql``,
): Promise<FlowRun[]> {
  const { rows } = await sql<object>`
    select ${selection(flowRunColumns, dialect, 'run')}
    from ${tables.flow_run} as run
    where ${condition}
    ${rest}
  `.execute(db)
  return rows.map((row) => decode(flowRunColumns, row))
}
