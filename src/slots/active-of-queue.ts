import { type RawBuilder, sql } from 'kysely'
import { type StateType, WORK_QUEUE_SLOT_STATES } from '../rules/states.js'
import { isMemberById, membership, occupiesSlot, orderOfActiveRuns } from '../sql/runs.js'
import type { Scope } from '../session.js'

/** Which runs occupy slots: their states, and whether those count that are known by their queue's name alone. */
export interface SlotRule {
  readonly states: readonly StateType[]
  readonly byName: boolean
}

/** For claims, CANCELLING runs occupy too, and a queue's runs are counted by membership, whoever asks. */
export const CLAIM_SLOTS: SlotRule = { states: WORK_QUEUE_SLOT_STATES, byName: true }

/** How many runs occupy slots of the queue under the alias `queue`, counted no further than its limit. */
export function activeOfQueue(scope: Scope, { states, byName }: SlotRule): RawBuilder<unknown> {
  const members = byName ? membership(scope.tables, sql`queue.id`) : [isMemberById(sql`queue.id`)]
  const counts = members.map(
    (isMember): RawBuilder<unknown> => sql`(
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
export function boundOf(
  { dialect, tables }: Scope,
  table: 'work_pool' | 'work_queue',
  alias: string,
): RawBuilder<unknown> {
  return dialect === 'postgres'
    ? sql.ref(`${alias}.concurrency_limit`)
    : sql`(select coalesce(max(concurrency_limit), 0) from ${tables[table]} where concurrency_limit is not null)`
}
