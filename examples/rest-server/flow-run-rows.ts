// What this server itself reads and writes of flow runs: the library moves runs through the queues, and leaves the rest of their
// row to the host.

import { type Kysely, sql, type Updateable } from 'kysely'
import type { FlowRun, FlowRunCreate, FlowRunTable, WorkQueueTables } from 'kysely-work-queues'

/** The columns of a run that a host may change as it likes. */
export type FlowRunPatch = Pick<
  FlowRunCreate,
  'name' | 'parameters' | 'empiricalPolicy' | 'tags' | 'labels' | 'jobVariables' | 'infrastructurePid'
>

/** Changes a run, and says whether there is one. */
export async function updateRun(db: Kysely<WorkQueueTables>, id: string, patch: FlowRunPatch): Promise<boolean> {
  const columns: Updateable<FlowRunTable> = {
    name: patch.name,
    parameters: json(patch.parameters),
    empirical_policy: json(patch.empiricalPolicy),
    tags: json(patch.tags),
    labels: patch.labels && json(patch.labels),
    job_variables: patch.jobVariables && json(patch.jobVariables),
    infrastructure_pid: patch.infrastructurePid,
  }
  const { numUpdatedRows } = await db
    .updateTable('flow_run')
    .set({ ...columns, updated: sql`current_timestamp` })
    .where('id', '=', id)
    .executeTakeFirst()
  return numUpdatedRows > 0n
}

function json(value: object | undefined): string | undefined {
  return value && JSON.stringify(value)
}

/** Deletes runs with their history, and returns the ids of those that there were. */
export async function deleteRuns(db: Kysely<WorkQueueTables>, ids: readonly string[]): Promise<string[]> {
  if (ids.length === 0) return []
  const deleted = await db.deleteFrom('flow_run').where('id', 'in', ids).returning('id').execute()
  return deleted.map(({ id }) => id)
}

/** What was said when the runs entered their states, by the ids of these. */
export async function readMessages(
  db: Kysely<WorkQueueTables>,
  runs: readonly FlowRun[],
): Promise<Map<string, string | null>> {
  const ids = runs.flatMap(({ stateId }) => stateId ?? [])
  if (ids.length === 0) return new Map()
  const states = await db.selectFrom('flow_run_state').select(['id', 'message']).where('id', 'in', ids).execute()
  return new Map(states.map(({ id, message }) => [id, message]))
}
