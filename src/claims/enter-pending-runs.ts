import { sql } from 'kysely'
import { decode } from '../model/columns.js'
import { type FlowRun, flowRunColumns } from '../model/flow-run.js'
import { newId, newIdHead } from '../model/ids.js'
import { encodeTime } from '../model/values.js'
import type { Scope } from '../session.js'
import { runStatement } from '../sql/cached-statement.js'
import { enterPending } from '../sql/enter-pending.js'
import { encodeIdList, inOrder } from '../sql/lists.js'
import { readStoredRuns } from '../sql/stored-runs.js'
import { enterPendingStates, insertPendingStates } from './queue-claim.sqlite.js'

/** Moves locked runs from SCHEDULED to PENDING, and returns them in the order of their ids. */
export async function enterPendingRuns(
  scope: Scope,
  ids: readonly string[],
  now: Date | undefined,
): Promise<FlowRun[]> {
  if (ids.length === 0) return []
  return scope.dialect === 'postgres' ? await enterOnPostgres(scope, ids, now) : await enterOnSqlite(scope, ids, now)
}

async function enterOnPostgres(scope: Scope, ids: readonly string[], now: Date | undefined): Promise<FlowRun[]> {
  const rows = await runStatement<{ run: string }>(
    scope,
    `claim-runs ${now === undefined}`,
    (parameter) => sql`
      with ${enterPending(scope, {
        ids: sql`select unnest(cast(cast(${parameter('ids')} as text) as uuid[]))`,
        now: now === undefined ? undefined : sql`cast(${parameter('now')} as timestamptz)`,
        stateIdHead: sql`cast(${parameter('stateIdHead')} as text)`,
      })}
      select run.record as run from claimed as run`,
    {
      ids: encodeIdList(ids, 'postgres'),
      now: now && encodeTime(now, 'postgres'),
      stateIdHead: newIdHead(),
    },
  )
  return inOrder(ids, readStoredRuns(rows))
}

async function enterOnSqlite(scope: Scope, ids: readonly string[], now: Date | undefined): Promise<FlowRun[]> {
  const states = JSON.stringify(Object.fromEntries(ids.map((id) => [id, newId()])))
  const values = { states, now: encodeTime(now ?? new Date(), 'sqlite') }
  await runStatement(scope, 'claim-states', (p) => insertPendingStates(scope, p('states'), p('now')), values)
  const rows = await runStatement(scope, 'claim-runs', (p) => enterPendingStates(scope, p('states'), p('now')), values)
  return inOrder(
    ids,
    rows.map((row) => decode(flowRunColumns, row)),
  )
}
