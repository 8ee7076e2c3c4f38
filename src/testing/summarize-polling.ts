import { differenceInMilliseconds } from 'date-fns/differenceInMilliseconds'
import type { HandOut, PollingHistory } from './simulation/history.js'
import { type LeaseSummary, summarizeLeases } from './simulation/lease-summary.js'
import { quantile } from './simulation/quantiles.js'
import { slotsByOwner, type SlotUsage, slotUsages } from './simulation/slot-usage.js'

/** How long runs that were started had waited since they were due. `null`: none was started. */
export interface WaitSummary {
  medianSeconds: number | null
  /** 95 % of them waited no longer. */
  p95Seconds: number | null
  longestSeconds: number | null
}

/** What became of runs. Where one was tried several times, each counts. */
export interface RunsSummary {
  started: number
  /** Of those started: how many became COMPLETED. */
  completed: number
  /** Of those started: how many became FAILED. */
  failed: number
  /** How many started late, or not at all although they were due. */
  late: number
  /** How many runs were not started before the end, due or not. They are in no wait. */
  neverStarted: number
  waits: WaitSummary
}

/** What became of the runs of a queue. */
export interface QueueSummary extends RunsSummary {
  queue: string
  pool: string
}

/** A simulation in figures. */
export interface PollingSummary extends RunsSummary {
  /** How long it went on. */
  seconds: number
  polls: number
  /** How many hand-outs there were, by what became of them. */
  handOuts: Record<HandOut['outcome'], number>
  /** How often a run took a slot which was not there, of a queue or of a pool. */
  overshoots: number
  /** Each queue, in the order in which `slots` of the history begins. */
  queues: QueueSummary[]
  /** The slots of each pool and queue. */
  slots: SlotUsage[]
  /** Pollers that died or stalled, and what became of their runs. */
  leases: LeaseSummary
}

/**
 * Puts a simulation into figures: how long runs waited, over all and by queue, how well slots were used,
 * which limits were exceeded, what was late or not started at all, what became of runs whose pollers died.
 *
 * The same history gives the same figures; the same options and seed do, on SQLite and on PostgreSQL.
 *
 * @example
 * ```ts
 * const queues = [{ name: 'a' }]
 * const history = await simulatePolling({ queues, runs: [{ queue: 'a' }], pollers: [{ count: 2 }] })
 * const { waits, neverStarted } = summarizePolling(history)
 * waits.p95Seconds // 95 % of the runs started within so many seconds after they were due
 * ```
 */
export function summarizePolling(history: PollingHistory): PollingSummary {
  const outcomes = { started: 0, refused: 0, abandoned: 0, released: 0, duplicate: 0, open: 0 }
  for (const { outcome } of history.handOuts) outcomes[outcome]++
  const queues = slotsByOwner(history).flatMap(([first]) =>
    first === undefined || first.queue === null ? [] : [{ queue: first.queue, pool: first.pool }],
  )
  return {
    seconds: differenceInMilliseconds(history.endedAt, history.startedAt) / 1000,
    polls: history.polls,
    handOuts: outcomes,
    overshoots: history.overshoots.length,
    ...summarizeRuns(history),
    queues: queues.map((place) => ({ ...place, ...summarizeRuns(ofQueue(history, place)) })),
    slots: slotUsages(history),
    leases: summarizeLeases(history),
  }
}

type Runs = Pick<PollingHistory, 'handOuts' | 'late' | 'neverStarted'>

function ofQueue({ handOuts, late, neverStarted }: Runs, { queue, pool }: { queue: string; pool: string }): Runs {
  const isThere = (each: { queue: string; pool: string }): boolean => each.queue === queue && each.pool === pool
  return { handOuts: handOuts.filter(isThere), late: late.filter(isThere), neverStarted: neverStarted.filter(isThere) }
}

function summarizeRuns({ handOuts, late, neverStarted }: Runs): RunsSummary {
  const ended = (as: HandOut['finishedAs']): number => handOuts.filter(({ finishedAs }) => finishedAs === as).length
  return {
    started: handOuts.filter(({ startedAt }) => startedAt !== null).length,
    completed: ended('COMPLETED'),
    failed: ended('FAILED'),
    late: late.length,
    neverStarted: neverStarted.length,
    waits: summarizeWaits(handOuts),
  }
}

function summarizeWaits(handOuts: readonly HandOut[]): WaitSummary {
  const waits = handOuts
    .flatMap(({ dueAt, startedAt }) =>
      dueAt === null || startedAt === null ? [] : [differenceInMilliseconds(startedAt, dueAt) / 1000],
    )
    .toSorted((a, b) => a - b)
  return {
    medianSeconds: quantile(waits, 0.5),
    p95Seconds: quantile(waits, 0.95),
    longestSeconds: quantile(waits, 1),
  }
}
