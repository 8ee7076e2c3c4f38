import type { SettingsChange, SlotCount } from '../simulation/history.js'
import { keyOf, slotsByOwner } from '../simulation/slot-usage.js'
import type { Panel, Picture } from './picture.js'
import { LEFT, RIGHT, type TimeScale } from './scales.js'
import { clipped, element, short, text, title } from './svg.js'

const STRIP = 40
const GAP = 10
const MOST_STRIPS = 12

/**
 * Slots in use against limits: a strip for each pool and queue that has a limit, or whose runs took slots.
 */
export function slotsPanel({ history, scale }: Picture): Panel {
  const owners = slotsByOwner(history).filter((counts) =>
    counts.some(({ limit, active }) => limit !== null || active > 0),
  )
  // Those without a limit go first when there are too many.
  const byUse = owners.toSorted((a, b) => Number(isLimited(b)) - Number(isLimited(a)))
  const shown = new Set(byUse.slice(0, MOST_STRIPS))
  const strips = owners.filter((counts) => shown.has(counts))
  const more = owners.length - strips.length
  return {
    heading: `Slots in use, and limits (dashed)${more > 0 ? `; ${more} more pools and queues` : ''}`,
    height: Math.max(14, strips.length * (STRIP + GAP) - GAP),
    draw: (top) =>
      strips
        .map((counts, index) => {
          const settings = history.settings.filter(
            (change) => counts[0] !== undefined && keyOf(change) === keyOf(counts[0]),
          )
          return drawStrip(counts, settings, scale, top + index * (STRIP + GAP))
        })
        .join(''),
  }
}

function isLimited(counts: readonly SlotCount[]): boolean {
  return counts.some(({ limit }) => limit !== null)
}

function drawStrip(
  counts: readonly SlotCount[],
  settings: readonly SettingsChange[],
  scale: TimeScale,
  top: number,
): string {
  const [first] = counts
  if (first === undefined) return ''
  const name = first.queue === null ? `pool ${first.pool}` : `queue ${first.queue}`
  const full = first.queue === null ? name : `queue ${first.pool}/${first.queue}`
  const most = counts.reduce((most, { active, limit }) => Math.max(most, active, limit ?? 0), 1)
  const bottom = top + STRIP
  const y = (number: number): number => bottom - (number / most) * STRIP
  const columns = columnsOf(counts, scale)
  return element(
    'g',
    {},
    title(full),
    text(LEFT - 24, top + STRIP / 2 + 4, clipped(name, 20), { 'text-anchor': 'end' }),
    text(LEFT - 6, top + 8, String(most), { 'text-anchor': 'end', class: 'soft' }),
    text(LEFT - 6, bottom, '0', { 'text-anchor': 'end', class: 'soft' }),
    ...pauses(settings, scale).map(({ from, to }) => drawPause(from, to, top)),
    element('path', { class: 'used', d: areaPath(columns, y, bottom) }),
    ...overPath(columns, y),
    ...limitPath(columns, y),
    element('path', { class: 'grid', d: `M${LEFT} ${short(bottom)}H${RIGHT}` }),
  )
}

/**
 * What there was within a pixel's width of time: the most and the last of the slots in use, and the limit.
 */
interface Column {
  readonly x: number
  high: number
  last: number
  limit: number | null
  /** The highest number in use beyond the limit of its time. */
  over: number
}

/** Slots over time by columns, so that a picture is no larger than it can show. */
function columnsOf(counts: readonly SlotCount[], scale: TimeScale): Column[] {
  const columns: Column[] = []
  for (const { at, active, limit } of counts) {
    const x = Math.round(scale.x(at))
    const over = limit !== null && active > limit ? active : 0
    const column = columns.at(-1)
    if (column?.x === x) {
      column.high = Math.max(column.high, active)
      column.over = Math.max(column.over, over)
      column.last = active
      column.limit = limit
    } else columns.push({ x, high: active, last: active, limit, over })
  }
  return columns
}

function areaPath(columns: readonly Column[], y: (number: number) => number, bottom: number): string {
  let path = `M${LEFT} ${short(bottom)}`
  for (const { x, high, last } of columns) {
    path += `H${x}V${short(y(high))}`
    // A peak within the pixel is a pixel wide.
    if (last !== high) path += `h1V${short(y(last))}`
  }
  return `${path}H${RIGHT}V${short(bottom)}Z`
}

/** Where more were in use than the limit, as of then. */
function overPath(columns: readonly Column[], y: (number: number) => number): string[] {
  let path = ''
  for (const [index, { x, over, last, limit }] of columns.entries()) {
    if (over === 0 || limit === null) continue
    const end = last > limit ? (columns[index + 1]?.x ?? RIGHT) : x + 1
    path += `M${x} ${short(y(limit))}V${short(y(over))}H${Math.max(end, x + 1)}V${short(y(limit))}Z`
  }
  return path === '' ? [] : [element('path', { class: 'over', d: path }, title('more than the limit'))]
}

function limitPath(columns: readonly Column[], y: (number: number) => number): string[] {
  let path = ''
  let before: number | null = null
  for (const { x, limit } of columns) {
    if (limit === before) continue
    if (before !== null) path += `H${x}`
    if (limit !== null) path += before === null ? `M${x} ${short(y(limit))}` : `V${short(y(limit))}`
    before = limit
  }
  if (before !== null) path += `H${RIGHT}`
  return path === '' ? [] : [element('path', { class: 'limit', d: path }, title('limit'))]
}

/** When it was paused, as far as it was paused while the pollers polled. */
function pauses(settings: readonly SettingsChange[], scale: TimeScale): { from: number; to: number }[] {
  const spans: { from: number; to: number }[] = []
  let from: number | undefined
  for (const { at, isPaused } of settings) {
    if (isPaused === true) from ??= scale.x(at)
    if (isPaused === false) {
      // One that nobody paused was so from the start.
      spans.push({ from: from ?? LEFT, to: scale.x(at) })
      from = undefined
    }
  }
  return from === undefined ? spans : [...spans, { from, to: RIGHT }]
}

function drawPause(from: number, to: number, top: number): string {
  const width = Math.max(1, to - from)
  const box = { class: 'paused', x: short(from), y: short(top), width: short(width), height: STRIP }
  return element(
    'g',
    {},
    element('rect', box, title('paused')),
    ...(width < 44 ? [] : [text(from + width / 2, top + 10, 'paused', { 'text-anchor': 'middle', class: 'soft' })]),
  )
}
