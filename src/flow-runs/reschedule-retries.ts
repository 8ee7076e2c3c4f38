import { sql } from 'kysely'
import type { Scope } from '../session.js'
import { hasAnyId } from '../sql/lists.js'
import { isNotRetriedInProcess } from '../sql/runs.js'

/**
 * Of locked runs, those that their policy has retried inside the process that ran them (`retry_type`:
 * `in_process`) are from now on to be rescheduled: that process is gone, and polls of a pool leave such runs
 * out. Source: `HandleFlowTerminalStateTransitions` of Prefect's `orchestration.core_policy`.
 */
export async function rescheduleRetries({ db, dialect, tables }: Scope, ids: readonly string[]): Promise<void> {
  const policy =
    dialect === 'postgres'
      ? sql`jsonb_set(run.empirical_policy, '{retry_type}', '"reschedule"')`
      : sql`json_set(run.empirical_policy, '$.retry_type', 'reschedule')`
  await sql`
    update ${tables.flow_run} as run set empirical_policy = ${policy}
    where ${hasAnyId('run.id', ids, dialect)} and not (${isNotRetriedInProcess(dialect)})
  `.execute(db)
}
