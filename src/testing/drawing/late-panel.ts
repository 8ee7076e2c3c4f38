import type { Panel, Picture } from './picture.js'
import { LEFT, RIGHT, timeTicks } from './scales.js'
import { element, short, text, title } from './svg.js'

const HEIGHT = 110

/** Runs that were late: when each was due, and how late it started. */
export function latePanel({ history: { late }, scale, queueOf, queues }: Picture): Panel {
  if (late.length === 0) return { heading: 'No run was late', height: 0, draw: () => '' }
  const most = late.reduce((most, { lateBySeconds }) => Math.max(most, lateBySeconds), 0)
  return {
    heading: 'Late runs, when they were due: how late they started (dots), or not before the end (rings)',
    height: HEIGHT,
    draw(top) {
      const y = (seconds: number): number => top + HEIGHT - (seconds / most) * (HEIGHT - 6)
      const grid = timeTicks(most, 4).map(({ seconds, label }) =>
        [
          element('path', { class: 'grid', d: `M${LEFT} ${short(y(seconds))}H${RIGHT}` }),
          text(LEFT - 8, y(seconds) + 4, label, { 'text-anchor': 'end', class: 'soft' }),
        ].join(''),
      )
      const dots = queues.flatMap((queue) => {
        const ofQueue = late.filter((each) => queueOf(each) === queue)
        const place = (each: (typeof late)[number]): string =>
          `M${short(scale.x(each.dueAt))} ${short(y(each.lateBySeconds))}`
        const started = new Set(ofQueue.filter(({ startedAt }) => startedAt !== null).map((each) => `${place(each)}h0`))
        const waiting = new Set(
          ofQueue
            .filter(({ startedAt }) => startedAt === null)
            .map((each) => `${place(each)}m-3 0a3 3 0 1 0 6 0a3 3 0 1 0-6 0`),
        )
        const path = (parts: ReadonlySet<string>, className: string, words: string): string[] =>
          parts.size === 0
            ? []
            : [
                element(
                  'path',
                  { class: `${className} ${queue.className}`, d: [...parts].join('') },
                  title(`${queue.label}: ${words}`),
                ),
              ]
        return [...path(started, 'dot', 'started late'), ...path(waiting, 'ring', 'not started before the end')]
      })
      return [...grid, ...dots].join('')
    },
  }
}
