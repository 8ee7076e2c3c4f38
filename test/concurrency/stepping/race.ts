import type { Kysely } from 'kysely'
import type { WorkQueueTables } from 'kysely-work-queues'
import { expect } from 'vitest'
import type { Factory } from '../../support/factory.js'
import type { IsolationLevel } from '../processes/claimers.js'
import { isDeadlock, isRetryable } from '../conflicts.js'
import type { Arena } from './arena.js'
import { type Call, interleave, interrupting, type Run, type Schedule, shuffled } from './interleave.js'
import { isSame, type Outcome, readOutcome } from './outcome.js'
import type { Ending } from './stepped-session.js'

/** Calls that may come at the same time. */
export interface Race {
  /** Makes the rows that the calls are about, with ids and names of its own. */
  arrange(make: Factory): Promise<void>
  readonly calls: readonly Call[]
  /** Whether a claim that meets another call may take fewer runs than it would alone. Never more. */
  readonly mayTakeFewer?: boolean
  /** What the calls may leave besides, at an isolation level that does not see to it. */
  readonly writeSkew?: WriteSkew
}

/** An outcome that is none of the calls in an order, and nothing to be worried about. */
interface WriteSkew {
  readonly at: IsolationLevel
  /** It is the outcome of the calls in this order, */
  readonly order: readonly number[]
  /** but for this. */
  but(outcome: Outcome): Outcome
}

/** How many interleavings to try. */
export interface Density {
  /** After which statements a call is interrupted: 1 for each, 2 for each second one. */
  readonly every: number
  /** The first of them. */
  readonly offset: number
  /** Of three calls, whether to interrupt each two too. */
  readonly pairs: boolean
  /** How many random orders. */
  readonly seeds: number
}

/**
 * Runs a race in many interleavings: each call, or each two of three, interrupted by the rest after some of their statements, and
 * random orders of all statements. Each has to end as the calls do one after the other, in an order in which no call comes before one that had
 * ended when it began. A call that PostgreSQL asks to be tried again counts as not made; a deadlock is a failure.
 *
 * @returns How many interleavings there were, how many of the calls are to be tried again, and how many write skews there were.
 */
export async function expectSerial(
  arena: Arena,
  race: Race,
  { every, offset, pairs, seeds }: Density,
): Promise<{ interleavings: number; conflicts: number; writeSkews: number }> {
  await arena.save((make) => race.arrange(make))
  const serial = serialOutcomes(arena, race)
  const counts = { interleavings: 0, conflicts: 0, writeSkews: 0 }
  const isWriteSkew = async (outcome: Outcome): Promise<boolean> => {
    if (race.writeSkew === undefined || race.writeSkew.at !== arena.isolation) return false
    return isSame(outcome, race.writeSkew.but(await serial(race.writeSkew.order)), false)
  }
  const judge = async (name: string, schedule: Schedule): Promise<Run[]> => {
    await arena.restore()
    const runs = await interleave(arena.sessions, race.calls, schedule)
    const outcome = await readOutcome(
      arena.db,
      runs.map(({ ending }) => resultOf(ending)),
    )
    const made = [...runs.keys()].filter((place) => outcome.results[place] !== undefined)
    const expected: Outcome[] = []
    for (const order of permutations(made)) if (isPossible(order, runs)) expected.push(await serial(order))
    if (!expected.some((one) => isSame(outcome, one, race.mayTakeFewer ?? false))) {
      if (await isWriteSkew(outcome)) counts.writeSkews++
      else expect(outcome, `${name} ends as the calls do in no order`).toEqual(expected[0])
    }
    counts.interleavings++
    counts.conflicts += runs.length - made.length
    return runs
  }

  for (const places of interruptions(race.calls.length, pairs)) {
    for (let steps = offset; ; steps += every) {
      const name = `calls ${places.join(' and ')} interrupted after ${steps} statements`
      const runs = await judge(name, interrupting(places, steps))
      if (places.every((place) => (runs[place]?.steps ?? 0) <= steps)) break
    }
  }
  for (let seed = 1; seed <= seeds; seed++) await judge(`seed ${seed}`, shuffled(seed))
  return counts
}

/** Which calls are interrupted by the rest. */
function interruptions(calls: number, pairs: boolean): number[][] {
  const each = Array.from({ length: calls }, (_, place) => [place])
  return pairs && calls === 3 ? [...each, [0, 1], [0, 2], [1, 2]] : each
}

/** What the calls end in one after the other, worked out once for each order. */
function serialOutcomes(arena: Arena, race: Race): (order: readonly number[]) => Promise<Outcome> {
  const outcomes = new Map<string, Outcome>()
  return async (order) => {
    let outcome = outcomes.get(order.join())
    if (outcome === undefined) {
      await arena.restore()
      const results: unknown[] = race.calls.map(() => undefined)
      for (const place of order) results[place] = resultOf(await endingOf(race.calls[place] as Call, arena.db))
      outcome = await readOutcome(arena.db, results)
      outcomes.set(order.join(), outcome)
    }
    return outcome
  }
}

async function endingOf(call: Call, db: Kysely<WorkQueueTables>): Promise<Ending> {
  return await call(db).then(
    (value) => ({ value }),
    (error: Error) => ({ error }),
  )
}

function resultOf(ending: Ending): unknown {
  if ('value' in ending) return ending.value ?? null
  const { error } = ending
  if (isRetryable(error) && !isDeadlock(error)) return undefined
  // Errors of ours have a name of their own; any other is a failure, whatever the order.
  if (error.name.endsWith('Error') && error.name !== 'SqliteError' && error.name !== 'TypeError') return error.name
  throw error
}

/** Whether no call comes before one that had ended when it began. */
function isPossible(order: readonly number[], runs: readonly Run[]): boolean {
  return order.every((place, n) =>
    order.slice(n + 1).every((later) => (runs[later]?.ended ?? 0) > (runs[place]?.began ?? 0)),
  )
}

function permutations(places: readonly number[]): number[][] {
  if (places.length === 0) return [[]]
  return places.flatMap((place) =>
    permutations(places.filter((other) => other !== place)).map((rest) => [place, ...rest]),
  )
}
