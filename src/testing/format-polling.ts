import type { PollingHistory, SlotOwner } from './simulation/history.js'
import type { LeaseSummary } from './simulation/lease-summary.js'
import type { Spread } from './simulation/quantiles.js'
import type { Pollings } from './simulate-pollings.js'
import { summarizePolling } from './summarize-polling.js'

/** A figure, of one simulation or of several. */
type Figure = number | Spread | null

/** What the tables need of a summary or a spread. */
interface Figures {
  readonly seconds: Figure
  readonly polls: Figure
  readonly handOuts: Readonly<Record<string, Figure>>
  readonly queues: readonly (RunFigures & { readonly queue: string; readonly pool: string })[]
  readonly slots: readonly (SlotOwner &
    Readonly<Record<'limit' | 'most' | 'mean' | 'utilization' | 'overshoots', Figure>>)[]
  readonly leases: LeaseFigures
}

type LeaseFigures = Readonly<Record<keyof LeaseSummary, Figure>>

type RunFigures = Readonly<Record<'started' | 'failed' | 'late' | 'neverStarted', Figure>> & {
  readonly waits: Readonly<Record<'medianSeconds' | 'p95Seconds' | 'longestSeconds', Figure>>
}

/**
 * Makes the table of a simulation for a terminal or a log: waits by queue, the use of slots, what was late or
 * not started, limits that were exceeded, and what became of leases if there was any. Of several simulations
 * each figure is the median with the least and the most: `12 (8..31)`.
 *
 * @example
 * ```ts
 * const history = await simulatePolling({ queues: [{ name: 'a' }], runs: [{ queue: 'a' }], pollers: [{}] })
 * console.log(formatPolling(history))
 * ```
 */
export function formatPolling(polling: PollingHistory | Pollings): string {
  if (!('spread' in polling)) return table(summarizePolling(polling)).join('\n')
  const count = polling.simulations.length
  return [`${count} ${count === 1 ? 'seed' : 'seeds'}: median (least..most)`, ...table(polling.spread)].join('\n')
}

function table(figures: Figures & RunFigures): string[] {
  const { seconds, polls, handOuts, queues, slots, leases } = figures
  const outcomes = Object.entries(handOuts).filter(([, figure]) => mostOf(figure) > 0)
  const told = outcomes.map(([outcome, figure]) => `${outcome} ${text(figure)}`)
  const runs = [...queues.map((queue) => [`${queue.pool}/${queue.queue}`, queue] as const), ['all', figures] as const]
  return [
    `Simulated ${text(seconds)} s, ${text(polls)} polls. Hand-outs: ${told.length === 0 ? 'none' : told.join(', ')}.`,
    '',
    ...aligned([
      ['queue', 'started', 'failed', 'late', 'never started', 'wait median', '95 %', 'longest'],
      ...runs.map(([name, { started, failed, late, neverStarted, waits }]) => [
        name,
        ...[started, failed, late, neverStarted].map((figure) => text(figure)),
        ...[waits.medianSeconds, waits.p95Seconds, waits.longestSeconds].map((figure) => text(figure, ' s')),
      ]),
    ]),
    '',
    ...aligned([
      ['slots of', 'limit', 'most', 'mean', 'utilization', 'overshoots'],
      ...slots.map(({ kind, queue, pool, limit, most, mean, utilization, overshoots }) => [
        kind === 'pool' ? `pool ${pool}` : `queue ${pool}/${queue}`,
        text(limit),
        text(most),
        text(mean),
        text(utilization, ' %', 100),
        text(overshoots),
      ]),
    ]),
    ...leaseLines(leases),
  ]
}

/** What became of leases, in a line and a table; nothing where nothing did. */
function leaseLines(leases: LeaseFigures): string[] {
  if (Object.values(leases).every((figure) => mostOf(figure) === 0)) return []
  const { renewals, failedRenewals, deaths, stalls, released, refused, doubles, held, longestHeldSeconds } = leases
  return [
    '',
    `Pollers: died ${text(deaths)}, stalled ${text(stalls)}. Renewals: ${text(renewals)}, failed ${text(failedRenewals)}.`,
    '',
    ...aligned([
      ['leases', 'released', 'late writes refused', 'run by two', 'slots held', 'longest held'],
      ['all', ...[released, refused, doubles, held].map((figure) => text(figure)), text(longestHeldSeconds, ' s')],
    ]),
  ]
}

/** A figure in at most three digits and one decimal; a dash where there is none. */
function text(figure: Figure, unit = '', scale = 1): string {
  if (figure === null) return '-'
  const short = (number: number): string => String(Math.round(number * scale * 10) / 10)
  if (typeof figure === 'number') return `${short(figure)}${unit}`
  const { least, median, most } = figure
  return least === most ? `${short(median)}${unit}` : `${short(median)}${unit} (${short(least)}..${short(most)})`
}

function mostOf(figure: Figure): number {
  return typeof figure === 'number' ? figure : (figure?.most ?? 0)
}

/** Columns as wide as their widest cell: the first to the left, the others to the right. */
function aligned(rows: readonly (readonly string[])[]): string[] {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => (row[column] ?? '').length)))
  return rows.map((row) =>
    row
      .map((cell, column) => (column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0)))
      .join('  ')
      .trimEnd(),
  )
}
