import { type RawBuilder, sql } from 'kysely'
import type { PoolFacts, QueueFacts } from '../rules/judge-flow-run.js'
import { openSlots } from '../rules/open-slots.js'
import type { HolderFacts } from '../rules/reasons.js'
import {
  FILTER_QUEUE_SLOT_STATES,
  type StateType,
  WORK_POOL_SLOT_STATES,
  WORK_QUEUE_SLOT_STATES,
} from '../rules/states.js'
import type { Condition } from '../sql/lists.js'
import { membership, occupiesSlot } from '../sql/runs.js'
import type { WorkPool } from '../model/work-pool.js'
import type { WorkQueue } from '../model/work-queue.js'
import type { Scope } from '../session.js'
import { decodeSlotAcquiredAt, slotAcquiredAt } from '../slots/slot-holders.js'
import { selectWorkPools } from '../work-pools/select-work-pools.js'
import { matchesQueueFilter } from '../sql/filters.js'
import { findWorkQueue } from '../work-queues/select-work-queues.js'
import { countRuns } from './count-runs.js'

/** How many holders of slots a reason names. */
const SHOWN_HOLDERS = 100

/** A queue and its pool. */
export async function readQueueAndPool(
  scope: Scope,
  workQueueId: string,
): Promise<{ queue: WorkQueue; pool: WorkPool } | undefined> {
  const queue = await findWorkQueue(scope, sql`queue.id = ${workQueueId}`)
  if (queue === undefined) return undefined
  const [pool] = await selectWorkPools(scope, sql`pool.id = ${queue.workPoolId}`)
  return pool === undefined ? undefined : { queue, pool }
}

/** Which runs polls of a queue look at, and which states of them occupy its slots. */
export function candidatesOf(
  { dialect, tables }: Scope,
  queue: WorkQueue,
): { members: readonly Condition[]; states: readonly StateType[] } {
  return queue.filter === null
    ? { members: membership(tables, sql`${queue.id}`), states: WORK_QUEUE_SLOT_STATES }
    : { members: [matchesQueueFilter(queue.filter, dialect)], states: FILTER_QUEUE_SLOT_STATES }
}

/** What is known of a queue. A run that is asked about does not stand in its own way: it is left out. */
export async function readQueueFacts(scope: Scope, queue: WorkQueue, exceptId?: string): Promise<QueueFacts> {
  const { id, name, priority, isPaused, lastPolled, concurrencyLimit } = queue
  const { members, states } = candidatesOf(scope, queue)
  const holds = holdsSlot(states, exceptId)
  const active = concurrencyLimit === null ? 0 : await countRuns(scope, members, holds, concurrencyLimit)
  const open = openSlots(concurrencyLimit, active)
  const holders = open === 0 ? await readHolders(scope, members, holds) : []
  return { id, name, priority, isPaused, lastPolled, concurrencyLimit, openSlots: open, holders }
}

/** What is known of a pool. A run that is asked about does not stand in its own way: it is left out. */
export async function readPoolFacts(scope: Scope, pool: WorkPool, exceptId?: string): Promise<PoolFacts> {
  const { db, tables } = scope
  const { id, name, type, isPaused, concurrencyLimit } = pool
  const isOfPool: Condition = sql`run.work_queue_id in (
    select queue.id from ${tables.work_queue} as queue where queue.work_pool_id = ${id})`
  const holds = holdsSlot(WORK_POOL_SLOT_STATES, exceptId)
  const active = concurrencyLimit === null ? 0 : await countRuns(scope, [isOfPool], holds, concurrencyLimit)
  const open = openSlots(concurrencyLimit, active)
  const online = await db
    .selectFrom('worker')
    .select('id')
    .where('work_pool_id', '=', id)
    .where('status', '=', 'ONLINE')
    .limit(1)
    .execute()
  return {
    id,
    name,
    type,
    isPaused,
    concurrencyLimit,
    openSlots: open,
    holders: open === 0 ? await readHolders(scope, [isOfPool], holds) : [],
    hasOnlineWorker: online.length > 0,
  }
}

function holdsSlot(states: readonly StateType[], exceptId: string | undefined): Condition {
  return exceptId === undefined ? occupiesSlot(states) : sql`${occupiesSlot(states)} and run.id <> ${exceptId}`
}

async function readHolders(scope: Scope, members: readonly Condition[], holds: Condition): Promise<HolderFacts[]> {
  const { db, tables } = scope
  const parts = members.map(
    (isMember): RawBuilder<unknown> => sql`
      select run.id, run.name, run.state_type from ${tables.flow_run} as run where ${isMember} and ${holds}`,
  )
  const { rows } = await sql<Omit<HolderFacts, 'slotAcquiredAt'> & { slotAcquiredAt: unknown }>`
    select run.id as "flowRunId", run.name, run.state_type as "stateType", ${slotAcquiredAt(scope)} as "slotAcquiredAt"
    from (${sql.join(parts, sql` union all `)}) as run
    order by run.id
    limit ${sql.lit(SHOWN_HOLDERS)}
  `.execute(db)
  return rows.map((row) => ({
    ...row,
    slotAcquiredAt: decodeSlotAcquiredAt(row.slotAcquiredAt, row.flowRunId),
  }))
}
