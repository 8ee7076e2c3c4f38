import { differenceInMilliseconds } from 'date-fns/differenceInMilliseconds'
import type { PollingHistory, SettingsChange } from '../simulation/history.js'
import type { PollingSummary } from '../summarize-polling.js'
import { spanText } from './scales.js'

const MOST_CHANGES = 20

/** What a picture shows, in words, for those who do not see it. */
export function describePolling(history: PollingHistory, summary: PollingSummary): string {
  const { waits, overshoots, late, neverStarted, failed } = summary
  const changes = history.settings.slice(0, MOST_CHANGES).map((change) => `${changeText(change, history)}.`)
  const more = history.settings.length - changes.length
  return [
    `${summary.started} starts in ${summary.polls} polls; ${failed} failed.`,
    ...(waits.medianSeconds === null || waits.p95Seconds === null
      ? []
      : [`Half of them waited ${spanText(waits.medianSeconds)} or less, 95 % ${spanText(waits.p95Seconds)} or less.`]),
    overshoots === 0 ? 'No limit was exceeded.' : `A limit was exceeded ${overshoots} times.`,
    `${late} late, ${neverStarted} never started.`,
    ...summary.slots.flatMap(({ kind, queue, pool, limit, most, utilization }) =>
      limit === null
        ? []
        : [
            `${kind} ${queue ?? pool}: at most ${most} of ${limit} slots in use` +
              (utilization === null ? '.' : `, ${Math.round(utilization * 100)} % over time.`),
          ],
    ),
    ...changes,
    ...(more > 0 ? [`${more} more changes.`] : []),
  ].join(' ')
}

/** A change of settings, such as `after 2 min: queue nightly paused`. */
export function changeText(change: SettingsChange, { startedAt }: PollingHistory): string {
  const { at, kind, queue, pool, isPaused, concurrencyLimit, priority } = change
  const what = [
    ...(isPaused === undefined ? [] : [isPaused ? 'paused' : 'resumed']),
    ...(concurrencyLimit === undefined ? [] : [concurrencyLimit === null ? 'no limit' : `limit ${concurrencyLimit}`]),
    ...(priority === undefined ? [] : [`priority ${priority}`]),
  ]
  return `After ${spanText(differenceInMilliseconds(at, startedAt) / 1000)}: ${kind} ${queue ?? pool} ${what.join(', ')}`
}
