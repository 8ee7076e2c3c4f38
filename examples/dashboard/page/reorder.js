// A new order of queues: as priorities to ask for, and by pointer or keys.

/**
 * The priorities that put a queue before another, or last. The numbers in use stay in use, so that no other queue has to move.
 *
 * @param {readonly { readonly workQueueId: string, readonly priority: number }[]} queues All of the pool, by priority.
 * @param {string} movedId
 * @param {string | undefined} beforeId
 * @returns {Readonly<Record<string, number>>} Of the queues whose priority changes.
 */
export function prioritiesAfterMove(queues, movedId, beforeId) {
  const order = queues.filter(({ workQueueId }) => workQueueId !== movedId)
  const place = order.findIndex(({ workQueueId }) => workQueueId === beforeId)
  order.splice(place < 0 ? order.length : place, 0, ...queues.filter(({ workQueueId }) => workQueueId === movedId))
  /** @type {Record<string, number>} */
  const changes = {}
  let last = 0
  for (const [n, { workQueueId, priority }] of order.entries()) {
    // In a database that Prefect writes too, two may have the same.
    last = Math.max(queues[n]?.priority ?? 1, last + 1)
    if (priority !== last) changes[workQueueId] = last
  }
  return changes
}

let isMoving = false

/** Whether a row is being dragged, so that the list must be left as it is. */
export function isReordering() {
  return isMoving
}

const EDGE = 48

/**
 * Lets a row be moved among its siblings, by its handle: dragged, or by the arrow keys.
 *
 * @param {HTMLElement} handle
 * @param {HTMLElement} row
 * @param {{ moved: (next: Element | null, previous: Element | null) => void, cancelled: () => void }} on Which rows it then is between.
 */
export function makeMovable(handle, row, { moved, cancelled }) {
  handle.addEventListener('keydown', (event) => {
    const [previous, next] = [row.previousElementSibling, row.nextElementSibling]
    if (event.key === 'ArrowUp' && previous !== null) moved(previous, previous.previousElementSibling)
    else if (event.key === 'ArrowDown' && next !== null) moved(next.nextElementSibling, next)
    else if (event.key !== 'ArrowUp' && event.key !== 'ArrowDown') return
    event.preventDefault()
  })

  handle.addEventListener('pointerdown', (event) => {
    if (event.button !== 0) return
    const { previousElementSibling: from, nextElementSibling: to } = row
    const ended = new AbortController()
    handle.setPointerCapture(event.pointerId)
    isMoving = true
    row.classList.add('moving')

    /** @param {boolean} isDropped */
    const end = (isDropped) => {
      ended.abort()
      isMoving = false
      row.classList.remove('moving')
      const { nextElementSibling: next, previousElementSibling: previous } = row
      if (isDropped && (next !== to || previous !== from)) moved(next, previous)
      else cancelled()
    }
    const { signal } = ended
    handle.addEventListener('pointermove', ({ clientY }) => drag(row, clientY), { signal })
    handle.addEventListener('pointerup', () => end(true), { signal })
    handle.addEventListener('pointercancel', () => end(false), { signal })
    document.addEventListener(
      'keydown',
      (pressed) => {
        if (pressed.key !== 'Escape') return
        pressed.stopPropagation()
        end(false)
      },
      { signal, capture: true },
    )
  })
}

/**
 * Moves the row's neighbours around it: taken out of the page itself, it would lose pointer and focus.
 *
 * @param {HTMLElement} row
 * @param {number} y
 */
function drag(row, y) {
  for (let next = row.nextElementSibling; next !== null && y > middleOf(next); next = row.nextElementSibling) {
    row.before(next)
  }
  for (let before = row.previousElementSibling; before !== null && y < middleOf(before);) {
    row.after(before)
    before = row.previousElementSibling
  }
  if (y < EDGE) window.scrollBy(0, -EDGE / 4)
  if (y > window.innerHeight - EDGE) window.scrollBy(0, EDGE / 4)
}

/** @param {Element} element */
function middleOf(element) {
  const { top, height } = element.getBoundingClientRect()
  return top + height / 2
}
