// What the page knows, and what of it is to be seen.

/** @import { Overview, PoolRow, QueueDetail, QueueRow, RunDetail } from '../dashboard-answers.js' */
/** @import { PoolItem } from './pool-section.js' */

/** Up to so many queues, all pools are open at first. */
const FEW_QUEUES = 40

export const state = {
  /** @type {Overview | undefined} */
  overview: undefined,
  /** What is looked for, in lower case. */
  find: '',
  /** @type {Set<string> | undefined} */
  openPoolIds: undefined,
  /** @type {{ queueId: string | undefined, runId: string | undefined }} */
  selected: { queueId: undefined, runId: undefined },
  /** @type {QueueDetail | undefined} */
  queueDetail: undefined,
  /** @type {RunDetail | undefined} */
  runDetail: undefined,
  /** How often something was written: what was asked before does not know of it. */
  writes: 0,
}

/** @param {Overview} overview */
export function setOverview(overview) {
  state.overview = overview
  const { pools, queues } = overview
  state.openPoolIds ??= new Set(queues.length <= FEW_QUEUES ? pools.map(({ workPoolId }) => workPoolId) : [])
}

/**
 * @param {string | undefined} queueId
 * @param {string | undefined} runId
 */
export function select(queueId, runId) {
  if (queueId !== state.selected.queueId) state.queueDetail = undefined
  if (runId !== state.selected.runId) state.runDetail = undefined
  state.selected = { queueId, runId }
  return state.selected
}

/** @param {Readonly<Record<string, number>>} priorities */
export function setPriorities(priorities) {
  if (state.overview === undefined) return
  const queues = state.overview.queues
    .map((queue) => ({ ...queue, priority: priorities[queue.workQueueId] ?? queue.priority }))
    .toSorted((a, b) => a.priority - b.priority)
  state.overview = { ...state.overview, queues }
}

/** @param {string} id */
export function toggleOpen(id) {
  if (state.openPoolIds?.delete(id) === false) state.openPoolIds.add(id)
}

/** @param {string} id */
export function findPool(id) {
  return state.overview?.pools.find(({ workPoolId }) => workPoolId === id)
}

/** @param {string} id */
export function findQueue(id) {
  return state.overview?.queues.find(({ workQueueId }) => workQueueId === id)
}

/** @returns {readonly PoolItem[]} The pools that are to be seen, with those of their queues that are. */
export function poolItems() {
  const { overview, find, openPoolIds, selected } = state
  if (overview === undefined) return []
  const queuesOf = Map.groupBy(overview.queues, ({ workPoolId }) => workPoolId)
  return overview.pools.flatMap((pool) => {
    const all = queuesOf.get(pool.workPoolId) ?? []
    const isFound = includes(pool.workPoolName, find)
    const found = find === '' ? all : all.filter(({ workQueueName }) => includes(workQueueName, find))
    if (!isFound && found.length === 0) return []
    const isOpen = openPoolIds?.has(pool.workPoolId) === true || (find !== '' && found.length > 0)
    const queues = found.length > 0 ? found : all
    const open = overview.open[pool.workPoolId]
    return [{ pool, queues, count: all.length, isOpen, open, selectedQueueId: selected.queueId }]
  })
}

/**
 * @param {string} name
 * @param {string} text
 */
function includes(name, text) {
  return name.toLowerCase().includes(text)
}

/** @param {string} workPoolId @returns {readonly QueueRow[]} */
export function queuesOf(workPoolId) {
  return state.overview?.queues.filter((queue) => queue.workPoolId === workPoolId) ?? []
}

/** @param {readonly PoolRow[]} pools */
export function totalsOf(pools) {
  /** @param {(pool: PoolRow) => number} figure */
  const sum = (figure) => pools.reduce((total, pool) => total + figure(pool), 0)
  return {
    Active: sum(({ active }) => active),
    Due: sum(({ due }) => due),
    Late: sum(({ late }) => late),
    Workers: sum(({ workersOnline }) => workersOnline),
  }
}
