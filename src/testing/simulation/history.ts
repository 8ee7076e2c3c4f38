import type { LeaseHistory } from './lease-history.js'

/** A run given to a poller, and what became of it. */
export interface HandOut {
  /** When it was given. */
  at: Date
  run: string
  /** The queue it was found in. */
  queue: string
  pool: string
  poller: string
  /**
   * When the run was due; `null` when it had no start time. One that was given back after it was started is
   * due again from then on.
   */
  dueAt: Date | null
  /** Which try of the run it is: 1, and more after failures, and releases while it was RUNNING. */
  attempt: number
  /**
   * `started`: it became RUNNING. `refused`: another poller had taken it meanwhile. `abandoned`: the poller
   * crashed before it started it. `released`: it was given back before it was started, as a stale claim or
   * since its lease expired.
   * `duplicate`: another poller had it already, or it was done, which only a claim of a host's own comes to.
   * `open`: the simulation ended first.
   */
  outcome: 'started' | 'refused' | 'abandoned' | 'released' | 'duplicate' | 'open'
  /** When it became RUNNING. */
  startedAt: Date | null
  /** When it was RUNNING no more: it ended, or its lease expired and it was released. */
  finishedAt: Date | null
  /** What it became: of those released CRASHED, or SCHEDULED. */
  finishedAs: 'COMPLETED' | 'FAILED' | 'CRASHED' | 'SCHEDULED' | null
}

/** A queue or a pool, as the owner of a concurrency limit. */
export interface SlotOwner {
  kind: 'queue' | 'pool'
  /** The queue's name; `null` for a pool. */
  queue: string | null
  pool: string
}

/** How many slots of a queue or a pool were occupied from a time on. */
export interface SlotCount extends SlotOwner {
  at: Date
  /** `null`: any number. */
  limit: number | null
  /** Its runs that were PENDING, RUNNING or CANCELLING. */
  active: number
}

/** A queue or a pool that was changed while the pollers polled: the settings that were given. */
export interface SettingsChange extends SlotOwner {
  at: Date
  isPaused?: boolean
  concurrencyLimit?: number | null
  priority?: number
}

/** A run that took a slot which was not there. A limit that is lowered below what already runs is none. */
export interface Overshoot extends SlotOwner {
  at: Date
  limit: number
  /** How many were active, this run included. */
  active: number
  run: string
  poller: string
}

/** A run that was not started in time, or not tried again in time after it failed. */
export interface LateStart {
  run: string
  queue: string
  pool: string
  /** Which try of the run it is. */
  attempt: number
  dueAt: Date
  /** `null`: not before the end. */
  startedAt: Date | null
  /** How long after it was due it started, or the simulation ended. */
  lateBySeconds: number
}

/** A run that was not started. */
export interface NeverStarted {
  run: string
  queue: string
  pool: string
  dueAt: Date | null
}

/**
 * What happened in a simulation: plain data, the same for the same options and seed. Everything is in the
 * order of time.
 */
export interface PollingHistory {
  startedAt: Date
  endedAt: Date
  /** How many polls there were, those that found nothing included. */
  polls: number
  /** Who was given what, when. */
  handOuts: HandOut[]
  /** Slots over time: what each queue and pool begins with, and each change. */
  slots: SlotCount[]
  /** The events, as they happened. */
  settings: SettingsChange[]
  /** Where a concurrency limit was exceeded. */
  overshoots: Overshoot[]
  /** Runs that started late, or not at all although they were due. */
  late: LateStart[]
  /** Runs that were not started before the end, due or not. */
  neverStarted: NeverStarted[]
  /** Pollers that died or stalled, and what became of their runs. */
  leases: LeaseHistory
}
