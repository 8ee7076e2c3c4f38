import { type RawBuilder, sql } from 'kysely'
import type { PoolFacts, QueueFacts } from '../rules/judge-flow-run.js'
import { openSlots } from '../rules/open-slots.js'
import type { ExplainedBy, HolderFacts, LeaseFacts } from '../rules/reasons.js'
import { isOfNoOtherLimit } from '../polls/filter-queue-poll.js'
import { FILTER_QUEUE_SLOT_STATES, type StateType, WORK_QUEUE_SLOT_STATES } from '../rules/states.js'
import {
  activeInPool,
  activeOfPool,
  activeRuns,
  CLAIM_SLOTS,
  holdsSlot,
  QUEUE_POLL_SLOTS,
  type SlotRule,
  slotsOfPool,
} from '../sql/active-runs.js'
import { and, type Condition } from '../sql/lists.js'
import { membership } from '../sql/runs.js'
import { hasTable } from '../sql/optional-tables.js'
import { readHasOnlineWorker } from '../sql/online-workers.js'
import type { FlowRun } from '../model/flow-run.js'
import type { WorkPool } from '../model/work-pool.js'
import type { WorkQueue } from '../model/work-queue.js'
import type { Scope } from '../session.js'
import { decodeSlotAcquiredAt, leaseParts, type LeaseRow, slotAcquiredAt, toLease } from '../slots/slot-holders.js'
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

/** Which runs polls, or claims, of a queue look at, and which occupy its slots. */
export interface Candidates {
  readonly members: readonly Condition[]
  /** Of which runs those in the states occupy. */
  readonly occupants: readonly Condition[]
  readonly states: readonly StateType[]
  /** Whether an index has the active runs of each way of belonging in their order. */
  readonly isIndexed: boolean
}

export function candidatesOf({ dialect, tables }: Scope, queue: WorkQueue, by: ExplainedBy): Candidates {
  const isClaim = by === 'claim'
  if (queue.filter === null) {
    const members = membership(tables, sql`${queue.id}`)
    const { states } = isClaim ? CLAIM_SLOTS : QUEUE_POLL_SLOTS
    return { members, occupants: members, states, isIndexed: true }
  }
  const isSelected = matchesQueueFilter(queue.filter, dialect)
  return {
    members: [isClaim ? and([isSelected, isOfNoOtherLimit(tables, queue.id)]) : isSelected],
    occupants: [isSelected],
    states: isClaim ? CLAIM_SLOTS.states : FILTER_QUEUE_SLOT_STATES,
    isIndexed: false,
  }
}

/** How many runs occupy slots of a queue, at most `upTo`. A run that is asked about is left out. */
export async function countActive(
  scope: Scope,
  { occupants, states, isIndexed }: Candidates,
  upTo: number,
  exceptId?: string,
): Promise<number> {
  const active = activeRuns(scope, {
    members: occupants,
    holds: holdsSlot({ states, exceptId }),
    upTo: sql.lit(upTo),
    isIndexed,
  })
  return Math.min(upTo, await readCount(scope, active))
}

/** What is known of a queue. A run that is asked about does not stand in its own way: it is left out. */
export async function readQueueFacts(
  scope: Scope,
  queue: WorkQueue,
  by: ExplainedBy,
  exceptId?: string,
): Promise<QueueFacts> {
  const { id, name, priority, isPaused, lastPolled, concurrencyLimit } = queue
  const candidates = candidatesOf(scope, queue, by)
  const active = concurrencyLimit === null ? 0 : await countActive(scope, candidates, concurrencyLimit, exceptId)
  const open = openSlots(concurrencyLimit, active)
  const isHolder = holdsSlot({ states: candidates.states, exceptId })
  const runs = candidates.occupants.map(
    (isMember) => sql`${scope.tables.flow_run} as run where ${isMember} and ${isHolder}`,
  )
  const holders = open === 0 ? await readHolders(scope, runs) : []
  return { id, name, priority, isPaused, lastPolled, concurrencyLimit, openSlots: open, holders }
}

/** What is known of a pool. A run that is asked about does not stand in its own way: it is left out. */
export async function readPoolFacts(
  scope: Scope,
  pool: WorkPool,
  by: ExplainedBy,
  exceptId?: string,
): Promise<PoolFacts> {
  const { id, name, type, isPaused, concurrencyLimit } = pool
  const slots = { ...slotsOfPool(by), exceptId }
  const open = openSlots(concurrencyLimit, await countActiveOfPool(scope, pool, slots))
  const holders = activeInPool(scope, sql`${id}`, slots, undefined).map(
    ({ active, isOfPool }) => sql`${active} where ${isOfPool}`,
  )
  return {
    id,
    name,
    type,
    isPaused,
    concurrencyLimit,
    openSlots: open,
    holders: open === 0 ? await readHolders(scope, holders) : [],
    hasOnlineWorker: await readHasOnlineWorker(scope, id),
  }
}

async function countActiveOfPool(scope: Scope, { id, concurrencyLimit }: WorkPool, slots: SlotRule): Promise<number> {
  if (concurrencyLimit === null) return 0
  return await readCount(scope, activeOfPool(scope, sql`${id}`, slots, sql.lit(concurrencyLimit)))
}

async function readHolders(scope: Scope, runs: readonly RawBuilder<unknown>[]): Promise<HolderFacts[]> {
  const parts = runs.map(
    (part): RawBuilder<unknown> => sql`select run.id, run.name, run.state_type, run.state_id from ${part}`,
  )
  const leases = await leaseParts(scope)
  const { rows } = await sql<HolderRow>`
    select run.id as "flowRunId", run.name, run.state_type as "stateType", ${slotAcquiredAt(scope)} as "slotAcquiredAt"
      ${leases.columns}
    from (${sql.join(parts, sql` union all `)}) as run
    ${leases.join}
    order by run.id
    limit ${sql.lit(SHOWN_HOLDERS)}
  `.execute(scope.db)
  return rows.map(({ flowRunId, name, stateType, ...row }) => ({
    flowRunId,
    name,
    stateType,
    slotAcquiredAt: decodeSlotAcquiredAt(row.slotAcquiredAt, flowRunId),
    ...toLease(row, flowRunId),
  }))
}

type HolderRow = Pick<HolderFacts, 'flowRunId' | 'name' | 'stateType'> & LeaseRow & { readonly slotAcquiredAt: unknown }

/** The lease that a run is held by, where it occupies a slot. */
export async function readLeaseOf(scope: Scope, { id, stateType }: FlowRun): Promise<{ lease?: LeaseFacts }> {
  if (stateType === null || !WORK_QUEUE_SLOT_STATES.includes(stateType)) return {}
  if (!(await hasTable(scope, 'flow_run_lease', 'read'))) return {}
  const { columns, join } = await leaseParts(scope)
  const { db, tables } = scope
  const { rows } = await sql<LeaseRow>`
    select run.id ${columns} from ${tables.flow_run} as run ${join} where run.id = ${id}
  `.execute(db)
  return rows[0] === undefined ? {} : toLease(rows[0], id)
}
