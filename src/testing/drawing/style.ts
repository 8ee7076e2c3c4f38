/** The colours of queues, on light and on dark: told apart by people who see colours otherwise too. */
const QUEUE_COLORS = [
  ['#0072b2', '#58a6e8'],
  ['#c75100', '#ff9a5c'],
  ['#00805d', '#3ecf9f'],
  ['#b0508a', '#ee9bc4'],
  ['#7a6000', '#e0b93b'],
  ['#6a4fc0', '#ab95f5'],
  ['#4f5b66', '#a9b4bf'],
  ['#006f7a', '#4fd0dc'],
] as const

/** The colour of a queue, by its place among them, as a class. */
export function queueClass(place: number): string {
  return `q${place % QUEUE_COLORS.length}`
}

/**
 * The style sheet of a picture. Each rule is of pictures only, since a page may hold the picture as it is.
 */
export function styleSheet(): string {
  const colors = (index: 0 | 1): string => QUEUE_COLORS.map((color, place) => `--q${place}:${color[index]}`).join(';')
  const queues = QUEUE_COLORS.map((_, place) => `.polling .q${place}{--queue:var(--q${place})}`).join('')
  return [
    `.polling{--back:#ffffff;--ink:#1f2328;--soft:#59636e;--line:#d1d9e0;--bad:#c1121f;--fill:#b6c2cf;${colors(0)}}`,
    '@media (prefers-color-scheme:dark){',
    `.polling{--back:#0d1117;--ink:#f0f6fc;--soft:#a4afba;--line:#3d444d;--bad:#ff7b72;--fill:#4a5662;${colors(1)}}}`,
    ".polling text{fill:var(--ink);font:11px system-ui,-apple-system,'Segoe UI',sans-serif}",
    '.polling .head{font-weight:600;font-size:12px}.polling .name{font-weight:600;font-size:15px}',
    '.polling .soft{fill:var(--soft)}.polling .back{fill:var(--back)}',
    '.polling .grid{stroke:var(--line);fill:none}.polling .change{stroke:var(--soft);stroke-dasharray:2 3;fill:none}',
    queues,
    '.polling .run{stroke:var(--queue);fill:none}.polling .dot{stroke:var(--queue);stroke-width:4;stroke-linecap:round;fill:none}',
    '.polling .square{fill:var(--queue)}.polling .ring{stroke:var(--queue);stroke-width:1.5;fill:none}',
    '.polling .mark{stroke:var(--ink);stroke-width:1.4;fill:none}.polling .bad{stroke:var(--bad);stroke-width:1.4;fill:none}',
    '.polling .used{fill:var(--fill)}.polling .over{fill:var(--bad)}',
    '.polling .limit{stroke:var(--ink);stroke-width:1.4;stroke-dasharray:5 3;fill:none}.polling .paused{fill:var(--soft);opacity:.22}',
  ].join('')
}
