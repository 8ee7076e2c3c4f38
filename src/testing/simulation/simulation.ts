import { addMilliseconds } from 'date-fns/addMilliseconds'
import type { RequiredTables, Session } from '../../session.js'
import type { CheckedOptions } from './options-schema.js'
import type { HandOut, SettingsChange } from './history.js'
import { emptyLeaseHistory, type LeaseHistory } from './lease-history.js'
import type { Ledger } from './ledger.js'
import type { Random } from './random.js'
import type { Runs } from './followed-runs.js'
import { createTimeline, type Happening, type Timeline } from './timeline.js'
import type { World } from './world.js'

/**
 * What the parts of a simulation share: the session, virtual time, what is drawn, and what happened so far.
 */
export interface Simulation {
  readonly session: Session<RequiredTables>
  readonly options: CheckedOptions
  readonly random: Random
  readonly world: World
  readonly ledger: Ledger
  readonly runs: Runs
  readonly timeline: Timeline
  readonly handOuts: HandOut[]
  readonly settings: SettingsChange[]
  readonly leases: LeaseHistory
  /** Runs of others that have leases from before, and are yet to be released. */
  readonly awaited: Set<string>
  /** What time it is, in milliseconds since the start. */
  elapsed: number
  /** How many polls there were. */
  polls: number
  /** How often something was written: until the next time, a poll that found nothing finds nothing. */
  changes: number
  /**
   * How many runs are not done, and how many things will yet happen by themselves. When there are none,
   * nothing is left to see.
   */
  outstanding: number
}

/** Creates a simulation in which nothing has happened yet. */
export function createSimulation(
  parts: Pick<Simulation, 'session' | 'options' | 'random' | 'world' | 'ledger' | 'runs'>,
): Simulation {
  return {
    ...parts,
    timeline: createTimeline(),
    handOuts: [],
    settings: [],
    leases: emptyLeaseHistory(),
    awaited: new Set(),
    elapsed: 0,
    polls: 0,
    changes: 0,
    outstanding: 0,
  }
}

/** What time it is. */
export function nowIn({ options, elapsed }: Simulation): Date {
  return addMilliseconds(options.start, elapsed)
}

/** Lets something happen so many milliseconds from now. */
export function after({ timeline, elapsed }: Simulation, milliseconds: number, happening: Happening): void {
  timeline.add(elapsed + milliseconds, happening)
}
