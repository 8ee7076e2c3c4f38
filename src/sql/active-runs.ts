import { type RawBuilder, sql } from 'kysely'
import { type StateType, WORK_QUEUE_SLOT_STATES } from '../rules/states.js'
import type { Condition } from './lists.js'
import { isMemberById, isMemberByName, membership, occupiesSlot, orderOfActiveRuns, takesNames } from './runs.js'
import type { Scope } from '../session.js'

type Fragment = RawBuilder<unknown>

/** Which runs occupy slots: their states, and whether those count that are known by their queue's name alone. */
export interface SlotRule {
  readonly states: readonly StateType[]
  readonly byName: boolean
}

/** For claims, CANCELLING runs occupy too, and a queue's runs are counted by membership, whoever asks. */
export const CLAIM_SLOTS: SlotRule = { states: WORK_QUEUE_SLOT_STATES, byName: true }

/** How many runs occupy slots of the queue under the alias `queue`, counted no further than its limit. */
export function activeOfQueue(scope: Scope, { states, byName }: SlotRule): Fragment {
  const members = byName ? membership(scope.tables, sql`queue.id`) : [isMemberById(sql`queue.id`)]
  const counts = members.map(
    (isMember): Fragment => sql`(
      select count(*) from (
        select 1 from ${scope.tables.flow_run} as run
        where ${isMember} and ${occupiesSlot(states)}
        ${scope.dialect === 'postgres' ? orderOfActiveRuns : sql``}
        limit ${boundOf(scope, 'work_queue', 'queue')}
      ) as occupied)`,
  )
  return sql`(${sql.join(counts, sql` + `)})`
}

/**
 * How far active runs are counted: to the limit in question. SQLite's `limit` cannot name it, so there it is the largest limit
 * of all, which stands at the end of an index: it names the condition of that.
 */
export function boundOf({ dialect, tables }: Scope, table: 'work_pool' | 'work_queue', alias: string): Fragment {
  return dialect === 'postgres'
    ? sql.ref(`${alias}.concurrency_limit`)
    : sql`(select coalesce(max(concurrency_limit), 0) from ${tables[table]} where concurrency_limit is not null)`
}

/**
 * How many runs of a pool's queues occupy slots; counted no further than to `bound`, in each way of belonging to a queue.
 *
 * PostgreSQL looks them up queue by queue, each in the order of the index of active runs. As a join without an order, the planner
 * took a scan of the whole table for shorter than the look-ups (141,000 runs, statistics fresh: 3,600 pages against 40).
 */
export function activeOfPool(
  { dialect, tables }: Scope,
  workPoolId: Fragment,
  { states, byName }: SlotRule,
  bound: Fragment,
): Fragment {
  const count = (queues: Fragment, isOfPool: Condition, isMember: Condition): Fragment => {
    const isActive = sql`${isMember} and ${occupiesSlot(states)}`
    const found =
      dialect === 'postgres'
        ? sql`
          cross join lateral (
            select 1 from ${tables.flow_run} as run
            where ${isActive}
            ${orderOfActiveRuns}
            limit ${bound}
          ) as run
          where ${isOfPool}`
        : sql`
          cross join ${tables.flow_run} as run
          where ${isOfPool} and ${isActive}`
    return sql`(
      select count(*) from (
        select 1 from ${queues} ${found}
        limit ${bound}
      ) as occupied)`
  }
  const byId = count(
    sql`${tables.work_queue} as queue`,
    sql`queue.work_pool_id = ${workPoolId}`,
    isMemberById(sql`queue.id`),
  )
  if (!byName) return byId
  // The pool first: only the default agent pool's queues are looked at.
  const named = count(
    sql`${tables.work_pool} as home cross join ${tables.work_queue} as queue`,
    sql`home.id = ${workPoolId} and ${takesNames('home')} and queue.work_pool_id = home.id`,
    isMemberByName(sql`queue.name`),
  )
  return sql`(${byId} + ${named})`
}
