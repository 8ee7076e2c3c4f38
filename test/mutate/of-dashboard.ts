import type { Mutation } from './mutation.js'

const PAGE = 'examples/dashboard/page'
const tests = (name: string): string => `test/examples/dashboard/dashboard-${name}.test.ts >`
const routes = `${tests('routes')} the dashboard, mounted by a host, on SQLite in memory >`
const mutate = (file: string, find: string, replace: string, fails: string): Mutation => ({
  file,
  find,
  replace,
  fails,
})

/** What the example that is a dashboard shows, and does. */
export const ofDashboard: readonly Mutation[] = [
  mutate(
    'examples/dashboard/create-dashboard.ts',
    '  changes?.listen(() => reads.forget())\n',
    '',
    `${routes} many pages that look at once cost the database as much as one, and each sees what was told before`,
  ),
  mutate(
    'examples/dashboard/create-dashboard.ts',
    "[...RETAINED_304_HEADERS, 'x-server-time', 'x-has-changes']",
    '[...RETAINED_304_HEADERS]',
    `${routes} an answer in which nothing changed is not sent again, but for the time`,
  ),
  mutate(
    'examples/dashboard/shared-reads.ts',
    'if (known !== undefined) return await known.value',
    '',
    `${routes} many pages that look at once cost the database as much as one, and each sees what was told before`,
  ),
  mutate(
    'examples/dashboard/serve-page.ts',
    'if (!c.req.path.startsWith(base)) return',
    'if (c.req.path === base) return',
    `${routes} lies under the host’s path, with and without a slash at its end, and leaves all else to the host`,
  ),
  mutate(
    'examples/dashboard/change-routes.ts',
    'found(isThere || undefined,',
    'found(isThere,',
    `${tests('routes')} the server of the dashboard on SQLite in memory > checks what it is told by the library’s schemas, and answers errors by the one table`,
  ),
  mutate(
    'examples/dashboard/load-plan.ts',
    'LEASE_SECONDS = 12',
    'LEASE_SECONDS = 1200',
    `${tests('load')} the load is the same for the same seed: a queue fills, limits hold, a worker dies and its slots come back`,
  ),
  mutate(
    `${PAGE}/dom.js`,
    'else node.textContent = text',
    'else node.innerHTML = text',
    `${tests('shows')} names are text, whatever is in them`,
  ),
  mutate(
    `${PAGE}/dom.js`,
    'place !== null && place.nextElementSibling === root',
    'false',
    `${tests('many-queues')} of 500 queues no more is rendered than is to be seen, and of that what changed`,
  ),
  mutate(
    `${PAGE}/dom.js`,
    'if (element.getAttribute(name) === value) return',
    '',
    `${tests('many-queues')} of 500 queues no more is rendered than is to be seen, and of that what changed`,
  ),
  mutate(
    `${PAGE}/dom.js`,
    'focused.focus({ preventScroll: true })',
    '',
    `${tests('controls')} a queue is given another priority by keys, each as soon as it is pressed`,
  ),
  mutate(
    `${PAGE}/actions.js`,
    '      setPriorities(priorities)\n',
    '',
    `${tests('controls')} a queue is given another priority by keys, each as soon as it is pressed`,
  ),
  mutate(
    `${PAGE}/main.js`,
    'state.overview === undefined || isReordering()',
    'state.overview === undefined',
    `${tests('controls')} a queue is dragged to another priority, and the list stays as it is while it is dragged`,
  ),
  mutate(
    `${PAGE}/reorder.js`,
    'last = Math.max(queues[n]?.priority ?? 1, last + 1)',
    'last = queues[n]?.priority ?? 1',
    `${tests('controls')} the priorities in use stay in use, and are each one queue’s, also where Prefect has left two the same`,
  ),
  mutate(
    `${PAGE}/queue-panel.js`,
    'if (openId === undefined || detail === undefined || waiting.some(({ id }) => id === openId)) return items',
    'if (items.length >= 0) return items',
    `${tests('shows')} a waiting run says why it does not start, in the library’s sentences, until it does`,
  ),
  mutate(
    `${PAGE}/watch.js`,
    "opened.addEventListener('changed'",
    "opened.addEventListener('message'",
    `${tests('live')} changes are seen as they are made, whoever makes them, and only then is asked again`,
  ),
  mutate(
    `${PAGE}/slots.js`,
    'holder !== undefined && isExpired(holder)',
    'false',
    `${tests('live')} a worker dies: its lease expires before the eyes of the page, upkeep gives its slots back, and they are open`,
  ),
]
