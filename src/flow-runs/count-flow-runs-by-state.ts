import { sql } from 'kysely'
import * as z from 'zod'
import { check } from '../model/checks.js'
import { flowRunFilterSchema } from '../model/flow-run-filter.js'
import { decodeInteger } from '../model/values.js'
import { STATE_TYPES, type StateType } from '../rules/states.js'
import { open, type RequiredTables, type Session } from '../session.js'
import { waysToMatch } from '../sql/filters.js'
import type { CountFlowRunsOptions } from './count-flow-runs.js'

const optionsSchema = z.strictObject({ filter: flowRunFilterSchema.optional() })

/**
 * Counts flow runs by the type of their state, in one statement.
 *
 * @returns A number for every state type, 0 where there is no run. Runs without a state are in none.
 * @throws {InvalidInputError} when the filter is not valid.
 *
 * @example
 * ```ts
 * const { SCHEDULED, RUNNING } = await countFlowRunsByState(db, { filter: { memberOf: queue.id } })
 * ```
 */
export async function countFlowRunsByState<DB extends RequiredTables>(
  session: Session<DB>,
  options: CountFlowRunsOptions = {},
): Promise<Record<StateType, number>> {
  const { filter = {} } = check(optionsSchema, options)
  return await open(session, async (scope) => {
    const runs = waysToMatch(filter, scope).map(
      (isMatch) => sql`select run.state_type from ${scope.tables.flow_run} as run where ${isMatch}`,
    )
    const { rows } = await sql<{ type: StateType | null; count: unknown }>`
      select run.state_type as type, count(*) as count
      from (${sql.join(runs, sql` union all `)}) as run
      group by run.state_type
    `.execute(scope.db)
    const counts = new Map(rows.map(({ type, count }) => [type, decodeInteger(count)]))
    return Object.fromEntries(STATE_TYPES.map((type) => [type, counts.get(type) ?? 0])) as Record<StateType, number>
  })
}
