// What there is to see: pools, queues, what arrives in them, and who works on it.

/** A queue, and the runs that arrive in it. */
export interface PlannedQueue {
  readonly name: string
  readonly priority: number
  readonly concurrencyLimit?: number
  readonly isPaused?: boolean
  /** How many arrive in a minute. */
  readonly perMinute: number
  /** How many wait at most: then nothing arrives until there are fewer. */
  readonly most: number
  /** Starts lie up to so many seconds ahead. */
  readonly ahead: number
  /** How long a run takes, in seconds. */
  readonly takes: readonly [least: number, most: number]
}

/** A pool, its queues, and its workers. */
export interface PlannedPool {
  readonly name: string
  readonly concurrencyLimit?: number
  readonly queues: readonly PlannedQueue[]
  readonly workers: readonly string[]
  /** How many runs each worker takes at once. */
  readonly capacity: number
}

export const PLAN: readonly PlannedPool[] = [
  {
    name: 'etl',
    concurrencyLimit: 6,
    workers: ['ada', 'grace'],
    capacity: 4,
    queues: [
      // More arrives than its limit lets through.
      { name: 'urgent', priority: 1, concurrencyLimit: 2, perMinute: 20, most: 12, ahead: 4, takes: [5, 9] },
      { name: 'default', priority: 2, perMinute: 24, most: 30, ahead: 20, takes: [4, 10] },
      { name: 'backfill', priority: 3, concurrencyLimit: 1, perMinute: 30, most: 25, ahead: 0, takes: [6, 12] },
    ],
  },
  {
    name: 'reports',
    workers: ['edsger'],
    capacity: 4,
    queues: [
      { name: 'default', priority: 1, perMinute: 20, most: 10, ahead: 15, takes: [3, 8] },
      { name: 'weekly', priority: 2, isPaused: true, perMinute: 4, most: 6, ahead: 60, takes: [3, 8] },
    ],
  },
  {
    // Nobody works here.
    name: 'training',
    concurrencyLimit: 2,
    workers: [],
    capacity: 0,
    queues: [{ name: 'default', priority: 1, perMinute: 3, most: 4, ahead: 30, takes: [30, 60] }],
  },
]

export const LEASE_SECONDS = 12
export const HEARTBEAT_SECONDS = 3
export const UPKEEP_SECONDS = 4
/** A worker of the first pool dies so often, and another takes its place later. */
export const DEATH_SECONDS = 40
export const REPLACEMENT_SECONDS = 16
