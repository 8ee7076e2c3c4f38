/** @import { Holder, QueueDetail, QueueRow, RunDetail, WaitingRun } from '../dashboard-answers.js' */

import { el, keyedList, setAttribute, setHidden, setText } from './dom.js'
import { countText, statusText } from './figures.js'
import { whatIsWrong } from './queue-row.js'
import { makeCards } from './slots.js'
import { sentenceParts, setTime, timeElement } from './times.js'

/**
 * A queue as the panel shows it.
 *
 * @typedef {object} PanelItem
 * @property {QueueRow} queue
 * @property {string} poolName
 * @property {readonly Holder[]} holders
 * @property {QueueDetail | undefined} detail
 * @property {string | undefined} runId The run that is explained.
 * @property {RunDetail | undefined} run
 */

/** @typedef {{ readonly run: WaitingRun, readonly isOpen: boolean, readonly detail: RunDetail | undefined }} RunItem */

/**
 * @param {HTMLElement} root
 * @param {{ close: () => void, toggleRun: (id: string) => void }} actions
 * @returns {{ show: (item: PanelItem) => void, focus: () => void }}
 */
export function makePanel(root, { close, toggleRun }) {
  const pool = el('span', { class: 'of' })
  const name = el('span')
  const title = el('h2', { id: 'panel-title', tabindex: '-1' }, name, ' ', pool)
  const closing = el('button', { type: 'button', class: 'plain close' }, 'Close')
  closing.addEventListener('click', close)
  const status = el('span', { class: 'word' })
  const health = el('span', { class: 'health' })
  const polled = timeElement('ago')
  const state = el('p', { class: 'status' }, status, ', ', health, '; polled ', polled)

  const reasons = el('ul', { class: 'reasons' })
  const setReasons = keyedList(reasons, (/** @type {{ sentence: string }} */ reason) => reason.sentence, makeReason)
  const unhindered = el('p', { class: 'hint' }, 'Nothing: it hands out runs.')
  const cards = makeCards(() => '')
  const noSlots = el('p', { class: 'hint' }, 'No run holds a slot.')
  const count = el('span', { class: 'count' })
  const runs = el('ol', { class: 'runs' })
  const setRuns = keyedList(runs, (/** @type {RunItem} */ { run }) => run.id, makeRunMaker(toggleRun))
  const noRuns = el('p', { class: 'hint' }, 'No run waits.')

  root.append(
    el('div', { class: 'panel-head' }, title, closing),
    state,
    el('h3', {}, 'What holds it back'),
    reasons,
    unhindered,
    el('h3', {}, 'Slots'),
    cards.root,
    noSlots,
    el('h3', {}, 'Waiting runs ', count),
    runs,
    noRuns,
  )
  return {
    show({ queue, poolName, holders, detail, runId, run }) {
      setText(name, queue.workQueueName)
      setText(pool, `in ${poolName}`)
      setText(status, statusText(queue.status))
      setAttribute(state, 'data-status', queue.status)
      const wrong = whatIsWrong(queue)
      setText(health, wrong === '' ? 'healthy' : `unhealthy: ${wrong}`)
      setAttribute(health, 'data-bad', wrong === '' ? null : '')
      cards.update({ active: queue.active, limit: queue.concurrencyLimit, holders })
      setHidden(noSlots, !cards.root.hidden)
      setText(count, countText(queue.scheduled))
      if (detail === undefined) return
      setTime(polled, detail.lastPolled, 'never')
      setReasons(detail.reasons)
      setHidden(reasons, detail.reasons.length === 0)
      setHidden(unhindered, detail.reasons.length > 0)
      const items = itemsOf(detail.waiting, runId, run)
      setRuns(items)
      setHidden(runs, items.length === 0)
      setHidden(noRuns, items.length > 0)
    },
    focus: () => title.focus(),
  }
}

/**
 * The runs that wait. One that is being explained stays, also when it waits no longer.
 *
 * @param {readonly WaitingRun[]} waiting
 * @param {string | undefined} openId
 * @param {RunDetail | undefined} detail
 * @returns {readonly RunItem[]}
 */
function itemsOf(waiting, openId, detail) {
  const items = waiting.map((run) => ({
    run,
    isOpen: run.id === openId,
    detail: run.id === openId ? detail : undefined,
  }))
  if (openId === undefined || detail === undefined || waiting.some(({ id }) => id === openId)) return items
  const { name, stateName } = detail
  return [{ run: { id: openId, name, stateName, start: null }, isOpen: true, detail }, ...items]
}

/** @param {{ readonly sentence: string }} reason */
function makeReason({ sentence }) {
  return { root: el('li', {}, ...sentenceParts(sentence)), update() {} }
}

/**
 * @param {(id: string) => void} toggleRun
 * @returns {(item: RunItem) => { root: HTMLElement, update(item: RunItem): void }}
 */
function makeRunMaker(toggleRun) {
  return ({ run: { id } }) => {
    const name = el('span', { class: 'name' })
    const state = el('span', { class: 'state' })
    const start = timeElement('start')
    const button = el(
      'button',
      { type: 'button', class: 'run', 'aria-controls': `run-${id}` },
      name,
      ' ',
      state,
      ' ',
      start,
    )
    button.addEventListener('click', () => toggleRun(id))
    const verdict = el('p', { class: 'verdict' })
    const reasons = el('ul', { class: 'reasons' })
    const setReasons = keyedList(reasons, (/** @type {{ sentence: string }} */ reason) => reason.sentence, makeReason)
    const why = el('div', { class: 'why', id: `run-${id}` }, verdict, reasons)
    return {
      root: el('li', {}, button, why),
      update({ run, isOpen, detail }) {
        setText(name, run.name)
        setText(state, run.stateName === 'Scheduled' ? '' : (run.stateName ?? ''))
        setTime(start, run.start)
        setAttribute(button, 'aria-expanded', String(isOpen))
        setHidden(why, !isOpen || detail === undefined)
        if (detail === undefined) return
        setText(verdict, detail.handedOut ? 'It may start:' : 'Why it does not start:')
        setReasons(detail.reasons)
      },
    }
  }
}
