// The page: looks at the server, shows what it says, and tells it what to change.

/** @import { Mode } from './watch.js' */

import { makeActions } from './actions.js'
import { askOverview, askQueue, askRun, RefusedError } from './ask-server.js'
import { byId, el, keyedList, setAttribute, setHidden, setText } from './dom.js'
import { countText } from './figures.js'
import { findPool, findQueue, poolItems, select, setOverview, state, totalsOf } from './page-state.js'
import { poolSectionMaker } from './pool-section.js'
import { makePanel } from './queue-panel.js'
import { isReordering } from './reorder.js'
import { keepTimes } from './times.js'
import { watch } from './watch.js'

const MODES = { connecting: 'Connecting', live: 'Live', polling: 'Looks every 2 s', lost: 'No connection' }

const connection = byId('connection', HTMLElement)
const find = byId('find', HTMLInputElement)
const nothing = byId('nothing', HTMLElement)
const pools = byId('pools', HTMLElement)
const panelRoot = byId('panel', HTMLElement)
const isNarrow = matchMedia('(max-width: 60rem)')

/** The pools whose slots were asked for last. */
let askedPoolIds = ''

const actions = makeActions({ show, lookAgain: () => lookAgain() })
const setPools = keyedList(pools, ({ pool }) => pool.workPoolId, poolSectionMaker(actions))
const panel = makePanel(panelRoot, { close: closePanel, toggleRun })
const setTotals = keyedList(
  byId('totals', HTMLElement),
  (/** @type {[string, number]} */ [label]) => label,
  ([label]) => {
    const value = el('dd')
    const root = el('div', {}, el('dt', {}, label), value)
    return { root, update: ([, count]) => setText(value, countText(count)) }
  },
)

/** Shows what is known. Only what changed is touched. */
function show() {
  // The list stays under the pointer that drags in it.
  if (state.overview === undefined || isReordering()) return
  const items = poolItems()
  setPools(items)
  setTotals(Object.entries(totalsOf(state.overview.pools)))
  setHidden(nothing, items.length > 0)
  setText(
    nothing,
    state.find === '' ? 'There is no work pool yet.' : `No pool or queue has “${find.value}” in its name.`,
  )

  const { queueId, runId } = state.selected
  const queue = findQueue(queueId ?? '')
  setHidden(panelRoot, queue === undefined)
  const isCovered = queue !== undefined && isNarrow.matches
  for (const element of document.querySelectorAll('main, header')) setAttribute(element, 'inert', isCovered ? '' : null)
  if (queue === undefined) return
  const holders = state.overview.open[queue.workPoolId]?.holders.filter(({ workQueueId }) => workQueueId === queueId)
  panel.show({
    queue,
    poolName: findPool(queue.workPoolId)?.workPoolName ?? '',
    holders: holders ?? [],
    detail: state.queueDetail,
    runId,
    run: state.runDetail,
  })
}

async function look() {
  const { selected, writes } = state
  const isFirst = state.openPoolIds === undefined
  askedPoolIds = shownPoolIds()
  const [{ overview, hasChanges }, queueDetail, runDetail] = await Promise.all([
    askOverview(askedPoolIds),
    ifThere(selected.queueId, askQueue),
    ifThere(selected.runId, askRun),
  ])
  // What was written since is not in the answer, and what was selected since is not answered.
  if (writes === state.writes) setOverview(overview)
  if (selected === state.selected) Object.assign(state, { queueDetail, runDetail })
  show()
  if (isFirst || writes !== state.writes || selected !== state.selected) void lookAgain()
  return { hasChanges }
}

/**
 * @template Detail
 * @param {string | undefined} id
 * @param {(id: string) => Promise<Detail>} ask
 */
async function ifThere(id, ask) {
  if (id === undefined) return undefined
  try {
    return await ask(id)
  } catch (error) {
    if (error instanceof RefusedError && error.status < 500) return undefined
    throw error
  }
}

/** The pools whose slots are to be seen: those that are open and near what is on the screen, and that of the panel. */
function shownPoolIds() {
  const ids = new Set([findQueue(state.selected.queueId ?? '')?.workPoolId ?? ''])
  for (const section of pools.children) {
    const { top, bottom } = section.getBoundingClientRect()
    const isNear = bottom > -window.innerHeight && top < 2 * window.innerHeight
    const isOpen = section.querySelector('[aria-expanded="true"]') !== null
    if (isNear && isOpen && section instanceof HTMLElement) ids.add(section.dataset['id'] ?? '')
  }
  return [...ids].filter((id) => id !== '').join(',')
}

/** @param {Mode} mode */
function showMode(mode) {
  setText(connection, MODES[mode])
  setAttribute(connection, 'data-mode', mode)
}

/** The address says what is selected, so that it can be kept, sent, and gone back from. */
function readAddress() {
  const address = new URLSearchParams(location.hash.slice(1))
  const before = state.selected.queueId
  const { queueId } = select(address.get('queue') ?? undefined, address.get('run') ?? undefined)
  show()
  if (queueId !== undefined && queueId !== before) panel.focus()
  void lookAgain()
}

/** @param {string} id */
function toggleRun(id) {
  const { queueId, runId } = state.selected
  history.replaceState(null, '', runId === id ? `#queue=${queueId}` : `#queue=${queueId}&run=${id}`)
  readAddress()
}

function closePanel() {
  const { queueId } = state.selected
  history.pushState(null, '', location.pathname + location.search)
  readAddress()
  const link = document.querySelector(`a[href="#queue=${queueId}"]`)
  if (link instanceof HTMLElement) link.focus()
}

find.addEventListener('input', () => {
  state.find = find.value.trim().toLowerCase()
  show()
  void lookAgain()
})
document.addEventListener('keydown', (event) => {
  const isTyping = event.target instanceof HTMLInputElement
  if (event.key === '/' && !isTyping && !event.ctrlKey && !event.metaKey) {
    event.preventDefault()
    find.focus()
  }
  if (event.key === 'Escape' && !isTyping && !panelRoot.hidden) closePanel()
})
window.addEventListener('hashchange', readAddress)
window.addEventListener('scrollend', () => {
  if (shownPoolIds() !== askedPoolIds) void lookAgain()
})
isNarrow.addEventListener('change', show)

const lookAgain = watch(look, showMode)
readAddress()
keepTimes()
