import { type RawBuilder, sql } from 'kysely'
import type { Scope } from '../session.js'
import type { Parameter } from '../sql/cached-statement.js'
import { timeOfWriting } from '../sql/clock.js'
import { expiryAfter, leaseHolds, leaseText, runOfLease } from '../sql/leases.js'
import { isAmongIds } from '../sql/lists.js'

/**
 * Renews the leases of a holder that hold, or those of them that are asked for, and drops its void ones.
 *
 * A lease that holds is locked before it is written, in the order of runs' ids, and waited for: whoever has
 * locked it renews it too, or is about to release it. The condition is asked again of the row that was waited
 * for: a lease that was released is gone, and one that was given anew has another state. Void ones come last,
 * and are passed over where somebody else has them: a claim that is about to replace it, or who deletes its
 * run. So a renewal waits with leases in its hands for leases alone, and only in that order.
 */
export function renewAndDrop(
  scope: Scope,
  parameter: Parameter,
  { isOfRuns, isNow }: { readonly isOfRuns: boolean; readonly isNow: boolean },
): RawBuilder<{ flowRunId: string; stateType: never }> {
  const { dialect, tables } = scope
  const { holder, leaseSeconds } = leaseText(parameter)
  const now = isNow ? timeOfWriting(undefined, dialect) : sql`cast(${parameter('now')} as timestamptz)`
  const isAsked = isOfRuns ? sql`and ${isAmongIds('mine.flow_run_id', parameter('flowRunIds'), dialect)}` : sql``
  const sameLease = sql`
    from mine join ${tables.flow_run_lease} as lease
      on lease.flow_run_id = mine.flow_run_id and lease.state_id = mine.state_id`
  return sql`
    with mine as materialized (
      select lease.flow_run_id, lease.state_id, run.state_type, ${leaseHolds(scope)} as holds
      from ${tables.flow_run_lease} as lease ${runOfLease(scope)}
      where lease.holder = ${holder}
    ),
    held as materialized (
      select lease.flow_run_id, mine.state_type
      ${sameLease}
      where mine.holds ${isAsked}
      order by mine.flow_run_id
      for no key update of lease
    ),
    renewed as (
      update ${tables.flow_run_lease} as lease set expires_at = ${expiryAfter(now, leaseSeconds)}
      where lease.flow_run_id = any(array(select held.flow_run_id from held))
    ),
    void as materialized (
      select lease.flow_run_id
      ${sameLease}
      where not mine.holds and (select count(*) from held) >= 0
      for update of lease skip locked
    ),
    dropped as (
      delete from ${tables.flow_run_lease} as lease
      where lease.flow_run_id = any(array(select void.flow_run_id from void))
    )
    select cast(held.flow_run_id as text) as "flowRunId", cast(held.state_type as text) as "stateType"
    from held
    order by held.flow_run_id`
}
