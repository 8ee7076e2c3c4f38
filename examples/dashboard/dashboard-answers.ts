// What the server answers, as the page reads it: types for both sides.

import type { LeaseFacts, Reason, StateType, Worker, WorkPoolStats, WorkQueueStats } from 'kysely-work-queues'

/** A value as JSON has it: times are text. */
export type Sent<T> = T extends Date
  ? string
  : T extends readonly (infer Item)[]
    ? readonly Sent<Item>[]
    : T extends object
      ? { readonly [K in keyof T]: Sent<T[K]> }
      : T

/** A pool, in figures. */
export type PoolRow = Sent<WorkPoolStats>

/** A queue, in figures. What changes with every poll is left out, so that a row that nothing happened to stays as it is. */
export type QueueRow = Sent<Omit<WorkQueueStats, 'lastPolled'>> & {
  /** Polled within the last minute. */
  readonly isPolled: boolean
}

/** A run that occupies a slot. */
export interface Holder {
  readonly flowRunId: string
  readonly name: string
  readonly stateType: StateType | null
  readonly workQueueId: string | null
  /** Since when it occupies the slot. */
  readonly since: string | null
  readonly lease?: Sent<LeaseFacts>
}

/** What is read of a pool that is open on the page. */
export interface OpenPool {
  readonly holders: readonly Holder[]
  readonly workers: readonly Sent<Pick<Worker, 'name' | 'status' | 'lastHeartbeatTime'>>[]
}

/** Everything that the page shows at a glance. */
export interface Overview {
  readonly pools: readonly PoolRow[]
  /** By pool, and in it by priority. */
  readonly queues: readonly QueueRow[]
  /** By pool id. */
  readonly open: Readonly<Record<string, OpenPool>>
}

/** A run that waits in a queue. */
export interface WaitingRun {
  readonly id: string
  readonly name: string
  readonly stateName: string | null
  readonly start: string | null
}

/** A queue, looked at closely. */
export interface QueueDetail {
  readonly lastPolled: string | null
  /** What holds the queue back. */
  readonly reasons: readonly Sent<Reason>[]
  /** Those that are handed out first. */
  readonly waiting: readonly WaitingRun[]
}

/** Why a run does or does not start. */
export interface RunDetail {
  readonly name: string
  readonly stateName: string | null
  readonly handedOut: boolean
  readonly reasons: readonly Sent<Reason>[]
}
