import { drawPolling, simulatePolling } from 'kysely-work-queues/testing'
import { describe, expect, test } from 'vitest'
import { etl, handOut, history, queue } from './hand-made-history.js'
import { all, parse, paths } from './parse-picture.js'
import { at, mixed, start } from './simulations.js'

/** Where the plots are. */
const [LEFT, RIGHT] = [150, 936]

describe('drawPolling', () => {
  test('draws every run as a bar in its poller’s row, from start to end, and what was not started as a sign', () => {
    const document = parse(
      drawPolling({
        ...history,
        handOuts: [
          handOut('poller-10', 0, 50),
          handOut('poller-2', 10, 20, { startedAt: at(15) }),
          handOut('poller-2', 12, null),
          handOut('poller-2', 30, 40, { finishedAs: 'FAILED' }),
          handOut('poller-2', 50, null, { outcome: 'abandoned', startedAt: null }),
          handOut('poller-2', 60, null, { outcome: 'refused', startedAt: null }),
          handOut('poller-2', 90, null, { outcome: 'open', startedAt: null }),
        ],
      }),
    )
    const rows = all(document, 'text[text-anchor=end]').map((each) => each.textContent)
    expect(rows.indexOf('poller-2')).toBeLessThan(rows.indexOf('poller-10'))
    const bars = paths(document, '.run')
    const spans = (parts: readonly string[] = []): number[][] =>
      parts.map((part) => (/^M([\d.]+) [\d.]+h([\d.]+)/.exec(part) ?? []).slice(1).map(Number))
    // 1 s is 7.86 pixels.
    expect(spans(bars['nightly: RUNNING'])).toEqual([
      [267.9, 39.3],
      [244.3, 691.7],
      [385.8, 78.6],
      [150, 393],
    ])
    expect(spans(bars['nightly: given, not started yet'])).toEqual(
      [
        [228.6, 39.3],
        [857.4, 78.6],
        [543, 1],
        [621.6, 1],
      ].toSorted((a, b) => a[0]! - b[0]!),
    )
    // The second lies beside the first, which goes on.
    const [first, second] = (bars['nightly: RUNNING'] ?? []).map((part) => Number(part.split(/[ h]/)[1]))
    expect(second! - first!).toBeCloseTo(9)
    const signs = Object.keys({ ...paths(document, '.bad'), ...paths(document, '.mark') }).filter((name) => name !== '')
    expect(signs.toSorted()).toEqual(['abandoned', 'failed', 'refused'])
    expect(all(document, 'text').map((each) => each.textContent)).toEqual(expect.arrayContaining(signs))
  })

  test('draws what was released at its end, and says what became of it', () => {
    const document = parse(
      drawPolling({
        ...history,
        handOuts: [
          handOut('poller-1', 0, 50, { finishedAs: 'CRASHED' }),
          handOut('poller-1', 60, 80, { finishedAs: 'SCHEDULED' }),
        ],
      }),
    )
    const places = (parts: readonly string[] = []): string[] => parts.map((part) => part.split(' ')[0] ?? '')
    expect(places(paths(document, '.bad')['crashed'])).toEqual(['M543'])
    expect(places(paths(document, '.mark')['released'])).toEqual(['M778.8'])
  })

  test('draws slots in use, limits and what exceeds them, for each queue and pool that has a limit or a run', () => {
    const document = parse(
      drawPolling({
        ...history,
        slots: [
          { at: start, ...queue, kind: 'pool', queue: null, limit: null, active: 0 },
          { at: start, ...queue, queue: 'idle', limit: null, active: 0 },
          { at: start, ...queue, limit: 2, active: 1 },
          { at: at(20), ...queue, limit: 2, active: 4 },
          { at: at(40), ...queue, limit: 2, active: 2 },
          { at: at(50), ...queue, limit: 4, active: 2 },
          { at: at(60), ...queue, limit: null, active: 0 },
        ],
      }),
    )
    expect(all(document, 'g > title').map((each) => each.textContent)).toEqual(['queue etl/nightly'])
    const [used = ''] = all(document, '.used').map((each) => each.getAttribute('d') ?? '')
    const bottom = Number(/^M150 ([\d.]+)/.exec(used)?.[1])
    // Forty pixels are four slots.
    expect(used).toBe(
      `M150 ${bottom}H150V${bottom - 10}H307V${bottom - 40}H464V${bottom - 20}H543V${bottom - 20}H622V${bottom}H936V${bottom}Z`,
    )
    expect(paths(document, '.limit')).toEqual({ limit: [`M150 ${bottom - 20}H543V${bottom - 40}H622`] })
    expect(paths(document, '.over')).toEqual({
      'more than the limit': [`M307 ${bottom - 20}V${bottom - 40}H464V${bottom - 20}Z`],
    })
    expect(all(parse(drawPolling(history)), '.over')).toEqual([])
  })

  test('shows when what was paused or changed', () => {
    const document = parse(
      drawPolling({
        ...history,
        settings: [
          { at: at(10), ...queue, isPaused: true },
          { at: at(40), ...queue, isPaused: false, priority: 1 },
          { at: at(50), ...queue, concurrencyLimit: null },
          { at: at(90), ...queue, isPaused: true },
          { at: at(95), kind: 'pool', queue: null, pool: 'etl', concurrencyLimit: 3 },
        ],
      }),
    )
    const bands = all(document, '.paused').map((each) => [each.getAttribute('x'), each.getAttribute('width')])
    expect(bands).toEqual([
      ['228.6', '235.8'],
      ['857.4', '78.6'],
    ])
    expect(Object.keys(paths(document, '.change'))).toEqual([
      'After 10 s: queue nightly paused',
      'After 40 s: queue nightly resumed, priority 1',
      'After 50 s: queue nightly no limit',
      'After 90 s: queue nightly paused',
      'After 95 s: pool etl limit 3',
    ])
    expect(document.querySelector('desc')?.textContent).toContain('After 40 s: queue nightly resumed, priority 1.')
  })

  test('draws late runs where they were due, as high as they were late', () => {
    const late = { ...etl, run: 'a', attempt: 1 }
    const document = parse(
      drawPolling({
        ...history,
        late: [
          { ...late, dueAt: at(10), startedAt: at(50), lateBySeconds: 40 },
          { ...late, dueAt: at(20), startedAt: at(40), lateBySeconds: 20 },
          { ...late, dueAt: at(50), startedAt: null, lateBySeconds: 50 },
        ],
      }),
    )
    const dots = paths(document, '.dot')['nightly: started late']?.map((part) =>
      part.split(/[M h]/).slice(1, 3).map(Number),
    )
    expect(dots?.map(([x]) => x)).toEqual([228.6, 307.2])
    expect(dots![1]![1]! - dots![0]![1]!).toBeCloseTo((20 / 50) * 104)
    expect(paths(document, '.ring')['nightly: not started before the end']?.[0]).toMatch(/^M543 /)
    expect(drawPolling(history)).toContain('No run was late')
  })

  test('has a title and a description for those who do not see it', () => {
    const document = parse(drawPolling({ ...history, handOuts: [handOut('poller-1', 5, 9)] }, { title: 'A night' }))
    const svg = document.querySelector('svg')
    const description = document.querySelector('desc')?.textContent
    expect(svg?.getAttribute('role')).toBe('img')
    expect(document.querySelector('svg > title')?.textContent).toBe('A night')
    expect(description).toBe(
      '1 starts in 9 polls; 0 failed. Half of them waited 5 s or less, 95 % 5 s or less. No limit was exceeded. 0 late, 0 never started. queue nightly: at most 0 of 2 slots in use, 0 % over time.',
    )
    expect(svg?.getAttribute('aria-label')).toBe(`A night. ${description}`)
    const untitled = parse(drawPolling({ ...history, handOuts: [handOut('a', 5, 9), handOut('b', 5, 9)] }))
    expect(untitled.querySelector('svg > title')?.textContent).toBe('2 hand-outs to 2 pollers in 100 s')
  })

  test('takes its colours from a style for light and for dark, in rules of its own class only', () => {
    const svg = drawPolling({ ...history, handOuts: [handOut('a', 5, 9)] })
    const style = parse(svg).querySelector('style')?.textContent ?? ''
    const [light = '', dark = ''] = style.split('@media (prefers-color-scheme:dark){')
    const variables = (sheet: string): string[] =>
      [...sheet.matchAll(/(--\w+):#[\da-f]{6}/g)].map(([, name = '']) => name)
    expect(variables(dark)).toEqual(variables(light))
    expect(variables(light).length).toBeGreaterThan(10)
    for (const [, used = ''] of style.matchAll(/var\((--\w+)\)/g)) {
      if (used !== '--queue') expect(variables(light)).toContain(used)
    }
    for (const [selector] of style.matchAll(/[^{}]+(?={)/g)) expect(selector).toMatch(/^(\.polling|@media)/)
    expect(svg.replace(/<style>.*<\/style>/, '')).not.toMatch(/#[\da-f]{3,6}|(fill|stroke)="/)
  })

  test('takes names whatever is in them', () => {
    const name = 'a<b>&"c\'\u0001\uD800😀'
    const document = parse(
      drawPolling({ ...history, handOuts: [handOut(name, 5, 9, { queue: name })] }, { title: name }),
    )
    const read = 'a<b>&"c\'\u{FFFD}\u{FFFD}😀'
    expect(document.querySelector('svg > title')?.textContent).toBe(read)
    expect(Object.keys(paths(document, '.run'))).toEqual([`${read}: RUNNING`])
  })

  test('draws what is without time, hand-outs, queues or an end', () => {
    const empty = { ...history, endedAt: start, slots: [] }
    expect(drawPolling(empty)).not.toMatch(/NaN|Infinity|undefined/)
    parse(drawPolling(empty))
    expect(drawPolling({ ...history, slots: [{ at: start, ...queue, limit: 0, active: 0 }] })).not.toMatch(
      /NaN|Infinity/,
    )
  })

  test('is the same for the same history, and of a history that was kept as JSON', async () => {
    const simulated = await simulatePolling({ ...mixed, by: 'poll', pollSeconds: 2 })
    const svg = drawPolling(simulated)
    expect(drawPolling(structuredClone(simulated))).toBe(svg)
    expect(svg).not.toMatch(/NaN|Infinity|undefined/)
    parse(svg)
    expect(Object.keys(paths(parse(svg), '.run')).length).toBeGreaterThan(1)
    for (const [, x] of svg.matchAll(/M([\d.]+) [\d.]+h/g)) {
      expect(Number(x)).toBeGreaterThanOrEqual(LEFT)
      expect(Number(x)).toBeLessThanOrEqual(RIGHT)
    }
  })
})
