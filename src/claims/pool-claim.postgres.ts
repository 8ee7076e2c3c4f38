import { type RawBuilder, sql } from 'kysely'
import { passGates } from '../sql/advisory-locks.js'
import { askedPools, limitTo, orderOf, type PoolPollText } from '../polls/pool-poll-parts.js'
import { walkOf } from '../polls/pool-poll.postgres.js'
import type { Scope } from '../session.js'
import { ORDER_OF_QUEUES } from '../sql/active-runs.js'
import { enterPending } from '../sql/enter-pending.js'
import type { LeaseText } from '../sql/leases.js'
import { and, type Condition, isInIdList } from '../sql/lists.js'

type Fragment = RawBuilder<unknown>

/** A claim over pools: the poll, and what it needs to enter states. */
export interface PoolClaimText {
  readonly poll: PoolPollText
  /** `undefined`: the database's clock. */
  readonly now: Fragment | undefined
  readonly stateIdHead: Fragment
  readonly lease: LeaseText | undefined
}

/**
 * A claim over pools and queues without limits: one statement, which needs no transaction around it. Where
 * one of those asked for has a limit, it takes nothing and says so.
 *
 * It passes the gates of all pools first, which writes nothing; the rows of queues and pools it locks only
 * with the runs that it takes, against a limit that was given between the statement's snapshot and the gates:
 * see locks.ts. So an idle claim writes nothing.
 */
export function claimUnlimitedPools(scope: Scope, claim: PoolClaimText): RawBuilder<object> {
  const { tables } = scope
  const { poll } = claim
  const isOpen = and([
    sql`queue.concurrency_limit is null`,
    sql`pool.concurrency_limit is null`,
    sql`not queue.is_paused`,
    sql`not pool.is_paused`,
  ])
  const asked = sql`select pool.id from ${tables.work_pool} as pool where ${and(askedPools(scope, poll))}`
  return sql`
    with recursive
      gates as materialized (${passGates(asked)}),
      met as materialized (
        select case when (select count(gates.passed) from gates) >= 0 then ${hasLimit(scope, poll)} end as has_limit),
      ${walkOf(scope, { ...poll, ignorePoolLimits: true, ignoreQueueLimits: true }, sql`not (select has_limit from met)`)},
      ${enterPending(scope, { ...claim, ids: firstRuns(scope, poll, isOpen, sql`for key share of queue, pool`) })}
    select cast(met.has_limit as text) as "hasLimit", ${place}
    from met
    left join (claimed as run join ${tables.work_queue} as queue on queue.id = run.work_queue_id) on true
    order by ${orderOf(poll)}`
}

/** A claim over pools and queues whose turns are taken: at most as many runs of each as it has open slots. */
export function claimHeldPools(scope: Scope, claim: PoolClaimText): RawBuilder<object> {
  const { tables } = scope
  const { poll } = claim
  return sql`
    with recursive
      ${walkOf(scope, poll)},
      ${enterPending(scope, { ...claim, ids: firstRuns(scope, poll, sql`true`, sql``) })}
    select ${place}
    from claimed as run join ${tables.work_queue} as queue on queue.id = run.work_queue_id
    order by ${orderOf(poll)}`
}

/** Where a run was found, and the run. */
const place = sql`
  cast(queue.work_pool_id as text) as "workPoolId", cast(queue.id as text) as "workQueueId", run.record as run`

/**
 * Of the runs that the walk has found and locked, the first: over several pools it finds more than are
 * wanted.
 */
function firstRuns({ tables }: Scope, poll: PoolPollText, isOpen: Condition, lock: Fragment): Fragment {
  return sql`
    select run.id
    from walk
    cross join lateral unnest(walk.ids) as chosen(id)
    cross join lateral (select run.* from ${tables.flow_run} as run where run.id = chosen.id limit 1) as run
    join ${tables.work_queue} as queue on queue.id = run.work_queue_id
    join ${tables.work_pool} as pool on pool.id = queue.work_pool_id
    where ${isOpen}
    order by ${orderOf(poll)}
    ${limitTo(poll.limit)}
    ${lock}`
}

/** Whether a pool or a queue that would be walked has a limit. */
function hasLimit({ dialect, tables }: Scope, poll: PoolPollText): Condition {
  const { workQueueIds } = poll
  const isOpen = sql`${and(askedPools({ dialect, tables }, poll))} and not pool.is_paused`
  const isLimited = sql`not queue.is_paused and (pool.concurrency_limit is not null or queue.concurrency_limit is not null)`
  if (workQueueIds !== undefined) {
    return sql`exists (
      select 1 from ${tables.work_pool} as pool join ${tables.work_queue} as queue on queue.work_pool_id = pool.id
      where ${isOpen} and ${isInIdList('queue.id', workQueueIds, dialect)} and ${isLimited})`
  }
  return sql`exists (
    select 1 from ${tables.work_pool} as pool
    cross join lateral (
      select 1 from ${tables.work_queue} as queue where queue.work_pool_id = pool.id and ${isLimited} ${ORDER_OF_QUEUES} limit 1
    ) as limited
    where ${isOpen})`
}
