import { sql } from 'kysely'
import * as z from 'zod'
import { check } from '../model/checks.js'
import { type FlowRunFilter, flowRunFilterSchema } from '../model/flow-run-filter.js'
import { waysToMatch } from '../sql/filters.js'
import { decodeInteger } from '../model/values.js'
import { open, type RequiredTables, type Session } from '../session.js'

/** Which flow runs to count. */
export interface CountFlowRunsOptions {
  /** Default: every run. */
  filter?: FlowRunFilter | undefined
}

const optionsSchema = z.strictObject({ filter: flowRunFilterSchema.optional() })

/**
 * Counts flow runs.
 *
 * @throws {InvalidInputError} when the filter is not valid.
 *
 * @example
 * ```ts
 * const running = await countFlowRuns(db, { filter: { stateType: { any: ['RUNNING'] } } })
 * ```
 */
export async function countFlowRuns<DB extends RequiredTables>(
  session: Session<DB>,
  options: CountFlowRunsOptions = {},
): Promise<number> {
  const { filter = {} } = check(optionsSchema, options)
  return await open(session, async (scope) => {
    const counts = waysToMatch(filter, scope).map(
      (isMatch) => sql`(select count(*) from ${scope.tables.flow_run} as run where ${isMatch})`,
    )
    const { rows } = await sql<{ count: unknown }>`select ${sql.join(counts, sql` + `)} as count`.execute(scope.db)
    return decodeInteger(rows[0]?.count)
  })
}
