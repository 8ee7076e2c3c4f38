import { writeFileSync } from 'node:fs'
import * as Plot from '@observablehq/plot'
import { parseHTML } from 'linkedom'

/** What a poll took. */
export interface Point {
  readonly database: string
  readonly place: string
  readonly runs: number
  readonly ms: number
}

/** Draws what a poll costs against the number of runs, a panel for each database. */
export function plotPolls(file: URL, points: readonly Point[]): void {
  const { document } = parseHTML('<!doctype html><html><body></body></html>')
  const largest = Math.max(...points.map(({ ms }) => ms))
  const svg = Plot.plot({
    document,
    width: 860,
    height: 380,
    marginLeft: 56,
    marginRight: 24,
    marginBottom: 44,
    style: { background: 'white', color: '#222', fontFamily: 'sans-serif', fontSize: '12px' },
    x: {
      type: 'log',
      label: 'runs stored there',
      tickFormat: '~s',
      ticks: [...new Set(points.map(({ runs }) => runs))],
    },
    y: { label: 'ms, a poll of 10 runs', domain: [0, largest * 1.4], grid: true, nice: true },
    fx: { label: null, padding: 0.12, domain: [...new Set(points.map(({ database }) => database))] },
    color: { legend: false, domain: [...new Set(points.map(({ place }) => place))], scheme: 'Observable10' },
    marks: [
      Plot.frame({ stroke: '#ccc' }),
      Plot.lineY(points, { x: 'runs', y: 'ms', fx: 'database', stroke: 'place', strokeWidth: 2 }),
      Plot.dot(points, { x: 'runs', y: 'ms', fx: 'database', fill: 'place', symbol: 'place', r: 4 }),
      Plot.text([...legend(points)], {
        x: 'runs',
        y: 'y',
        fx: 'database',
        text: 'place',
        fill: 'place',
        textAnchor: 'start',
        dx: 22,
        fontWeight: 600,
      }),
      Plot.dot([...legend(points)], {
        x: 'runs',
        y: 'y',
        fx: 'database',
        fill: 'place',
        symbol: 'place',
        r: 4,
        dx: 12,
      }),
    ],
  })
  svg.setAttribute('xmlns', 'http://www.w3.org/2000/svg')
  writeFileSync(file, `${svg.outerHTML}\n`)
}

/** The legend, written into the first panel. */
function* legend(points: readonly Point[]): Generator<Point & { readonly y: number }> {
  const largest = Math.max(...points.map(({ ms }) => ms))
  const first = points[0]
  if (first === undefined) return
  const places = [...new Set(points.map(({ place }) => place))]
  const runs = Math.min(...points.map((point) => point.runs))
  for (const [n, place] of places.entries()) yield { ...first, runs, place, y: largest * (1.34 - n * 0.08) }
}
