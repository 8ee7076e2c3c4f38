import type { Kysely } from 'kysely'
import type { WorkQueueTables } from '../../model/tables.js'
import type { Session } from '../../session.js'
import type { Seconds } from './random.js'

/** A work pool to simulate. One of this name that is there already is changed by the keys that are given. */
export interface SimulatedPool {
  name: string
  concurrencyLimit?: number | null | undefined
  isPaused?: boolean | undefined
}

/**
 * A work queue to simulate. One of this name that is there already, such as `default`, is changed by the keys
 * that are given.
 */
export interface SimulatedQueue {
  name: string
  /** The pool's name. Default: the one pool of `pools`; `default-agent-pool` when there is none. */
  pool?: string | undefined
  priority?: number | undefined
  concurrencyLimit?: number | null | undefined
  isPaused?: boolean | undefined
}

/** One flow run or many alike. They are named after their queue, such as `urgent-1`. */
export interface SimulatedRuns {
  /** The queue's name. */
  queue: string
  /** The pool's name, where queues of several pools have that name. */
  pool?: string | undefined
  /** What their names begin with. Default: the queue's name. */
  name?: string | undefined
  /** Default: 1. */
  count?: number | undefined
  /** When each is due, after the start. Default: 0. */
  startSeconds?: Seconds | undefined
  /** How long each is RUNNING, each time that it is. Default: 60. */
  durationSeconds?: Seconds | undefined
  /** How probably each becomes FAILED in place of COMPLETED, each time. Default: 0. */
  failProbability?: number | undefined
  /** How often one that has failed is retried. Default: 0. */
  retries?: number | undefined
  /** How long after a failure the run is due again. Default: 0. */
  retryDelaySeconds?: Seconds | undefined
}

/** One poller or many alike. */
export interface SimulatedPollers {
  /** What their names begin with. Default: `poller`. */
  name?: string | undefined
  /** Default: 1. */
  count?: number | undefined
  /** The one queue that they poll. Default: they poll pools, as workers do. */
  queue?: string | undefined
  /** The one pool that they poll. Default: all. */
  pool?: string | undefined
  /** From one poll to the next. Default: 10. */
  everySeconds?: Seconds | undefined
  /** When each polls first. Default: within the first `everySeconds`, drawn for each. */
  firstPollSeconds?: Seconds | undefined
  /** How many runs they ask for. Default: as many as may start. */
  limit?: number | undefined
  /**
   * How many runs each can run at a time: it asks for no more than it has room for, and does not poll while
   * it has none. After a crash it counts only what it has started since. Default: any number.
   */
  capacity?: number | undefined
  /** From a poll until the runs it found are started, drawn for each run. Default: 1. */
  startLatencySeconds?: Seconds | undefined
  /**
   * How probably a poller that was given runs crashes before it starts any, and leaves them PENDING. What it
   * had started goes on without it; with `leases` it dies with all that it has. Default: 0.
   */
  crashProbability?: number | undefined
  /** When a poller that crashed or died polls again. `null`: never. Default: 60. */
  restartSeconds?: Seconds | null | undefined
  /**
   * How probably a poller dies while a run of its is RUNNING, drawn for each run that it starts, with all
   * that it has. Without `leases` nobody frees the slots of what was RUNNING. Default: 0.
   */
  deathProbability?: number | undefined
  /**
   * How probably a poller stalls while a run of its is RUNNING, drawn for each run that it starts: it does
   * nothing for a while, and then all that it has not done, as if no time had passed. Default: 0.
   */
  stallProbability?: number | undefined
  /** How long it stalls. Default: 120. */
  stallSeconds?: Seconds | undefined
  /** How probably a renewal of its leases fails. Default: 0. */
  renewalFailProbability?: number | undefined
  /** How long all its further renewals fail then. Default: 0, this one only. */
  renewalFailSeconds?: Seconds | undefined
}

/** How pollers claim with leases, and how these are released. */
export interface SimulatedLeases {
  /** How long a lease is, in whole seconds. Default: 60. */
  leaseSeconds?: number | undefined
  /** From one renewal to the next. Default: a third of the lease. */
  renewSeconds?: number | undefined
  /** From one release of expired leases to the next. Default: 15. */
  sweepSeconds?: number | undefined
  /** What becomes of a run that is RUNNING when its lease is released. Default: CRASHED. */
  runningTo?: 'CRASHED' | 'SCHEDULED' | undefined
  /**
   * How often a run is given back since it last was RUNNING: after that it becomes CRASHED. Default: without
   * end.
   */
  maxReleases?: number | undefined
  /**
   * Whether pollers change states with `expectedStateId`, so that what comes too late is refused. `false`
   * shows what happens without. Default: `true`.
   */
  fence?: boolean | undefined
}

/** Something that is changed while the pollers poll: a queue, or a pool when no queue is named. */
export interface SimulatedEvent {
  /** After the start. */
  atSeconds: number
  queue?: string | undefined
  pool?: string | undefined
  isPaused?: boolean | undefined
  concurrencyLimit?: number | null | undefined
  /** Of queues only. */
  priority?: number | undefined
}

/** What a poller asks a {@link SimulatedClaim} for. */
export interface SimulatedClaimRequest {
  /** The poller's name. */
  poller: string
  /** The one queue that it polls, if it does. */
  workQueueId: string | undefined
  /** The pools that it polls, when it does not poll one queue. `undefined`: all. */
  workPoolIds: readonly string[] | undefined
  /** At most so many. `undefined`: as many as may start. */
  limit: number | undefined
  /** With `leases`: in whose name to claim. */
  holder: string | undefined
  /** With `leases`: how long they are to be. */
  leaseSeconds: number | undefined
  /** What time it is in the simulation. */
  now: Date
}

/**
 * A claim of a host's own: makes runs PENDING, and returns their ids, in the order in which the poller is to
 * start them.
 *
 * @param session - Where to claim: the session of the simulation with all that the host has set on it. When
 *   that is a transaction, a claim in any other session would wait for ever.
 */
export type SimulatedClaim<DB> = (session: Kysely<DB>, request: SimulatedClaimRequest) => Promise<readonly string[]>

/** What to simulate. */
export interface SimulatePollingOptions<DB = WorkQueueTables> extends SimulatedPolicy<DB> {
  /**
   * The session to simulate in. What it has takes part: its pools and queues are polled, and its runs are
   * handed out. It is left as the simulation ends. Default: a new test session.
   */
  session?: Session<DB> | undefined
  /** What all draws depend on. Default: 1. */
  seed?: number | undefined
}

/** What to simulate several times. */
export interface SimulatePollingsOptions<DB = WorkQueueTables> extends SimulatedPolicy<DB> {
  /**
   * The session to simulate in. What it has takes part each time, and each time all is undone: in a
   * transaction that is rolled back, or a savepoint when the session is a transaction. Default: a new test
   * session each time.
   */
  session?: Session<DB> | undefined
  /** The seeds, or how many of them: then they are 1, 2, 3 and so on. Default: 10. */
  seeds?: number | readonly number[] | undefined
}

/** Pools, queues, runs and pollers, and how they go about. */
export interface SimulatedPolicy<DB = WorkQueueTables> {
  /**
   * `claim`: pollers claim, and start what they claimed. `poll`: they poll and start what they read, as
   * Prefect's workers do; a start is refused when the run is no longer SCHEDULED. Default: `claim`.
   */
  by?: 'claim' | 'poll' | undefined
  /** With `by: 'claim'`: a claim of your own in place of the library's. */
  claim?: SimulatedClaim<DB> | undefined
  /** When it begins. Default: midnight UTC of 2026-01-01. */
  start?: Date | undefined
  /** When it ends at the latest; it ends earlier when every run is done. Default: 3600. */
  endSeconds?: number | undefined
  pools?: readonly SimulatedPool[] | undefined
  queues?: readonly SimulatedQueue[] | undefined
  runs?: readonly SimulatedRuns[] | undefined
  pollers: readonly SimulatedPollers[]
  events?: readonly SimulatedEvent[] | undefined
  /** How long after it was due a run that was not started is late. Default: 15, Prefect's. */
  lateAfterSeconds?: number | undefined
  /**
   * How long after it was taken a run that is still PENDING is given back. Default: 60; never, with `leases`.
   */
  staleAfterSeconds?: number | undefined
  /**
   * With `by: 'poll'`: how long the transaction of a poll takes. Meanwhile other polls pass over the runs it
   * returns, as on PostgreSQL (`for update skip locked`). Default: 0.
   */
  pollSeconds?: number | undefined
  /**
   * With `by: 'claim'`: pollers claim with leases and renew them, and expired ones are released. A `claim` of
   * your own makes the leases itself. Default: claims have no leases.
   */
  leases?: SimulatedLeases | undefined
}
