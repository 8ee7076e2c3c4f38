import type { FlowRun } from '../../model/flow-run.js'
import { createDueTimes } from './due-times.js'
import type { Hand } from './hands.js'
import type { Plan } from './plan.js'
import type { Queue } from './world.js'

/** What a run does that the simulation did not make. */
const PLAN_OF_OTHERS: Plan = {
  duration: 60_000,
  durationSeconds: 60,
  failProbability: 0,
  retries: 0,
  retryDelaySeconds: 0,
}

/** A try to run a run: the first, or one after a failure. */
export interface Attempt {
  readonly dueAt: Date | null
  startedAt: Date | null
}

/** A run in a simulation. */
export interface Run {
  readonly id: string
  readonly flowRun: FlowRun
  /** The queue it belongs to. */
  readonly queue: Queue
  readonly plan: Plan
  /** Its attempts; the last one is under way. */
  readonly attempts: [Attempt, ...Attempt[]]
  /** Who has it, from PENDING on. */
  holder: Hand | undefined
  /** How often it has failed. */
  failures: number
  isDone: boolean
}

/** The runs of a simulation. */
export interface Runs {
  all(): Run[]
  get(id: string): Run | undefined
  /** Follows a run from now on, as it is. */
  add(flowRun: FlowRun, queue: Queue): Run
  /** The run is tried once more: it failed, or was given back after it was started. */
  retry(run: Run, dueAt: Date): void
  /** A number that is another one whenever further runs have become due. */
  dueBy(now: Date): number
}

/** Creates the book of runs, with what each of these is to do. */
export function createRunsBook(plans: ReadonlyMap<string, Plan>): Runs {
  const runs = new Map<string, Run>()
  const dueTimes = createDueTimes()
  return {
    all: () => [...runs.values()],
    get: (id) => runs.get(id),
    add(flowRun, queue) {
      const { id, nextScheduledStartTime: dueAt } = flowRun
      if (dueAt !== null) dueTimes.add(dueAt)
      const run: Run = {
        id,
        flowRun,
        queue,
        plan: plans.get(id) ?? PLAN_OF_OTHERS,
        attempts: [{ dueAt, startedAt: null }],
        holder: undefined,
        failures: 0,
        isDone: false,
      }
      runs.set(id, run)
      return run
    },
    retry(run, dueAt) {
      dueTimes.add(dueAt)
      run.attempts.push({ dueAt, startedAt: null })
    },
    dueBy: (now) => dueTimes.countedTwice(now),
  }
}

/** The attempt that is under way. */
export function attemptOf({ attempts }: Run): Attempt {
  return attempts.at(-1) ?? attempts[0]
}
