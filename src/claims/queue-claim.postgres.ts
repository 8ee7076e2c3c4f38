import { type RawBuilder, sql } from 'kysely'
import { limitsOfClaim, mayStart } from '../sql/active-runs.js'
import { laterOf, timeOfWriting } from '../sql/clock.js'
import { enterPending } from '../sql/enter-pending.js'
import type { LeaseText } from '../sql/leases.js'
import { and, type Condition } from '../sql/lists.js'
import { handOutOrder, hasFilter, isDue, isMemberById, isMemberByName, takesNames } from '../sql/runs.js'
import { passesGate, standsInLine } from '../sql/advisory-locks.js'
import type { Scope } from '../session.js'
import { type Place, placeRecord } from '../sql/known-queues.js'

// The statements of a claim of one queue on PostgreSQL, each another text for what the queue and its pool
// are. Every one returns the place as it is, so that a claim that took it for another one knows.

type Fragment = RawBuilder<unknown>

/** What stands for each value, and what changes the text. */
export interface QueueClaimText {
  readonly workQueueId: Fragment
  readonly workPoolId: Fragment
  readonly limit: Fragment
  /** `undefined`: every SCHEDULED run. */
  readonly scheduledBefore: Fragment | undefined
  /** `undefined`: the database's clock. */
  readonly now: Fragment | undefined
  readonly stateIdHead: Fragment
  readonly recordsPoll: boolean
  readonly lease: LeaseText | undefined
}

/**
 * A claim of a queue without limits: one statement, which needs no transaction around it.
 *
 * `place` locks the queue and its pool against a limit that is given meanwhile, and against nothing else: see
 * locks.ts.
 */
export function claimUnlimited(scope: Scope, claim: QueueClaimText, byName: boolean): RawBuilder<object> {
  const { tables } = scope
  const isOpen = and([
    sql`queue.concurrency_limit is null`,
    sql`pool.concurrency_limit is null`,
    sql`not queue.is_paused`,
    sql`not pool.is_paused`,
    sql`not ${hasFilter('queue')}`,
    byName ? takesNames('pool') : sql`not ${takesNames('pool')}`,
  ])
  return sql`
    with place as materialized (
      select
        queue.id, queue.name, ${claim.recordsPoll ? sql`queue.is_paused or pool.is_paused as is_paused,` : sql``}
        ${isOpen} as is_open,
        ${placeRecord()} as record
      from ${tables.work_queue} as queue
      join ${tables.work_pool} as pool on pool.id = queue.work_pool_id
      where queue.id = ${claim.workQueueId} and ${passesGate(sql`queue.work_pool_id`)}
      for key share
    ),
    ${claim.recordsPoll ? sql`polled as (${recordPoll(scope, claim)}),` : sql``}
    ${enterPending(scope, {
      ...claim,
      ids: firstDueIds(scope, claim, {
        from: sql`(select id, name from ${claim.recordsPoll ? sql`polled` : sql`place`} where is_open) as queue`,
        byName,
        limit: claim.limit,
      }),
    })}
    select place.record as place, ${claim.recordsPoll ? sql`polled.queue` : sql`null`} as polled, run.record as run
    from place
    ${claim.recordsPoll ? sql`left join polled on true` : sql``}
    left join claimed as run on true
    order by ${handOutOrder}`
}

/**
 * Records the poll of a queue that is claimed from, or is paused. A claim that has to take its turn first
 * records it then. A pause that the update waited for holds.
 */
function recordPoll({ tables }: Scope, { now }: QueueClaimText): Fragment {
  return sql`
    update ${tables.work_queue} as queue set ${pollColumns(now)}
    from place
    where queue.id = place.id and (place.is_open or place.is_paused)
    returning queue.id, queue.name, place.is_open and not queue.is_paused as is_open,
      cast(row_to_json(queue) as text) as queue`
}

/** What a poll leaves in the row of the queue. */
function pollColumns(now: Fragment | undefined): Fragment {
  const time = now ?? timeOfWriting(undefined, 'postgres')
  return sql`
    last_polled = ${laterOf(sql`queue.last_polled`, time, 'postgres')},
    status = case when queue.is_paused then queue.status else 'READY' end,
    updated = ${time}`
}

/**
 * Takes the turn of a claim: writes the rows that have a limit, the pool's and then the queue's, so that
 * claims of one limit go one after the other; the others it locks as an unlimited claim does. The second part
 * reads the first, which keeps the order.
 *
 * The statement after it counts: a statement's snapshot is older than the locks that it waits for.
 *
 * Where the pool has, or has not, a limit against what was remembered, it returns nothing and leaves the
 * queue alone: else the next try would write the pool's row with the queue's in hand.
 *
 * @param inLine - Whether to stand in line for the limit first: not in a transaction of the caller's.
 */
export function takeTurn(scope: Scope, claim: QueueClaimText, place: Place, inLine: boolean): RawBuilder<object> {
  const { tables } = scope
  const { isPoolLimited, isQueueLimited } = place
  const line = inLine && (isPoolLimited || isQueueLimited)
  const owner = isPoolLimited ? claim.workPoolId : claim.workQueueId
  // Before both rows, as whoever gives a limit takes it before them; also where both seem to be written, for
  // one of them may have lost its limit: the next try would pass the gate with the other one's row in hand.
  const share = sql`and ${passesGate(claim.workPoolId)} ${line ? sql`and ${standsInLine(owner)}` : sql``}`
  const columns = sql`pool.id, pool.name, pool.is_paused, pool.concurrency_limit`
  const pool = isPoolLimited
    ? sql`
      update ${tables.work_pool} as pool set name = pool.name
      where pool.id = ${claim.workPoolId} ${share}
      returning ${columns}`
    : sql`
      select ${columns} from ${tables.work_pool} as pool
      where pool.id = ${claim.workPoolId} ${share}
      for key share`
  const isFound = sql`
    queue.id = ${claim.workQueueId} and queue.work_pool_id = pool.id
    and pool.concurrency_limit is ${isPoolLimited ? sql`not null` : sql`null`}`
  const queue =
    isQueueLimited || claim.recordsPoll
      ? sql`
        update ${tables.work_queue} as queue set ${claim.recordsPoll ? pollColumns(claim.now) : sql`name = queue.name`}
        from pool
        where ${isFound}
        returning ${placeRecord()} as place`
      : sql`
        select ${placeRecord()} as place from pool join ${tables.work_queue} as queue on ${isFound}
        for key share of queue`
  return sql`with pool as (${pool}) ${queue}`
}

/** A look at a queue before it is claimed from: locks and writes nothing. */
export function lookAtQueue(scope: Scope, claim: QueueClaimText, place: Place): RawBuilder<object> {
  const { tables } = scope
  const work = firstDueIds(scope, claim, {
    from: sql`place as queue`,
    byName: place.takesNames,
    limit: sql`(select least(1, room) from place)`,
    locks: false,
  })
  return sql`
    with place as materialized (
      select queue.id, queue.name, ${placeRecord()} as record, ${roomOf(scope, claim, place)} as room
      from ${tables.work_queue} as queue
      join ${tables.work_pool} as pool on pool.id = queue.work_pool_id
      where queue.id = ${claim.workQueueId}
    )
    select place.record as place, cast(exists (${work}) as text) as "hasWork" from place`
}

/** How many runs may be claimed of the queue under the alias `queue`, in the pool under the alias `pool`. */
function roomOf(scope: Scope, { limit }: QueueClaimText, place: Place): Fragment {
  return mayStart(
    'postgres',
    limit,
    limitsOfClaim(scope, { queue: place.isQueueLimited, pool: place.isPoolLimited }, place.takesNames),
  )
}

/**
 * The claim of a queue whose turn, and whose pool's, is taken: at most as many runs as both have open slots.
 * None when the one was paused while the claim waited for the other.
 */
export function claimWithinLimits(scope: Scope, claim: QueueClaimText, place: Place): RawBuilder<object> {
  const { tables } = scope
  return sql`
    with place as materialized (
      select queue.id, queue.name, ${roomOf(scope, claim, place)} as room
      from ${tables.work_queue} as queue
      join ${tables.work_pool} as pool on pool.id = queue.work_pool_id
      where queue.id = ${claim.workQueueId} and not queue.is_paused and not pool.is_paused
    ),
    ${enterPending(scope, {
      ...claim,
      ids: firstDueIds(scope, claim, {
        from: sql`place as queue`,
        byName: place.takesNames,
        limit: sql`(select room from place)`,
      }),
    })}
    select run.record as run from claimed as run order by ${handOutOrder}`
}

/**
 * The ids of the first due runs of a queue, locked, past what other transactions have locked.
 *
 * A lock cannot be put on a union. With both ways of membership it is first seen how many runs of each are
 * wanted, so that neither way locks more.
 */
function firstDueIds(
  { tables }: Scope,
  { scheduledBefore }: QueueClaimText,
  { from, byName, limit, locks = true }: { from: Fragment; byName: boolean; limit: Fragment; locks?: boolean },
): Fragment {
  const first = (isMember: Condition, columns: Fragment, atMost: Fragment, lock: Fragment): Fragment => sql`
    select run.* from ${from} cross join lateral (
      select ${columns} from ${tables.flow_run} as run
      where ${isMember} and ${isDue(scheduledBefore)}
      order by ${handOutOrder}
      limit ${atMost}
      ${lock}
    ) as run`
  const locked = locks ? sql`for update skip locked` : sql``
  const ways = [isMemberById(sql`queue.id`), isMemberByName(sql`queue.name`)]
  const [byId] = ways
  if (!byName && byId !== undefined) return first(byId, sql`run.id`, sql`(select ${limit})`, locked)
  const seen = ways.map((isMember, way) =>
    first(isMember, sql`${sql.lit(way)} as way, run.next_scheduled_start_time, run.id`, sql`(select ${limit})`, sql``),
  )
  const taken = ways.map((isMember, way) =>
    first(isMember, sql`run.id`, sql`(select count(*) from wanted where way = ${sql.lit(way)})`, locked),
  )
  return sql`
    with wanted as materialized (
      select run.way from (${sql.join(seen, sql` union all `)}) as run
      order by ${handOutOrder}
      limit (select ${limit})
    )
    ${sql.join(
      taken.map((way) => sql`select * from (${way}) as run`),
      sql` union all `,
    )}`
}
