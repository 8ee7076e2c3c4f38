// Times, as how long ago or ahead they are, by the server's clock.

import { el, setAttribute, setText } from './dom.js'

/** How far this machine's clock is behind the server's, in milliseconds. */
let behind = 0

/** @param {string | null} serverTime */
export function setServerTime(serverTime) {
  if (serverTime !== null) behind = Date.parse(serverTime) - Date.now()
}

export function now() {
  return Date.now() + behind
}

const UNITS = /** @type {const} */ ([
  [60, 1, 's'],
  [60 * 60, 60, 'min'],
  [48 * 60 * 60, 60 * 60, 'h'],
  [Infinity, 24 * 60 * 60, 'd'],
])

/**
 * A time span in its largest unit: `12 s`, `3 min`.
 *
 * @param {number} milliseconds
 */
function span(milliseconds) {
  const seconds = Math.max(0, Math.floor(milliseconds / 1000))
  const [, size, unit] = UNITS.find(([below]) => seconds < below) ?? UNITS[3]
  return `${Math.floor(seconds / size)} ${unit}`
}

/** @typedef {'since' | 'ago' | 'start' | 'lease'} Form */

/** @type {Readonly<Record<Form, (milliseconds: number) => string>>} */
const FORMS = {
  since: (ago) => span(ago),
  ago: (ago) => `${span(ago)} ago`,
  start: (ago) => (ago < 0 ? `in ${span(-ago)}` : `waits ${span(ago)}`),
  lease: (ago) => (ago < 0 ? `lease ${span(-ago)}` : `lease expired ${span(ago)} ago`),
}

/**
 * A time that is kept up to date as long as it is on the page.
 *
 * @param {Form} form
 */
export function timeElement(form) {
  return el('time', { 'data-form': form })
}

/**
 * @param {HTMLElement} element
 * @param {string | null} time
 * @param {string} [otherwise]
 */
export function setTime(element, time, otherwise = '') {
  setAttribute(element, 'datetime', time)
  if (time === null) setText(element, otherwise)
  else showTime(element)
}

/** @param {Element} element */
function showTime(element) {
  const time = element.getAttribute('datetime')
  const form = /** @type {Form} */ (element.getAttribute('data-form'))
  if (time === null) return
  const ago = now() - Date.parse(time)
  setText(element, FORMS[form](ago))
  // So that what has come looks different, also between two answers of the server.
  if (form === 'lease') element.closest('.card')?.toggleAttribute('data-expired', ago >= 0)
}

const HALF_A_DAY_MS = 12 * 60 * 60 * 1000
const TIME_IN_TEXT = /(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z)/
const NEAR = new Intl.DateTimeFormat('en-GB', { timeStyle: 'medium' })
const FAR = new Intl.DateTimeFormat('en-GB', { dateStyle: 'medium', timeStyle: 'medium' })

/**
 * A sentence of the library's, with its times as the clock on the wall has them. The whole time is in their tooltips.
 *
 * @param {string} sentence
 */
export function sentenceParts(sentence) {
  return sentence.split(TIME_IN_TEXT).map((part) => {
    if (!TIME_IN_TEXT.test(part)) return part
    const isNear = Math.abs(Date.parse(part) - now()) < HALF_A_DAY_MS
    return el('time', { datetime: part, title: part }, (isNear ? NEAR : FAR).format(new Date(part)))
  })
}

/** Shows all times of the page anew, each second. */
export function keepTimes() {
  setInterval(() => {
    if (document.hidden) return
    for (const element of document.querySelectorAll('time[data-form][datetime]')) showTime(element)
  }, 1000)
}
