import type { HandOut } from './history.js'

/** A process of a poller: what of it ends when it dies. One that is restarted has another. */
export interface Process {
  /** In whose name it claims, where claims have leases: a name of this process and no other. */
  readonly holder: string
  /** The runs that it was given, and starts or runs, by their ids. */
  readonly hands: Map<string, Hand>
  diedAt: Date | null
  /** Until when it does nothing, in milliseconds since the start. */
  stalledUntil: number
  /** Until when no renewal of its arrives, in milliseconds since the start. */
  unheardUntil: number
}

/** A run in the hands of a process. */
export interface Hand {
  readonly handOut: HandOut
  readonly process: Process
  /** The state that the process knows the run to be in. */
  stateId: string | null
  /** It has become RUNNING. */
  isStarted: boolean
  /** Since when nobody works on it: the poller crashed, or gave it up. */
  leftAt: Date | null
  /** The run was released, and the process does not know it yet: what it writes comes too late. */
  isLate: boolean
}

/** Creates the process of a poller that was started so often. */
export function createProcess(poller: string, starts: number): Process {
  return {
    holder: starts === 1 ? poller : `${poller} (${starts})`,
    hands: new Map(),
    diedAt: null,
    stalledUntil: 0,
    unheardUntil: 0,
  }
}
