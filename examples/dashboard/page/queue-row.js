/** @import { Holder, QueueRow } from '../dashboard-answers.js' */

import { el, setAttribute, setText } from './dom.js'
import { countText, makeCells } from './figures.js'
import { makeMovable } from './reorder.js'

/**
 * A queue as a row shows it.
 *
 * @typedef {{ readonly queue: QueueRow, readonly holders: readonly Holder[], readonly isSelected: boolean }} QueueItem
 */

/**
 * What rows of queues ask for.
 *
 * @typedef {object} QueueActions
 * @property {(queue: QueueRow) => void} editQueueLimit
 * @property {(queue: QueueRow) => void} toggleQueue Pauses it, or resumes it.
 * @property {(queue: QueueRow, next: string | undefined, previous: string | undefined) => void} moveQueue Between these ids.
 * @property {() => void} showAgain
 */

/**
 * What is wrong with a queue, as `readWorkQueueStatus` has it; nothing, when it is healthy.
 *
 * @param {QueueRow} queue
 */
export function whatIsWrong({ late, isPolled }) {
  const wrong = []
  if (late > 0) wrong.push(`${countText(late)} late`)
  if (!isPolled) wrong.push('not polled within a minute')
  return wrong.join(', ')
}

/**
 * @param {QueueActions} actions
 * @returns {(item: QueueItem) => { root: HTMLElement, update(item: QueueItem): void }}
 */
export function queueRowMaker(actions) {
  return ({ queue: first }) => {
    let queue = first
    const number = el('span')
    const handle = el('button', { type: 'button', class: 'handle', 'aria-describedby': 'how-to-move' }, number)
    const name = el('a', { class: 'name', href: `#queue=${queue.workQueueId}` })
    const cells = makeCells({
      editLimit: () => actions.editQueueLimit(queue),
      togglePause: () => actions.toggleQueue(queue),
    })
    const title = el('span', { class: 'title' }, handle, name)
    const root = el('li', { class: 'row queue' }, title, ...cells.cells, el('span', { class: 'figure' }), cells.pause)
    root.dataset['id'] = queue.workQueueId
    makeMovable(handle, root, {
      moved: (next, previous) => actions.moveQueue(queue, idOf(next), idOf(previous)),
      cancelled: () => actions.showAgain(),
    })
    return {
      root,
      update(item) {
        queue = item.queue
        setText(number, String(queue.priority))
        setAttribute(handle, 'aria-label', `Priority ${queue.priority}, ${queue.workQueueName}`)
        setText(name, queue.workQueueName)
        setAttribute(name, 'aria-current', item.isSelected ? 'true' : null)
        setAttribute(root, 'data-selected', item.isSelected ? '' : null)
        setAttribute(root, 'data-paused', queue.isPaused ? '' : null)
        cells.update(queue, {
          name: queue.workQueueName,
          slots: { active: queue.active, limit: queue.concurrencyLimit, holders: item.holders },
          wrong: whatIsWrong(queue),
        })
      },
    }
  }
}

/** @param {Element | null} row */
function idOf(row) {
  return row instanceof HTMLElement ? row.dataset['id'] : undefined
}
