import { addSeconds } from 'date-fns/addSeconds'
import { type RawBuilder, sql } from 'kysely'
import { decode } from '../model/columns.js'
import { type FlowRun, flowRunColumns } from '../model/flow-run.js'
import type { NewLease } from '../model/flow-run-lease.js'
import { newId, newIdHead } from '../model/ids.js'
import { encodeTime } from '../model/values.js'
import type { Scope } from '../session.js'
import { type Parameter, runStatement } from '../sql/cached-statement.js'
import { enterPending } from '../sql/enter-pending.js'
import { leaseText } from '../sql/leases.js'
import { encodeIdList, inOrder } from '../sql/lists.js'
import { readStoredRuns } from '../sql/stored-runs.js'
import { enterPendingStates, insertPendingLeases, insertPendingStates } from './queue-claim.sqlite.js'

/** How runs are claimed. */
interface Claiming {
  /** `undefined`: the clock. */
  readonly now: Date | undefined
  /** `undefined`: in nobody's name. */
  readonly lease: NewLease | undefined
}

/**
 * Moves locked runs from SCHEDULED to PENDING, with their leases, and returns them in the order of their ids.
 */
export async function enterPendingRuns(scope: Scope, ids: readonly string[], claim: Claiming): Promise<FlowRun[]> {
  if (ids.length === 0) return []
  return scope.dialect === 'postgres'
    ? await enterOnPostgres(scope, ids, claim)
    : await enterOnSqlite(scope, ids, claim)
}

async function enterOnPostgres(scope: Scope, ids: readonly string[], { now, lease }: Claiming): Promise<FlowRun[]> {
  const rows = await runStatement<{ run: string }>(
    scope,
    `claim-runs ${now === undefined} ${lease !== undefined}`,
    (parameter) => sql`
      with ${enterPending(scope, {
        ids: sql`select unnest(cast(cast(${parameter('ids')} as text) as uuid[]))`,
        now: now === undefined ? undefined : sql`cast(${parameter('now')} as timestamptz)`,
        stateIdHead: sql`cast(${parameter('stateIdHead')} as text)`,
        lease: lease && leaseText(parameter),
      })}
      select run.record as run from claimed as run`,
    {
      ids: encodeIdList(ids, 'postgres'),
      now: now && encodeTime(now, 'postgres'),
      stateIdHead: newIdHead(),
      ...lease,
    },
  )
  return inOrder(ids, readStoredRuns(rows))
}

async function enterOnSqlite(
  scope: Scope,
  ids: readonly string[],
  { now = new Date(), lease }: Claiming,
): Promise<FlowRun[]> {
  const states = JSON.stringify(Object.fromEntries(ids.map((id) => [id, newId()])))
  const values = { states, now: encodeTime(now, 'sqlite') }
  await runStatement(scope, 'claim-states', (p) => insertPendingStates(scope, p('states'), p('now')), values)
  const rows = await runStatement(scope, 'claim-runs', (p) => enterPendingStates(scope, p('states'), p('now')), values)
  if (lease !== undefined) {
    const { holder, leaseSeconds } = lease
    const leases = { states, holder, expiresAt: encodeTime(addSeconds(now, leaseSeconds), 'sqlite') }
    const text = (p: Parameter): RawBuilder<object> =>
      insertPendingLeases(scope, { states: p('states'), holder: p('holder'), expiresAt: p('expiresAt') })
    await runStatement(scope, 'claim-leases', text, leases)
  }
  return inOrder(
    ids,
    rows.map((row) => decode(flowRunColumns, row)),
  )
}
