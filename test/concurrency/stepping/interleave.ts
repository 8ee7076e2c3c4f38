import type { Kysely } from 'kysely'
import type { WorkQueueTables } from 'kysely-work-queues'
import { randomBelow } from '../../support/random-below.js'
import type { Ending, SteppedSession } from './stepped-session.js'

/** One of the calls of a race. */
export type Call = (db: Kysely<WorkQueueTables>) => Promise<unknown>

/** Says which session takes the next step: one of those that can, by their places. */
export type Schedule = (able: readonly number[]) => number

/** What a call ended in, and when: `began` and `ended` count the steps of all sessions. */
export interface Run {
  readonly ending: Ending
  readonly began: number
  readonly ended: number
  /** How many steps it took. */
  readonly steps: number
}

/** The calls at these places take so many steps each, then the others go on to their ends, then they do, step by step in turn. */
export function interrupting(places: readonly number[], steps: number): Schedule {
  const taken = new Map<number, number>()
  const takenBy = (place: number): number => taken.get(place) ?? 0
  return (able) => {
    const [next] = able.filter((place) => places.includes(place)).toSorted((a, b) => takenBy(a) - takenBy(b))
    const isItsTurn = next !== undefined && takenBy(next) < steps
    const place = (isItsTurn ? next : able.find((other) => !places.includes(other))) ?? next ?? 0
    taken.set(place, takenBy(place) + 1)
    return place
  }
}

/** The sessions take their steps at random, always the same for the same seed. */
export function shuffled(seed: number): Schedule {
  const below = randomBelow(seed)
  return (able) => able[below(able.length)] ?? 0
}

/** Runs each call in its session, statement by statement, in the order that the schedule says. */
export async function interleave(
  sessions: readonly SteppedSession[],
  calls: readonly Call[],
  schedule: Schedule,
): Promise<Run[]> {
  const began: (number | undefined)[] = calls.map(() => undefined)
  const ended: number[] = []
  const steps = calls.map(() => 0)
  const running = calls.map((_, place) => place)
  const session = (place: number): SteppedSession => sessions[place] as SteppedSession
  for (const place of running) await session(place).start(calls[place] as Call)

  for (let step = 0; ; step++) {
    for (const place of running) if (session(place).status === 'ended') ended[place] ??= step
    const able = running.filter((place) => session(place).status === 'stopped')
    if (able.length > 0) {
      const place = schedule(able)
      began[place] ??= step
      steps[place] = (steps[place] ?? 0) + 1
      await session(place).step()
      for (const other of running) if (other !== place) await session(other).refresh()
    } else {
      const waiting = running.filter((place) => session(place).status === 'waiting')
      if (waiting.length === 0) break
      // They wait for each other: PostgreSQL ends one of them after its deadlock timeout.
      for (const place of waiting) await session(place).refresh()
    }
  }
  return calls.map((_, place) => ({
    ending: session(place).ending as Ending,
    began: began[place] ?? 0,
    ended: ended[place] ?? 0,
    steps: steps[place] ?? 0,
  }))
}
