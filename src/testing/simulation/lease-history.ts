/** A poller that died with all that it had. */
export interface PollerDeath {
  at: Date
  poller: string
  /** The runs that it was about to start, or ran, in the order in which it was given them. */
  runs: string[]
}

/** A poller that did nothing for a while, and then went on as if no time had passed. */
export interface PollerStall extends PollerDeath {
  until: Date
}

/** A run, and who had it. */
export interface RunInHands {
  at: Date
  run: string
  queue: string
  pool: string
  poller: string
}

/** A run whose lease expired, and whose slots were freed. */
export interface LeaseRelease extends RunInHands {
  from: 'PENDING' | 'RUNNING'
  to: 'SCHEDULED' | 'CRASHED'
  /** How long nobody had worked on it: since its poller died. `null`: the poller lives. */
  deadSeconds: number | null
}

/** A change of state that came too late, and was refused: the run was released meanwhile. */
export interface RefusedWrite extends RunInHands {
  stateType: 'RUNNING' | 'COMPLETED' | 'FAILED'
}

/**
 * A change of state that the database took of a poller while another had the run: both run it, as far as the
 * database can know.
 */
export interface DoubleRun extends RefusedWrite {
  /** The poller that it had been given to since. */
  holder: string
}

/** A run that occupies slots at the end, and that nobody works on. */
export interface HeldSlot {
  run: string
  queue: string
  pool: string
  /** Who had it last; `null` when that is not known. */
  poller: string | null
  /** Since when nobody works on it: its poller died, or gave it up; `null` when that is not known. */
  since: Date | null
}

/** What became of runs whose pollers died, stalled, or could not renew their leases. */
export interface LeaseHistory {
  /** How many renewals there were, and how many failed. */
  renewals: number
  failedRenewals: number
  deaths: PollerDeath[]
  stalls: PollerStall[]
  releases: LeaseRelease[]
  refusals: RefusedWrite[]
  /** None, while late changes of state are refused. */
  doubles: DoubleRun[]
  /** None, when the last death is longer ago than a lease and a sweep. */
  held: HeldSlot[]
}

/** The history of leases before anything has happened. */
export function emptyLeaseHistory(): LeaseHistory {
  return {
    renewals: 0,
    failedRenewals: 0,
    deaths: [],
    stalls: [],
    releases: [],
    refusals: [],
    doubles: [],
    held: [],
  }
}
