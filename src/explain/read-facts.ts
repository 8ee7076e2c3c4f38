import { type RawBuilder, sql } from 'kysely'
import type { PoolFacts, QueueFacts } from '../rules/judge-flow-run.js'
import { openSlots } from '../rules/open-slots.js'
import type { HolderFacts } from '../rules/reasons.js'
import { FILTER_QUEUE_SLOT_STATES, type StateType } from '../rules/states.js'
import {
  activeOfEach,
  activeOfPool,
  activeRuns,
  holdsSlot,
  POOL_POLL_SLOTS,
  QUEUE_POLL_SLOTS,
} from '../sql/active-runs.js'
import type { Condition } from '../sql/lists.js'
import { isMemberById, membership } from '../sql/runs.js'
import { readHasOnlineWorker } from '../sql/online-workers.js'
import type { WorkPool } from '../model/work-pool.js'
import type { WorkQueue } from '../model/work-queue.js'
import type { Scope } from '../session.js'
import { decodeSlotAcquiredAt, slotAcquiredAt } from '../slots/slot-holders.js'
import { selectWorkPools } from '../work-pools/select-work-pools.js'
import { matchesQueueFilter } from '../sql/filters.js'
import { findWorkQueue } from '../work-queues/select-work-queues.js'
import { readCount } from './count-runs.js'

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

/** Which runs polls of a queue look at, and which of them occupy its slots. */
export interface Candidates {
  readonly members: readonly Condition[]
  readonly states: readonly StateType[]
  /** Whether an index has the active runs of each way of belonging in their order. */
  readonly isIndexed: boolean
}

export function candidatesOf({ dialect, tables }: Scope, queue: WorkQueue): Candidates {
  return queue.filter === null
    ? { members: membership(tables, sql`${queue.id}`), states: QUEUE_POLL_SLOTS.states, isIndexed: true }
    : { members: [matchesQueueFilter(queue.filter, dialect)], states: FILTER_QUEUE_SLOT_STATES, isIndexed: false }
}

/** How many runs occupy slots of a queue, at most `upTo`. A run that is asked about is left out. */
export async function countActive(
  scope: Scope,
  { members, states, isIndexed }: Candidates,
  upTo: number,
  exceptId?: string,
): Promise<number> {
  const active = activeRuns(scope, { members, holds: holdsSlot({ states, exceptId }), upTo: sql.lit(upTo), isIndexed })
  return Math.min(upTo, await readCount(scope, active))
}

/** What is known of a queue. A run that is asked about does not stand in its own way: it is left out. */
export async function readQueueFacts(scope: Scope, queue: WorkQueue, exceptId?: string): Promise<QueueFacts> {
  const { id, name, priority, isPaused, lastPolled, concurrencyLimit } = queue
  const candidates = candidatesOf(scope, queue)
  const active = concurrencyLimit === null ? 0 : await countActive(scope, candidates, concurrencyLimit, exceptId)
  const open = openSlots(concurrencyLimit, active)
  const isHolder = holdsSlot({ states: candidates.states, exceptId })
  const runs = candidates.members.map(
    (isMember) => sql`${scope.tables.flow_run} as run where ${isMember} and ${isHolder}`,
  )
  const holders = open === 0 ? await readHolders(scope, runs) : []
  return { id, name, priority, isPaused, lastPolled, concurrencyLimit, openSlots: open, holders }
}

/** What is known of a pool. A run that is asked about does not stand in its own way: it is left out. */
export async function readPoolFacts(scope: Scope, pool: WorkPool, exceptId?: string): Promise<PoolFacts> {
  const { id, name, type, isPaused, concurrencyLimit } = pool
  const open = openSlots(concurrencyLimit, await countActiveOfPool(scope, pool, exceptId))
  return {
    id,
    name,
    type,
    isPaused,
    concurrencyLimit,
    openSlots: open,
    holders: open === 0 ? await readHolders(scope, [activeOfQueuesOf(scope, id, exceptId)]) : [],
    hasOnlineWorker: await readHasOnlineWorker(scope, id),
  }
}

async function countActiveOfPool(
  scope: Scope,
  { id, concurrencyLimit }: WorkPool,
  exceptId: string | undefined,
): Promise<number> {
  if (concurrencyLimit === null) return 0
  const slots = { ...POOL_POLL_SLOTS, exceptId }
  return await readCount(scope, activeOfPool(scope, sql`${id}`, slots, sql.lit(concurrencyLimit)))
}

/** The active runs of a pool, as what comes after `from`. */
function activeOfQueuesOf(scope: Scope, workPoolId: string, exceptId: string | undefined): RawBuilder<unknown> {
  const active = activeOfEach(scope, {
    queues: sql`${scope.tables.work_queue} as queue`,
    isMember: isMemberById(sql`queue.id`),
    holds: holdsSlot({ ...POOL_POLL_SLOTS, exceptId }),
    upTo: undefined,
  })
  return sql`${active} where queue.work_pool_id = ${workPoolId}`
}

async function readHolders(scope: Scope, runs: readonly RawBuilder<unknown>[]): Promise<HolderFacts[]> {
  const parts = runs.map((part): RawBuilder<unknown> => sql`select run.id, run.name, run.state_type from ${part}`)
  const { rows } = await sql<Omit<HolderFacts, 'slotAcquiredAt'> & { slotAcquiredAt: unknown }>`
    select run.id as "flowRunId", run.name, run.state_type as "stateType", ${slotAcquiredAt(scope)} as "slotAcquiredAt"
    from (${sql.join(parts, sql` union all `)}) as run
    order by run.id
    limit ${sql.lit(SHOWN_HOLDERS)}
  `.execute(scope.db)
  return rows.map((row) => ({
    ...row,
    slotAcquiredAt: decodeSlotAcquiredAt(row.slotAcquiredAt, row.flowRunId),
  }))
}
