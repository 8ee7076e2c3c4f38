import type { HandOut, PollingHistory } from '../simulation/history.js'
import { intoLanes } from './lanes.js'
import type { DrawnQueue, Panel, Picture } from './picture.js'
import { LEFT } from './scales.js'
import { clipped, element, short, text, title } from './svg.js'

const GAP = 4
const MOST_HEIGHT = 480
const MOST_LANES = 12

/** The signs of what became of a hand-out, around a point, and what they mean. */
export const MARKS: readonly { readonly name: string; readonly isBad: boolean; readonly path: string }[] = [
  { name: 'failed', isBad: true, path: 'm-3-3l6 6m0-6l-6 6' },
  { name: 'crashed', isBad: true, path: 'm-3 0h6m-3-3v6' },
  { name: 'abandoned', isBad: true, path: 'm0-3l3 6h-6z' },
  { name: 'released', isBad: false, path: 'm-3 0a3 3 0 1 0 6 0a3 3 0 1 0-6 0' },
  { name: 'refused', isBad: false, path: 'm0-3v6' },
  { name: 'duplicate', isBad: true, path: 'm0-3.5l3.5 3.5l-3.5 3.5l-3.5-3.5z' },
]

/** What a hand-out is marked by, if it is. */
function markOf({ outcome, finishedAs }: HandOut): string | undefined {
  if (finishedAs === 'FAILED') return 'failed'
  if (finishedAs === 'CRASHED') return 'crashed'
  if (finishedAs === 'SCHEDULED') return 'released'
  return outcome === 'started' || outcome === 'open' ? undefined : outcome
}

/** Those of the marks that a history has. */
export function marksIn({ handOuts }: PollingHistory): typeof MARKS {
  const names = new Set(handOuts.map((handOut) => markOf(handOut)))
  return MARKS.filter(({ name }) => names.has(name))
}

/** Who was given what when: a row for each poller, a bar for each run that it started. */
export function handOutsPanel({ history, scale, queueOf, queues }: Picture): Panel {
  const byPoller = new Map<string, HandOut[]>()
  for (const handOut of history.handOuts) {
    const known = byPoller.get(handOut.poller)
    if (known === undefined) byPoller.set(handOut.poller, [handOut])
    else known.push(handOut)
  }
  const pollers = [...byPoller].toSorted(([a], [b]) => a.localeCompare(b, 'en', { numeric: true }))
  const most = Math.min(MOST_LANES, Math.max(1, Math.floor(120 / Math.max(1, pollers.length))))
  const rows = pollers.map(([name, handOuts]) => {
    const spans = handOuts.map((handOut) => {
      const from = scale.x(handOut.at)
      return { from, to: Math.max(from + 1, scale.x(endOf(handOut, history))) }
    })
    return { name, handOuts, spans, ...intoLanes(spans, most) }
  })
  const laneCount = rows.reduce((sum, { count }) => sum + count, 0)
  const gap = Math.min(GAP, (MOST_HEIGHT * 0.2) / Math.max(1, rows.length))
  const lane = Math.min(9, (MOST_HEIGHT - gap * rows.length) / Math.max(1, laneCount))
  const height = lane * laneCount + gap * rows.length

  return {
    heading: 'Hand-outs by poller: waiting to be started (thin), RUNNING (thick)',
    height: Math.max(height, 14),
    draw(top) {
      const waits = new Map<string, Set<string>>()
      const runs = new Map<string, Set<string>>()
      const marks = new Map<string, Set<string>>()
      const labels: string[] = []
      let [y, labelled] = [top, -Infinity]
      for (const { name, handOuts, spans, lanes, count } of rows) {
        const middle = y + (count * lane) / 2 + 4
        if (middle - labelled >= 12) {
          labels.push(text(LEFT - 8, middle, clipped(name), { 'text-anchor': 'end' }))
          labelled = middle
        }
        for (const [index, handOut] of handOuts.entries()) {
          const { from, to } = spans[index] ?? { from: 0, to: 0 }
          const at = short(y + ((lanes[index] ?? 0) + 0.5) * lane)
          const className = queueOf(handOut)?.className ?? ''
          const started = handOut.startedAt === null ? to : scale.x(handOut.startedAt)
          if (started - from >= 0.1) addTo(waits, className, `M${short(from)} ${at}h${short(started - from)}`)
          if (handOut.startedAt !== null) {
            addTo(runs, className, `M${short(started)} ${at}h${short(Math.max(0.5, to - started))}`)
          }
          const mark = MARKS.find((each) => each.name === markOf(handOut))
          if (mark !== undefined)
            addTo(marks, mark.name, `M${short(handOut.finishedAs === null ? from : to)} ${at}${mark.path}`)
        }
        y += count * lane + gap
      }
      return [
        ...labels,
        ...bars(queues, waits, Math.max(0.6, Math.min(1.5, lane / 3)), 'given, not started yet'),
        ...bars(queues, runs, Math.max(0.6, lane - 1.5), 'RUNNING'),
        ...MARKS.flatMap(({ name, isBad }) => {
          const parts = marks.get(name)
          if (parts === undefined) return []
          return [element('path', { class: isBad ? 'bad' : 'mark', d: [...parts].join('') }, title(name))]
        }),
      ].join('')
    },
  }
}

/** The bars of each colour. */
function bars(
  queues: readonly DrawnQueue[],
  paths: ReadonlyMap<string, ReadonlySet<string>>,
  width: number,
  words: string,
): string[] {
  return [...paths].map(([className, parts]) =>
    element(
      'path',
      { class: `run ${className}`, 'stroke-width': short(width), d: [...parts].join('') },
      title(`${labelOf(queues, className)}: ${words}`),
    ),
  )
}

/** The queues that are drawn so: more than one when there are more than colours. */
function labelOf(queues: readonly DrawnQueue[], className: string): string {
  const drawn = queues.filter((queue) => queue.className === className)
  return drawn.map(({ label }) => label).join(', ')
}

/** Until when a hand-out is drawn. */
function endOf({ at, outcome, startedAt, finishedAt }: HandOut, { endedAt }: PollingHistory): Date {
  if (finishedAt !== null) return finishedAt
  return startedAt !== null || outcome === 'open' ? endedAt : at
}

function addTo(paths: Map<string, Set<string>>, key: string, part: string): void {
  const known = paths.get(key)
  if (known === undefined) paths.set(key, new Set([part]))
  else known.add(part)
}
