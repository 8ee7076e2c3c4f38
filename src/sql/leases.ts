import { type RawBuilder, sql } from 'kysely'
import { WORK_QUEUE_SLOT_STATES } from '../rules/states.js'
import type { Scope } from '../session.js'
import type { Parameter } from './cached-statement.js'
import { LAST_MOMENT } from './clock.js'
import { type Condition, isOneOf } from './lists.js'
import { occupiesSlot } from './runs.js'

// What statements say of leases, each once. A lease is under the alias `lease`, its run under the alias
// `run`.

type Fragment = RawBuilder<unknown>

/** What stands for the values of a lease that a claim makes. */
export interface LeaseText {
  readonly holder: Fragment
  readonly leaseSeconds: Fragment
}

/** PostgreSQL: names the values of a lease, which are to be given as they are in `NewLease`. */
export function leaseText(parameter: Parameter): LeaseText {
  return {
    holder: sql`cast(${parameter('holder')} as text)`,
    leaseSeconds: sql`cast(${parameter('leaseSeconds')} as integer)`,
  }
}

/**
 * PostgreSQL: inserts the leases of the runs in `claimed`, in place of those that were left of claims before.
 *
 * By id, which is the order in which renewals lock leases: see locks.ts.
 */
export function insertLeases({ tables }: Pick<Scope, 'tables'>, { holder, leaseSeconds }: LeaseText): Fragment {
  return sql`
    insert into ${tables.flow_run_lease} (flow_run_id, state_id, holder, acquired_at, expires_at)
    select run.id, run.state_id, ${holder}, run.state_timestamp, ${expiryAfter(sql`run.updated`, leaseSeconds)}
    from claimed as run
    order by run.id
    ${inPlaceOfOld}`
}

/** Replaces the lease of a claim before. */
export const inPlaceOfOld: Fragment = sql`
    on conflict (flow_run_id) do update set
      state_id = excluded.state_id,
      holder = excluded.holder,
      acquired_at = excluded.acquired_at,
      expires_at = excluded.expires_at`

/** PostgreSQL: when a lease that is given or renewed at that time expires: within the years that all have. */
export function expiryAfter(time: Fragment, leaseSeconds: Fragment): Fragment {
  return sql`least(${time} + make_interval(secs => ${leaseSeconds}), ${LAST_MOMENT})`
}

/**
 * The lease holds: its run has occupied its slot without a break since the claim. It is the rule
 * `leaseHolds`, and false where it is not known.
 *
 * While the run is in the very state of the claim, its history is not read.
 */
export function leaseHolds({ tables }: Pick<Scope, 'tables'>): Condition {
  return sql`(${occupiesSlot(WORK_QUEUE_SLOT_STATES)} and (
    run.state_id = lease.state_id
    or not exists (
      select 1 from ${tables.flow_run_state} as state
      where state.flow_run_id = run.id and state.timestamp > lease.acquired_at
        and not ${isOneOf('state.type', WORK_QUEUE_SLOT_STATES)}
    )
  )) is true`
}

/**
 * The run of each lease, as what comes after the leases in `from`: always looked up by its id. As a join,
 * PostgreSQL might read all runs for it.
 */
export function runOfLease({ dialect, tables }: Pick<Scope, 'dialect' | 'tables'>): Fragment {
  return dialect === 'postgres'
    ? sql`cross join lateral (
        select run.* from ${tables.flow_run} as run where run.id = lease.flow_run_id limit 1) as run`
    : sql`cross join ${tables.flow_run} as run on run.id = lease.flow_run_id`
}
