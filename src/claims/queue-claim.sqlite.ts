import { type RawBuilder, sql } from 'kysely'
import { selection } from '../model/columns.js'
import { flowRunColumns } from '../model/flow-run.js'
import { workQueueColumns } from '../model/work-queue.js'
import { limitsOfClaim, mayStart } from '../sql/active-runs.js'
import { justAfter, laterOf } from '../sql/clock.js'
import { inPlaceOfOld } from '../sql/leases.js'
import { handOutOrder, hasFilter, isDue, isMemberById, isMemberByName, takesNames } from '../sql/runs.js'
import type { Scope } from '../session.js'
import type { Place } from '../sql/known-queues.js'

// The statements of a claim of one queue on SQLite. Its transaction has the one write lock, so nothing has to
// be locked, and a wrong guess of what the queue is costs no round trip; but each text is prepared anew, and
// a shorter one is prepared sooner.

type Fragment = RawBuilder<unknown>

/** What stands for each value. */
export interface QueueClaimText {
  readonly workQueueId: Fragment
  readonly limit: Fragment
  /** `undefined`: every SCHEDULED run. */
  readonly scheduledBefore: Fragment | undefined
}

/**
 * The queue, what it is, and the runs to claim: its first due ones, at most as many as it and its pool have
 * open slots. They are one value, a JSON array of ids and times in their order, so that the queue is not told
 * with each of them (ten, of 40,000: 72 µs so, 33 as JSON).
 */
export function pickRuns(scope: Scope, claim: QueueClaimText, place: Place): RawBuilder<object> {
  const { dialect, tables } = scope
  const counted = roomOf(scope, claim, place)
  // Counted once, whatever asks for it. A query that asks once is sooner prepared and run with the count in
  // it.
  const isShared = counted !== undefined && place.takesNames
  const room = isShared ? sql`(select runs from room)` : counted === undefined ? claim.limit : sql`(${counted})`
  const first = (isMember: Fragment): Fragment => sql`
    select * from (
      select run.next_scheduled_start_time, run.id, run.state_timestamp from ${tables.flow_run} as run
      where ${isMember} and ${isDue(claim.scheduledBefore)}
      order by ${handOutOrder}
      limit ${room}
    ) as run`
  const name = sql`(select queue.name from ${tables.work_queue} as queue where queue.id = ${claim.workQueueId})`
  const byId = first(isMemberById(claim.workQueueId))
  const due = place.takesNames
    ? sql`
      select * from (${byId} union all ${first(isMemberByName(name))}) as run
      order by ${handOutOrder}
      limit ${room}`
    : byId
  return sql`
    ${isShared ? sql`with room as materialized (${counted})` : sql``}
    select
      ${selection(workQueueColumns, dialect, 'queue', 'queue.')},
      queue.concurrency_limit is not null as "isQueueLimited",
      pool.concurrency_limit is not null as "isPoolLimited",
      queue.is_paused or pool.is_paused as "isPaused",
      ${takesNames('pool')} as "takesNames",
      ${hasFilter('queue')} as "hasFilter",
      (
        select json_group_array(
          json_array(run.id, ${inJson('next_scheduled_start_time')}, ${inJson('state_timestamp')})
          order by ${handOutOrder}
        )
        from (${due}) as run
      ) as runs
    from ${tables.work_queue} as queue
    join ${tables.work_pool} as pool on pool.id = queue.work_pool_id
    where queue.id = ${claim.workQueueId}`
}

/** A column of a run, which may hold anything, as JSON holds it: bytes as SQL writes them. */
function inJson(column: string): Fragment {
  const value = sql.ref(`run.${column}`)
  return sql`iif(typeof(${value}) = 'blob', quote(${value}), ${value})`
}

/**
 * How many runs may be claimed of a queue with a limit, its own or its pool's. A limit that was taken away
 * since is none.
 */
function roomOf(scope: Scope, { workQueueId, limit }: QueueClaimText, place: Place): Fragment | undefined {
  const { tables } = scope
  const limits = limitsOfClaim(scope, { queue: place.isQueueLimited, pool: place.isPoolLimited }, place.takesNames)
  if (limits.length === 0) return undefined
  return sql`
    select ${mayStart('sqlite', limit, limits)} as runs from ${tables.work_queue} as queue
    join ${tables.work_pool} as pool on pool.id = queue.work_pool_id
    where queue.id = ${workQueueId}`
}

/** Records the poll of the queue. */
export function recordPoll({ dialect, tables }: Scope, workQueueId: Fragment, now: Fragment): RawBuilder<object> {
  return sql`
    update ${tables.work_queue} as queue set
      last_polled = ${laterOf(sql`queue.last_polled`, now, dialect)},
      status = case when queue.is_paused then queue.status else 'READY' end,
      updated = ${now}
    where queue.id = ${workQueueId}`
}

/**
 * Inserts the states of runs that become PENDING; `states` has the ids of the runs and of their states, as a
 * JSON object.
 */
export function insertPendingStates({ tables }: Scope, states: Fragment, now: Fragment): RawBuilder<object> {
  const timestamp = justAfter([sql`run.state_timestamp`], now)
  const isDueAt = sql`coalesce(run.next_scheduled_start_time, run.expected_start_time)`
  // As Python's json.dumps spells it.
  const details = sql`'{"flow_run_id": "' || run.id || '"'
    || coalesce(', "scheduled_time": "' || strftime('%Y-%m-%dT%H:%M:%fZ', ${isDueAt}) || '"', '') || '}'`
  return sql`
    insert into ${tables.flow_run_state} (id, created, updated, type, timestamp, name, state_details, flow_run_id)
    select state.value, ${now}, ${now}, 'PENDING', ${timestamp}, 'Pending', ${details}, run.id
    from json_each(${states}) as state
    cross join ${tables.flow_run} as run on run.id = state.key`
}

/** Moves the runs to those states, and returns them as they now are. */
export function enterPendingStates({ dialect, tables }: Scope, states: Fragment, now: Fragment): RawBuilder<object> {
  return sql`
    with entered as materialized (
      select pair.key as id, pair.value as state_id, state.timestamp
      from json_each(${states}) as pair
      cross join ${tables.flow_run_state} as state on state.id = pair.value
    )
    update ${tables.flow_run} set
      state_id = entered.state_id,
      state_type = 'PENDING',
      state_name = 'Pending',
      state_timestamp = entered.timestamp,
      expected_start_time = coalesce(expected_start_time, next_scheduled_start_time),
      end_time = null,
      updated = ${now}
    from entered
    where flow_run.id = entered.id
    returning ${selection(flowRunColumns, dialect, 'flow_run')}`
}

/** Inserts the leases of the runs that are in those states now, in place of those of claims before. */
export function insertPendingLeases(
  { tables }: Scope,
  { states, holder, expiresAt }: Readonly<Record<'states' | 'holder' | 'expiresAt', Fragment>>,
): RawBuilder<object> {
  return sql`
    insert into ${tables.flow_run_lease} (flow_run_id, state_id, holder, acquired_at, expires_at)
    select state.flow_run_id, state.id, ${holder}, state.timestamp, ${expiresAt}
    from json_each(${states}) as pair
    cross join ${tables.flow_run_state} as state on state.id = pair.value
    where true
    ${inPlaceOfOld}`
}
