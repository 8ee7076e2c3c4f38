import { changeText, describePolling } from './drawing/describe-polling.js'
import { handOutsPanel, marksIn } from './drawing/hand-outs-panel.js'
import { latePanel } from './drawing/late-panel.js'
import { createPicture, type Picture } from './drawing/picture.js'
import { LEFT, RIGHT, spanText, timeTicks, WIDTH } from './drawing/scales.js'
import { slotsPanel } from './drawing/slots-panel.js'
import { styleSheet } from './drawing/style.js'
import { clipped, element, escape, short, text, title } from './drawing/svg.js'
import type { PollingHistory } from './simulation/history.js'
import { summarizePolling } from './summarize-polling.js'

/** How a simulation is drawn. */
export interface DrawPollingOptions {
  /**
   * What stands above the picture. Default: how many hand-outs there were, to how many pollers, in what time.
   */
  title?: string | undefined
}

/** How many queues a legend names. */
const MOST_NAMED = 24
const HEADING = 22
const GAP = 20

/**
 * Draws a simulation as SVG: hand-outs over time by poller, slots in use against limits, late runs, and when
 * queues and pools were paused or changed. It is text, to be written to a file or put into a page.
 *
 * It has colours for light and dark (`prefers-color-scheme`), a title, and a description for those who do not
 * see it. However many hand-outs there are, it shows no more than its pixels can: ten thousand take less than
 * a megabyte and less than a second.
 *
 * @example
 * ```ts
 * const queues = [{ name: 'a' }]
 * const history = await simulatePolling({ queues, runs: [{ queue: 'a' }], pollers: [{ count: 2 }] })
 * const svg = drawPolling(history, { title: 'Two pollers' })
 * // await writeFile('polling.svg', svg)
 * ```
 */
export function drawPolling(history: PollingHistory, options: DrawPollingOptions = {}): string {
  const picture = createPicture(history)
  const pollers = new Set(history.handOuts.map(({ poller }) => poller)).size
  const name =
    options.title ?? `${history.handOuts.length} hand-outs to ${pollers} pollers in ${spanText(picture.scale.seconds)}`
  const description = describePolling(history, summarizePolling(history))

  const legend = drawLegend(picture, 48)
  const parts = [legend.content]
  let y = legend.bottom + 6
  const plots: Plot[] = []
  for (const panel of [handOutsPanel(picture), slotsPanel(picture), latePanel(picture)]) {
    parts.push(text(LEFT, y + 12, panel.heading, { class: 'head' }), panel.draw(y + HEADING))
    plots.push({ from: y + HEADING - 2, to: y + HEADING + panel.height })
    y += HEADING + panel.height + GAP
  }
  const bottom = y - GAP + 4
  const height = Math.ceil(bottom + 26)
  return element(
    'svg',
    {
      xmlns: 'http://www.w3.org/2000/svg',
      class: 'polling',
      viewBox: `0 0 ${WIDTH} ${height}`,
      width: WIDTH,
      height,
      role: 'img',
      'aria-label': `${name}. ${description}`,
    },
    title(name),
    element('desc', {}, escape(description)),
    element('style', {}, styleSheet()),
    element('rect', { class: 'back', width: WIDTH, height }),
    text(16, 26, clipped(name, 110), { class: 'name' }),
    drawTime(picture, plots, bottom),
    ...parts,
  ).concat('\n')
}

/** From where to where a plot goes down. */
interface Plot {
  readonly from: number
  readonly to: number
}

/** The axis of time, and where settings were changed, behind everything else. */
function drawTime({ history, scale }: Picture, plots: readonly Plot[], bottom: number): string {
  const ticks = timeTicks(scale.seconds, 12).map(({ seconds, label }) => {
    const x = short(LEFT + (seconds / scale.seconds) * (RIGHT - LEFT))
    return [
      element('path', { class: 'grid', d: `M${x} ${short(bottom)}v5` }),
      text(Number(x), bottom + 18, label, { 'text-anchor': 'middle', class: 'soft' }),
    ].join('')
  })
  const changes = history.settings.map((change) => {
    const x = short(scale.x(change.at))
    const lines = plots.map(({ from, to }) => `M${x} ${short(from)}V${short(to)}`)
    return element('path', { class: 'change', d: lines.join('') }, title(changeText(change, history)))
  })
  return [element('path', { class: 'grid', d: `M${LEFT} ${short(bottom)}H${RIGHT}` }), ...ticks, ...changes].join('')
}

/** The colours of queues and the signs of outcomes, in as many lines as they take. */
function drawLegend({ queues, history }: Picture, top: number): { readonly content: string; readonly bottom: number } {
  const named = queues.slice(0, MOST_NAMED).map(({ label, className }) => ({
    label: clipped(label, 30),
    sign: (x: number, y: number) =>
      element('rect', { class: `square ${className}`, x: short(x), y: short(y - 9), width: 10, height: 10 }),
  }))
  const marked = marksIn(history).map(({ name, isBad, path }) => ({
    label: name,
    sign: (x: number, y: number) =>
      element('path', { class: isBad ? 'bad' : 'mark', d: `M${short(x + 5)} ${short(y - 4)}${path}` }),
  }))
  const more = queues.length - named.length
  const items = [...named, ...(more > 0 ? [{ label: `${more} more queues`, sign: () => '' }] : []), ...marked]
  let [x, y] = [16, top]
  const content = items.map(({ label, sign }) => {
    const width = 34 + Array.from(label).length * 6.4
    if (x + width > WIDTH && x > 16) [x, y] = [16, y + 18]
    const item = sign(x, y) + text(x + 16, y, label)
    x += width
    return item
  })
  return { content: content.join(''), bottom: y + 8 }
}
