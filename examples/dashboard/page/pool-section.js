/** @import { Holder, OpenPool, PoolRow, QueueRow } from '../dashboard-answers.js' */
/** @import { QueueActions, QueueItem } from './queue-row.js' */

import { el, keyedList, setAttribute, setHidden, setText } from './dom.js'
import { makeCells, makeFigure } from './figures.js'
import { queueRowMaker } from './queue-row.js'
import { makeCards } from './slots.js'
import { setTime, timeElement } from './times.js'

/**
 * A pool as its section shows it. `open` is what is known of it while it is open.
 *
 * @typedef {object} PoolItem
 * @property {PoolRow} pool
 * @property {readonly QueueRow[]} queues Those that are to be seen, by priority.
 * @property {number} count How many there are.
 * @property {boolean} isOpen
 * @property {OpenPool | undefined} open
 * @property {string | undefined} selectedQueueId
 */

/**
 * @typedef {QueueActions & {
 *   editPoolLimit: (pool: PoolRow) => void,
 *   togglePool: (pool: PoolRow) => void,
 *   toggleOpen: (id: string) => void,
 * }} PoolActions
 */

/**
 * @param {PoolActions} actions
 * @returns {(item: PoolItem) => { root: HTMLElement, update(item: PoolItem): void }}
 */
export function poolSectionMaker(actions) {
  return ({ pool: first }) => {
    const id = first.workPoolId
    let pool = first
    /** @type {ReadonlyMap<string, string>} */
    let queueNames = new Map()

    const name = el('span', { class: 'name', id: `name-${id}` })
    const count = el('span', { class: 'count' })
    const disclosure = el('button', { type: 'button', class: 'disclosure', 'aria-controls': `body-${id}` }, name)
    disclosure.addEventListener('click', () => actions.toggleOpen(id))
    const title = el('h2', { class: 'title' }, disclosure, count)
    const cells = makeCells({
      editLimit: () => actions.editPoolLimit(pool),
      togglePause: () => actions.togglePool(pool),
    })
    const workersOnline = makeFigure('Workers', 'online-count')

    const cards = makeCards(({ workQueueId }) => queueNames.get(workQueueId ?? '') ?? '')
    const noSlots = el('p', { class: 'hint' }, 'No run holds a slot.')
    const noWorkers = el('p', { class: 'hint' }, 'No worker has called.')
    const workers = el('ul', { class: 'workers' })
    const setWorkers = keyedList(workers, (worker) => worker.name, makeWorker)
    const list = el('ol', { class: 'queues', 'aria-label': `Queues of ${first.workPoolName}, by priority` })
    const setQueues = keyedList(list, (/** @type {QueueItem} */ { queue }) => queue.workQueueId, queueRowMaker(actions))
    const held = el('div', { class: 'held-slots' }, el('h3', {}, 'Slots'), cards.root, noSlots)
    const online = el('div', { class: 'online' }, el('h3', {}, 'Workers'), workers, noWorkers)
    const body = el('div', { class: 'pool-body', id: `body-${id}` }, list, el('div', { class: 'who' }, held, online))
    const head = el('div', { class: 'row pool-head' }, title, ...cells.cells, workersOnline.root, cells.pause)
    const root = el('section', { class: 'pool', 'aria-labelledby': `name-${id}` }, head, body)
    root.dataset['id'] = id

    return {
      root,
      update(item) {
        const { queues, isOpen, open, selectedQueueId } = item
        pool = item.pool
        setText(name, pool.workPoolName)
        setText(count, item.count === 1 ? '1 queue' : `${item.count} queues`)
        setAttribute(disclosure, 'aria-expanded', String(isOpen))
        setHidden(body, !isOpen)
        setAttribute(root, 'data-paused', pool.isPaused ? '' : null)
        const holders = isOpen ? (open?.holders ?? []) : []
        const slots = { active: pool.active, limit: pool.concurrencyLimit, holders }
        cells.update(pool, { name: pool.workPoolName, slots })
        workersOnline.update(pool.workersOnline)
        // What nobody sees is not made.
        if (!isOpen) return setQueues([])
        queueNames = new Map(queues.map(({ workQueueId, workQueueName }) => [workQueueId, workQueueName]))
        const ofQueue = Map.groupBy(holders, ({ workQueueId }) => workQueueId)
        setQueues(
          queues.map((queue) => ({
            queue,
            holders: ofQueue.get(queue.workQueueId) ?? NONE,
            isSelected: queue.workQueueId === selectedQueueId,
          })),
        )
        setHidden(held, open === undefined)
        setHidden(online, open === undefined)
        if (open === undefined) return
        cards.update(slots)
        setHidden(noSlots, !cards.root.hidden)
        setWorkers(open.workers)
        setHidden(noWorkers, open.workers.length > 0)
      },
    }
  }
}

/** @type {readonly Holder[]} */
const NONE = []

/** @param {OpenPool['workers'][number]} worker */
function makeWorker({ name }) {
  const heard = timeElement('ago')
  const status = el('span', { class: 'word' })
  const root = el('li', { class: 'worker' }, el('strong', {}, name), ' ', status, ', heard ', heard)
  return {
    root,
    /** @param {OpenPool['workers'][number]} worker */
    update(worker) {
      setAttribute(root, 'data-status', worker.status)
      setText(status, worker.status === 'ONLINE' ? 'online' : 'offline')
      setTime(heard, worker.lastHeartbeatTime)
    },
  }
}
