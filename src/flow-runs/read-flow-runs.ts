import { sql } from 'kysely'
import { z } from 'zod'
import { check, type PageOptions, pageShape } from '../model/checks.js'
import { page } from '../sql/runs.js'
import { type FlowRunFilter, flowRunFilterSchema } from '../model/flow-run-filter.js'
import { matchesFlowRunFilter } from '../sql/filters.js'
import type { FlowRun } from '../model/flow-run.js'
import { open, type RequiredTables, type Session } from '../session.js'
import { selectFlowRuns } from './select-flow-runs.js'

/** Which flow runs to read. */
export interface ReadFlowRunsOptions extends PageOptions {
  /** Default: every run. */
  filter?: FlowRunFilter | undefined
}

const optionsSchema = z.strictObject({ filter: flowRunFilterSchema.optional(), ...pageShape })

/**
 * Reads flow runs, ordered by id, which is the order in which this library created them.
 *
 * @throws {InvalidInputError} when an option is not valid.
 *
 * @example
 * ```ts
 * const late = await readFlowRuns(db, { filter: { stateName: { any: ['Late'] } }, limit: 100 })
 * ```
 */
export async function readFlowRuns<DB extends RequiredTables>(
  session: Session<DB>,
  options: ReadFlowRunsOptions = {},
): Promise<FlowRun[]> {
  const { filter, limit, offset } = check(optionsSchema, options)
  return await open(session, async (scope) => {
    return await selectFlowRuns(
      scope,
      matchesFlowRunFilter(filter ?? {}, scope.dialect),
      sql`order by run.id asc ${page({ limit, offset })}`,
    )
  })
}
