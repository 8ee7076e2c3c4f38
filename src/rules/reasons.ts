import { DEFAULT_AGENT_WORK_POOL_NAME } from './names.js'
import type { StateType } from './states.js'

/** A lease: who holds a run, and until when. */
export interface LeaseFacts {
  readonly holder: string
  readonly expiresAt: Date
}

/** A run that occupies a slot, as a reason names it. */
export interface HolderFacts {
  readonly flowRunId: string
  readonly name: string
  readonly stateType: StateType | null
  /** Since when it occupies the slot; `null` when its states were not kept. */
  readonly slotAcquiredAt: Date | null
  /** Where it was claimed in a holder's name, and that lease holds. */
  readonly lease?: LeaseFacts | undefined
}

/** Runs of one queue that come before a run. */
export interface AheadFacts {
  readonly workQueueId: string
  readonly workQueueName: string
  readonly priority: number
  readonly runs: number
}

/** The facts of a reason: why a run is not handed out, or what else keeps it from starting. */
export type ReasonFacts =
  | { readonly kind: 'not-scheduled'; readonly stateType: StateType | null; readonly stateName: string | null }
  | ({ readonly kind: 'leased' } & LeaseFacts)
  | ({ readonly kind: 'lease-expired' } & LeaseFacts)
  | { readonly kind: 'no-queue'; readonly workQueueName: string | null }
  | { readonly kind: 'not-due'; readonly until: Date | null }
  | { readonly kind: 'not-in-filter'; readonly workQueueId: string; readonly workQueueName: string }
  | { readonly kind: 'retried-in-process' }
  | { readonly kind: 'queue-paused'; readonly workQueueId: string; readonly workQueueName: string }
  | { readonly kind: 'pool-paused'; readonly workPoolId: string; readonly workPoolName: string }
  | {
      readonly kind: 'queue-full'
      readonly workQueueId: string
      readonly workQueueName: string
      readonly concurrencyLimit: number
      /** Those with the lowest ids, a hundred at most. */
      readonly holders: readonly HolderFacts[]
    }
  | {
      readonly kind: 'pool-full'
      readonly workPoolId: string
      readonly workPoolName: string
      readonly concurrencyLimit: number
      /** Those with the lowest ids, a hundred at most. */
      readonly holders: readonly HolderFacts[]
    }
  | {
      readonly kind: 'behind'
      /** How many runs come before it: in its queue, or over its whole pool. */
      readonly runs: number
      /** How many runs the next claim, or poll, hands out there. */
      readonly openSlots: number
      readonly scope: 'queue' | 'pool'
      readonly ahead: readonly AheadFacts[]
    }
  | { readonly kind: 'nothing-due'; readonly nextStartTime: Date | null }
  | {
      readonly kind: 'not-polled'
      readonly workQueueId: string
      readonly workQueueName: string
      /** `null`: never. */
      readonly lastPolled: Date | null
    }
  | { readonly kind: 'no-worker'; readonly workPoolId: string; readonly workPoolName: string }
  | { readonly kind: 'handed-out' }

/** A reason: its facts, and one sentence that says them. */
export type Reason = ReasonFacts & { readonly sentence: string }

/** Whose answer it is: claims and polls count slots differently, and a claim of a queue keeps its pool's. */
export type ExplainedBy = 'claim' | 'poll'

/** Puts a reason into a sentence. */
export function toReason(facts: ReasonFacts, by: ExplainedBy): Reason {
  return { ...facts, sentence: sentenceOf(facts, by) }
}

function sentenceOf(facts: ReasonFacts, by: ExplainedBy): string {
  switch (facts.kind) {
    case 'not-scheduled':
      return facts.stateType === null
        ? 'It has no state yet, and only SCHEDULED runs are handed out.'
        : `It is ${facts.stateType}, and only SCHEDULED runs are handed out.`
    case 'leased':
      return `${quote(facts.holder)} holds it, by a lease until ${facts.expiresAt.toISOString()}.`
    case 'lease-expired':
      return `The lease of ${quote(facts.holder)} expired at ${facts.expiresAt.toISOString()}: the next releaseExpiredLeases frees its slot, unless the holder renews it before.`
    case 'no-queue':
      return facts.workQueueName === null
        ? 'It belongs to no work queue.'
        : `It belongs to the work queue ${quote(facts.workQueueName)} of the work pool ${quote(DEFAULT_AGENT_WORK_POOL_NAME)}, which does not exist.`
    case 'not-due':
      return facts.until === null
        ? `It has no start time, and ${by}s for due runs leave it out.`
        : `It is not due until ${facts.until.toISOString()}.`
    case 'not-in-filter':
      return `The work queue ${quote(facts.workQueueName)} takes runs by tag and deployment, and it does not match.`
    case 'retried-in-process':
      return `It waits for a retry inside the process that ran it before, and ${by}s of its work pool leave it out.`
    case 'queue-paused':
      return `The work queue ${quote(facts.workQueueName)} is paused.`
    case 'pool-paused':
      return `The work pool ${quote(facts.workPoolName)} is paused.`
    case 'queue-full':
      return `The work queue ${quote(facts.workQueueName)} has no open slot of ${facts.concurrencyLimit}${heldBy(facts.holders)}.`
    case 'pool-full':
      return `The work pool ${quote(facts.workPoolName)} has no open slot of ${facts.concurrencyLimit}${heldBy(facts.holders)}.`
    case 'behind':
      return `It is behind ${count(facts.runs, 'run')} in its ${facts.scope}${of(facts.ahead)}, and the next ${by} hands out ${facts.openSlots}.`
    case 'nothing-due':
      return facts.nextStartTime === null
        ? 'No run is due, and none is scheduled to become due.'
        : `No run is due before ${facts.nextStartTime.toISOString()}.`
    case 'not-polled':
      return facts.lastPolled === null
        ? `The work queue ${quote(facts.workQueueName)} was never polled.`
        : `The work queue ${quote(facts.workQueueName)} was last polled at ${facts.lastPolled.toISOString()}.`
    case 'no-worker':
      return `The work pool ${quote(facts.workPoolName)} has no worker online.`
    case 'handed-out':
      return `The next ${by} hands it out.`
  }
}

function heldBy(holders: readonly HolderFacts[]): string {
  if (holders.length === 0) return ''
  const shown = holders.slice(0, 3).map(({ name, stateType, slotAcquiredAt, lease }) => {
    const since = slotAcquiredAt === null ? '' : ` since ${slotAcquiredAt.toISOString()}`
    const by = lease === undefined ? '' : `, leased to ${quote(lease.holder)} until ${lease.expiresAt.toISOString()}`
    return `${quote(name)} (${stateType}${since}${by})`
  })
  const more = holders.length - shown.length
  return `: held by ${shown.join(', ')}${more > 0 ? ` and ${more} more` : ''}`
}

function of(ahead: readonly AheadFacts[]): string {
  if (ahead.length === 0) return ''
  return ` (${ahead.map(({ runs, workQueueName, priority }) => `${runs} of ${quote(workQueueName)}, priority ${priority}`).join('; ')})`
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`
}

function quote(name: string): string {
  return JSON.stringify(name)
}
