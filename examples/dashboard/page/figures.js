// What rows of pools and of queues have in common.

/** @import { PoolRow, QueueRow } from '../dashboard-answers.js' */
/** @import { Slots } from './slots.js' */

import { el, setAttribute, setText } from './dom.js'
import { makePlaces, slotsText } from './slots.js'
import { setTime, timeElement } from './times.js'

const CAP = 1000
const STATUS = { READY: 'Ready', NOT_READY: 'Not ready', PAUSED: 'Paused' }

/** @param {number} count */
export function countText(count) {
  return count >= CAP ? `${CAP.toLocaleString('en')}+` : String(count)
}

/** @param {'READY' | 'NOT_READY' | 'PAUSED'} status */
export function statusText(status) {
  return STATUS[status]
}

/**
 * A number under its heading. Where there is no room for headings, it says itself what it is.
 *
 * @param {string} label
 * @param {string} kind
 */
export function makeFigure(label, kind) {
  const value = el('span', { class: 'value' })
  const root = el('span', { class: `figure number ${kind}` }, el('span', { class: 'label' }, label, ' '), value)
  return {
    root,
    /** @param {number} count */
    update(count) {
      setText(value, countText(count))
      setAttribute(root, 'data-zero', count === 0 ? '' : null)
    },
  }
}

/**
 * The cells of a row, of a pool or of a queue.
 *
 * @param {{ editLimit: () => void, togglePause: () => void }} actions
 */
export function makeCells({ editLimit, togglePause }) {
  const word = el('span', { class: 'word' })
  const health = el('span', { class: 'health' })
  const status = el('span', { class: 'status' }, word, ' ', health)
  const places = makePlaces()
  const limit = el('button', { type: 'button', class: 'limit-button' })
  limit.addEventListener('click', editLimit)
  const due = makeFigure('Due', 'due')
  const late = makeFigure('Late', 'late')
  const start = timeElement('start')
  const next = el('span', { class: 'figure next' }, el('span', { class: 'label' }, 'Next run '), start)
  const pause = el('button', { type: 'button', class: 'pause' })
  pause.addEventListener('click', togglePause)
  return {
    cells: [status, el('span', { class: 'slots' }, limit, places.root), due.root, late.root, next],
    pause,
    /**
     * @param {PoolRow | QueueRow} row
     * @param {{ readonly name: string, readonly slots: Slots, readonly wrong?: string }} more
     */
    update(row, { name, slots, wrong }) {
      setText(word, statusText(row.status))
      setAttribute(status, 'data-status', row.status)
      if (wrong !== undefined) {
        setText(health, wrong === '' ? 'healthy' : 'unhealthy')
        setAttribute(health, 'title', wrong === '' ? null : wrong)
        setAttribute(health, 'data-bad', wrong === '' ? null : '')
      }
      places.update(slots)
      setText(limit, slots.limit === null ? 'no limit' : `${slots.active} of ${slots.limit}`)
      setAttribute(limit, 'aria-label', `${limit.textContent}: ${slotsText(slots)}. Change the limit of ${name}`)
      due.update(row.due)
      late.update(row.late)
      setTime(start, row.oldestDueTime ?? row.nextStartTime, '–')
      setText(pause, row.isPaused ? 'Resume' : 'Pause')
      setAttribute(pause, 'aria-label', `${pause.textContent} ${name}`)
    },
  }
}
