import { type RawBuilder, sql } from 'kysely'
import type { Scope } from '../session.js'
import type { Parameter } from '../sql/cached-statement.js'
import { leaseHolds, runOfLease } from '../sql/leases.js'
import { type Condition, isAmongIds } from '../sql/lists.js'

type Fragment = RawBuilder<unknown>

/** Renews the leases of a holder that hold, or those of them that are asked for. */
export function renewHeldLeases(
  scope: Scope,
  parameter: Parameter,
  isOfRuns: boolean,
): RawBuilder<{ flowRunId: string; stateType: never }> {
  const { dialect, tables } = scope
  const isAsked = isOfRuns ? sql`and ${isAmongIds('lease.flow_run_id', parameter('flowRunIds'), dialect)}` : sql``
  return sql`
    update ${tables.flow_run_lease} set expires_at = ${parameter('expiresAt')}
    where flow_run_id in (${leasesOf(scope, parameter('holder'), sql`${leaseHolds(scope)} ${isAsked}`)})
    returning
      flow_run_id as "flowRunId",
      (select run.state_type from ${tables.flow_run} as run where run.id = flow_run_id) as "stateType"`
}

/** Deletes the leases of a holder that are void. */
export function dropVoidLeases(scope: Scope, holder: Fragment): RawBuilder<object> {
  return sql`
    delete from ${scope.tables.flow_run_lease}
    where flow_run_id in (${leasesOf(scope, holder, sql`not (${leaseHolds(scope)})`)})`
}

function leasesOf(scope: Scope, holder: Fragment, condition: Condition): Fragment {
  return sql`
    select lease.flow_run_id from ${scope.tables.flow_run_lease} as lease ${runOfLease(scope)}
    where lease.holder = ${holder} and ${condition}`
}
