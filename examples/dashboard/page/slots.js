// Slots, drawn as places: filled by the runs that hold them, or open.

/** @import { Holder } from '../dashboard-answers.js' */

import { el, keyedList, setAttribute, setHidden, setText } from './dom.js'
import { now, setTime, timeElement } from './times.js'

/**
 * The slots of a pool or of a queue. Of a pool that is closed on the page, it is not known who holds them.
 *
 * @typedef {{ readonly active: number, readonly limit: number | null, readonly holders: readonly Holder[] }} Slots
 */

const MOST_PLACES = 16
const MOST_CARDS = 24

/** @param {Slots} slots */
export function slotsText({ active, limit }) {
  return limit === null ? `${active} held, no limit` : `${active} of ${limit} slots held`
}

/**
 * A row of small places.
 *
 * @returns {{ root: HTMLElement, update(slots: Slots): void }}
 */
export function makePlaces() {
  const root = el('span', { class: 'places', role: 'img' })
  const more = el('span', { class: 'more' })
  return {
    root,
    update(slots) {
      const { active, limit, holders } = slots
      const all = Math.max(active, limit ?? 0)
      const shown = Math.min(all, MOST_PLACES)
      // Of many, those that are shown are filled in proportion.
      const filled = all > shown ? Math.ceil((active / all) * shown) : active
      const places = [...root.children].filter((child) => child !== more)
      while (places.length > shown) places.pop()?.remove()
      while (places.length < shown) {
        const place = el('span', { class: 'place' })
        places.push(place)
        if (more.isConnected) more.before(place)
        else root.append(place)
      }
      for (const [n, place] of places.entries()) {
        const holder = n < filled ? holders[n] : undefined
        setAttribute(place, 'data-state', n < filled ? (holder?.stateType ?? 'HELD') : null)
        setAttribute(place, 'data-expired', holder !== undefined && isExpired(holder) ? '' : null)
        setAttribute(place, 'data-over', limit !== null && n >= limit ? '' : null)
      }
      setText(more, all > shown ? `+${all - shown}` : '')
      if (all > shown && !more.isConnected) root.append(more)
      if (all <= shown) more.remove()
      setAttribute(root, 'aria-label', slotsText(slots))
    },
  }
}

/** @param {Holder} holder */
function isExpired({ lease }) {
  return lease !== undefined && Date.parse(lease.expiresAt) <= now()
}

/** @typedef {{ readonly key: string, readonly holder?: Holder, readonly place?: string, readonly more?: number }} Card */

/**
 * Slots as cards, which say who holds each.
 *
 * @param {(holder: Holder) => string} placeOf What else there is to say of a run, such as its queue.
 * @returns {{ root: HTMLElement, update(slots: Slots): void }}
 */
export function makeCards(placeOf) {
  const root = el('ul', { class: 'cards' })
  const setCards = keyedList(root, ({ key }) => key, makeCard)
  return {
    root,
    update({ active, limit, holders }) {
      const shown = holders.slice(0, MOST_CARDS)
      const open = Math.min(Math.max(0, (limit ?? 0) - active), MOST_CARDS - Math.min(shown.length, MOST_CARDS))
      const rest = Math.max(active, limit ?? 0) - shown.length - open
      /** @type {Card[]} */
      const cards = shown.map((holder) => ({ key: holder.flowRunId, holder, place: placeOf(holder) }))
      for (let n = 0; n < open; n++) cards.push({ key: `open ${n}` })
      if (rest > 0) cards.push({ key: 'more', more: rest })
      setCards(cards)
      setHidden(root, cards.length === 0)
    },
  }
}

/** @param {Card} card */
function makeCard({ holder, more }) {
  const root = el('li', { class: 'card' })
  if (holder === undefined) {
    root.classList.add('open')
    return { root, update: (/** @type {Card} */ card) => setText(root, more === undefined ? 'open' : `+${card.more}`) }
  }
  const name = el('strong')
  const state = el('span', { class: 'state' })
  const place = el('span', { class: 'place-of' })
  const by = el('span', { class: 'by' })
  const since = timeElement('since')
  const lease = timeElement('lease')
  root.append(
    el('p', {}, name, ' ', state),
    el('p', {}, place, ' ', by),
    el('p', { class: 'times' }, el('span', {}, 'for ', since), ' ', el('span', { class: 'lease' }, lease)),
  )
  return {
    root,
    /** @param {Card} card */
    update({ holder, place: text = '' }) {
      if (holder === undefined) return
      setText(name, holder.name)
      setAttribute(name, 'title', holder.name)
      setText(state, (holder.stateType ?? '').toLowerCase())
      setAttribute(root, 'data-state', holder.stateType)
      setText(place, text)
      setText(by, holder.lease?.holder ?? '')
      setTime(since, holder.since, 'an unknown time')
      setTime(lease, holder.lease?.expiresAt ?? null, 'no lease')
    },
  }
}
