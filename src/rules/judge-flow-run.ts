import { isLastPolledRecent } from './is-last-polled-recent.js'
import { DEFAULT_AGENT_WORK_POOL_TYPE } from './names.js'
import { type AheadFacts, type HolderFacts, type Reason, type ReasonFacts, toReason } from './reasons.js'
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
  /** Whether polls of the queue look at the run: it is a member, or matches the queue's filter. */
  readonly isMember: boolean
  /** How many due runs of a limited queue come before it. */
  readonly aheadInQueue: number
  /** Whether polls of the pool look at the run: it belongs to the queue by id. */
  readonly isPolledByPool: boolean
  /**
   * Which runs polls of the pool take before it, were it not for the pool's limit; `undefined` when they do
   * not come to it, for another reason.
   */
  readonly aheadInPool: readonly AheadFacts[] | undefined
  /** Whether polls of the pool use up the queue's slots before they come to the run. */
  readonly isPassedOverInPool: boolean
  /** How many runs a poll of the pool returns at most. */
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
}

/** The verdict on a run: whether the next poll hands it out, and every reason that holds, in order. */
export interface FlowRunVerdict {
  readonly handedOut: boolean
  readonly reasons: readonly Reason[]
}

/**
 * Judges whether the next poll hands out a run, by its queue and by its pool, and gives every reason that
 * holds, in order.
 *
 * @param run - The run.
 * @param place - Where it belongs; `undefined` when it belongs to no queue.
 *
 * @example
 * ```ts
 * const facts = { ...run, workQueueName: null, isDue: true, isRetriedInProcess: false }
 * const { reasons } = judgeFlowRun(facts, undefined, now)
 * reasons[0]?.sentence // 'It belongs to no work queue.'
 * ```
 */
export function judgeFlowRun(run: ExplainedFlowRun, place: PlaceFacts | undefined, now: Date): FlowRunVerdict {
  const { stateType, stateName, nextScheduledStartTime, isDue, workQueueName } = run
  const hindrances: ReasonFacts[] = []
  if (stateType !== 'SCHEDULED') hindrances.push({ kind: 'not-scheduled', stateType, stateName })
  if (place === undefined) hindrances.push({ kind: 'no-queue', workQueueName })
  if (!isDue) hindrances.push({ kind: 'not-due', until: nextScheduledStartTime })
  const warnings: ReasonFacts[] = []
  if (place !== undefined) {
    hindrances.push(...hindrancesOf(run, place))
    warnings.push(...warningsOf(place.queue, place.pool, now))
  }
  const handedOut = hindrances.length === 0
  const reasons = [...hindrances, ...warnings, ...(handedOut ? [{ kind: 'handed-out' } as const] : [])]
  return { handedOut, reasons: reasons.map(toReason) }
}

function hindrancesOf(run: ExplainedFlowRun, place: PlaceFacts): ReasonFacts[] {
  const { queue, pool, isMember, aheadInQueue, isPolledByPool, aheadInPool, poolPollLimit } = place
  const reasons: ReasonFacts[] = []
  if (!isMember) reasons.push({ kind: 'not-in-filter', workQueueId: queue.id, workQueueName: queue.name })
  if (isPolledByPool && run.isRetriedInProcess) reasons.push({ kind: 'retried-in-process' })
  if (queue.isPaused) reasons.push({ kind: 'queue-paused', workQueueId: queue.id, workQueueName: queue.name })
  if (isPolledByPool && pool.isPaused) {
    reasons.push({ kind: 'pool-paused', workPoolId: pool.id, workPoolName: pool.name })
  }
  reasons.push(...fullness(queue, isPolledByPool ? pool : undefined))
  if (aheadInQueue > 0 && aheadInQueue >= queue.openSlots) {
    const { id: workQueueId, name: workQueueName, priority } = queue
    const ahead = [{ workQueueId, workQueueName, priority, runs: aheadInQueue }]
    reasons.push({ kind: 'behind', scope: 'queue', runs: aheadInQueue, openSlots: queue.openSlots, ahead })
  }
  const inPool = aheadInPool?.reduce((runs, queueAhead) => runs + queueAhead.runs, 0) ?? 0
  const openInPool = Math.min(pool.openSlots, poolPollLimit)
  if (aheadInPool !== undefined && inPool > 0 && inPool >= openInPool) {
    reasons.push({ kind: 'behind', scope: 'pool', runs: inPool, openSlots: openInPool, ahead: aheadInPool })
  }
  // Polls by queue and by pool count slots differently, so that a queue can be full to the one and not to the
  // other.
  if (reasons.length === 0 && place.isPassedOverInPool && queue.concurrencyLimit !== null) {
    reasons.push(...fullness({ ...queue, openSlots: 0 }, undefined))
  }
  return reasons
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
