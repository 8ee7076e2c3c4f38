import { isLastPolledRecent } from './is-last-polled-recent.js'
import { DEFAULT_AGENT_WORK_POOL_TYPE } from './names.js'
import {
  type AheadFacts,
  type ExplainedBy,
  type HolderFacts,
  type LeaseFacts,
  type Reason,
  type ReasonFacts,
  toReason,
} from './reasons.js'
import type { StateType } from './states.js'

/** A concurrency limit and what is known of its slots; without a limit, `openSlots` is `Infinity`. */
export interface LimitFacts {
  readonly concurrencyLimit: number | null
  readonly openSlots: number
  readonly holders: readonly HolderFacts[]
}

/** What is known of the queue that a run belongs to. */
export interface QueueFacts extends LimitFacts {
  readonly id: string
  readonly name: string
  readonly priority: number
  readonly isPaused: boolean
  readonly lastPolled: Date | null
}

/** What is known of the pool of that queue. */
export interface PoolFacts extends LimitFacts {
  readonly id: string
  readonly name: string
  readonly type: string
  readonly isPaused: boolean
  readonly hasOnlineWorker: boolean
}

/** What is known of a run's place among others. */
export interface PlaceFacts {
  readonly queue: QueueFacts
  readonly pool: PoolFacts
  /** Whether polls and claims of the queue look at the run: it is a member, or matches the queue's filter. */
  readonly isMember: boolean
  /** How many due runs of the queue come before it, where a limit lets in but so many. */
  readonly aheadInQueue: number
  /** Whether polls and claims over the pool look at the run: it belongs to the queue by id. */
  readonly isPolledByPool: boolean
  /**
   * Which runs polls, or claims, over the pool take before it, were it not for the pool's limit; `undefined`
   * when they do not come to it, for another reason.
   */
  readonly aheadInPool: readonly AheadFacts[] | undefined
  /** Whether polls, or claims, over the pool use up the queue's slots before they come to the run. */
  readonly isPassedOverInPool: boolean
  /** How many runs a poll of the pool, or a claim, returns at most. */
  readonly poolPollLimit: number
}

/** A run, as far as an explanation needs to know it. */
export interface ExplainedFlowRun {
  readonly stateType: StateType | null
  readonly stateName: string | null
  readonly nextScheduledStartTime: Date | null
  /** Whether its start time has come. */
  readonly isDue: boolean
  readonly workQueueName: string | null
  readonly isRetriedInProcess: boolean
  /** The lease that it is held by. */
  readonly lease?: LeaseFacts | undefined
}

/** The verdict: whether the next claim, or poll, hands a run out, and every reason that holds, in order. */
export interface FlowRunVerdict {
  readonly handedOut: boolean
  readonly reasons: readonly Reason[]
}

/**
 * Judges whether the next claim, or poll, hands out a run, by its queue and by its pool, and gives every
 * reason that holds, in order.
 *
 * @param run - The run.
 * @param place - Where it belongs, with slots as claims, or polls, count them; `undefined` when it belongs
 *   to no queue.
 * @param by - Whose answer is wanted. A claim of a queue keeps the limit and the pause of its pool too.
 *
 * @example
 * ```ts
 * const facts = { ...run, workQueueName: null, isDue: true, isRetriedInProcess: false }
 * const { reasons } = judgeFlowRun(facts, undefined, now, 'claim')
 * reasons[0]?.sentence // 'It belongs to no work queue.'
 * ```
 */
export function judgeFlowRun(
  run: ExplainedFlowRun,
  place: PlaceFacts | undefined,
  now: Date,
  by: ExplainedBy,
): FlowRunVerdict {
  const { stateType, stateName, nextScheduledStartTime, isDue, workQueueName, lease } = run
  const hindrances: ReasonFacts[] = []
  if (stateType !== 'SCHEDULED') hindrances.push({ kind: 'not-scheduled', stateType, stateName })
  if (lease !== undefined) hindrances.push({ kind: lease.expiresAt > now ? 'leased' : 'lease-expired', ...lease })
  if (place === undefined) hindrances.push({ kind: 'no-queue', workQueueName })
  if (!isDue) hindrances.push({ kind: 'not-due', until: nextScheduledStartTime })
  const warnings: ReasonFacts[] = []
  if (place !== undefined) {
    hindrances.push(...hindrancesOf(run, place, by))
    warnings.push(...warningsOf(place.queue, place.pool, now))
  }
  const handedOut = hindrances.length === 0
  const reasons = [...hindrances, ...warnings, ...(handedOut ? [{ kind: 'handed-out' } as const] : [])]
  return { handedOut, reasons: reasons.map((reason) => toReason(reason, by)) }
}

function hindrancesOf(run: ExplainedFlowRun, place: PlaceFacts, by: ExplainedBy): ReasonFacts[] {
  const { queue, pool, isMember, aheadInQueue, isPolledByPool, aheadInPool, poolPollLimit } = place
  const obeysPool = by === 'claim' || isPolledByPool
  const reasons: ReasonFacts[] = []
  if (!isMember) reasons.push({ kind: 'not-in-filter', workQueueId: queue.id, workQueueName: queue.name })
  if (isPolledByPool && run.isRetriedInProcess) reasons.push({ kind: 'retried-in-process' })
  if (queue.isPaused) reasons.push({ kind: 'queue-paused', workQueueId: queue.id, workQueueName: queue.name })
  if (obeysPool && pool.isPaused) {
    reasons.push({ kind: 'pool-paused', workPoolId: pool.id, workPoolName: pool.name })
  }
  reasons.push(...fullness(queue, obeysPool ? pool : undefined))
  const openInQueue = openSlotsOf(queue, pool, by)
  if (aheadInQueue > 0 && aheadInQueue >= openInQueue) {
    const { id: workQueueId, name: workQueueName, priority } = queue
    const ahead = [{ workQueueId, workQueueName, priority, runs: aheadInQueue }]
    reasons.push({ kind: 'behind', scope: 'queue', runs: aheadInQueue, openSlots: openInQueue, ahead })
  }
  const inPool = aheadInPool?.reduce((runs, queueAhead) => runs + queueAhead.runs, 0) ?? 0
  const openInPool = Math.min(pool.openSlots, poolPollLimit)
  if (aheadInPool !== undefined && inPool > 0 && inPool >= openInPool) {
    reasons.push({ kind: 'behind', scope: 'pool', runs: inPool, openSlots: openInPool, ahead: aheadInPool })
  }
  // By queue and by pool, polls count slots differently, and so do claims of a queue with a tag filter: it
  // can be full to the one and not to the other.
  if (reasons.length === 0 && place.isPassedOverInPool && queue.concurrencyLimit !== null) {
    reasons.push(...fullness({ ...queue, openSlots: 0 }, undefined))
  }
  return reasons
}

/** How many runs the next claim, or poll, of a queue takes: a claim keeps the pool's limit too. */
export function openSlotsOf(queue: LimitFacts, pool: LimitFacts, by: ExplainedBy): number {
  return by === 'claim' ? Math.min(queue.openSlots, pool.openSlots) : queue.openSlots
}

/** Which of a queue and its pool have no open slot. */
export function fullness(queue: QueueFacts, pool: PoolFacts | undefined): ReasonFacts[] {
  const reasons: ReasonFacts[] = []
  if (queue.concurrencyLimit !== null && queue.openSlots === 0) {
    const { id, name, concurrencyLimit, holders } = queue
    reasons.push({ kind: 'queue-full', workQueueId: id, workQueueName: name, concurrencyLimit, holders })
  }
  if (pool !== undefined && pool.concurrencyLimit !== null && pool.openSlots === 0) {
    const { id, name, concurrencyLimit, holders } = pool
    reasons.push({ kind: 'pool-full', workPoolId: id, workPoolName: name, concurrencyLimit, holders })
  }
  return reasons
}

/** What keeps runs from starting although polls would hand them out: nobody polls. */
export function warningsOf(queue: QueueFacts, pool: PoolFacts, now: Date): ReasonFacts[] {
  const reasons: ReasonFacts[] = []
  if (!isLastPolledRecent(queue.lastPolled, now)) {
    reasons.push({ kind: 'not-polled', workQueueId: queue.id, workQueueName: queue.name, lastPolled: queue.lastPolled })
  }
  if (pool.type !== DEFAULT_AGENT_WORK_POOL_TYPE && !pool.hasOnlineWorker) {
    reasons.push({ kind: 'no-worker', workPoolId: pool.id, workPoolName: pool.name })
  }
  return reasons
}
