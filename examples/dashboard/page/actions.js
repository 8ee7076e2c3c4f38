// What a person does on the page.

/** @import { QueueRow } from '../dashboard-answers.js' */
/** @import { PoolActions } from './pool-section.js' */

import { changePool, changePriorities, changeQueue, RefusedError } from './ask-server.js'
import { byId, setHidden, setText } from './dom.js'
import { askLimit } from './limit-dialog.js'
import { findQueue, queuesOf, setPriorities, state, toggleOpen } from './page-state.js'
import { prioritiesAfterMove } from './reorder.js'

const announcement = byId('say', HTMLElement)
const problem = byId('problem', HTMLElement)
const problemText = byId('problem-text', HTMLElement)
byId('problem-close', HTMLButtonElement).addEventListener('click', () => setHidden(problem, true))

/**
 * @param {{ show: () => void, lookAgain: () => Promise<void> }} page
 * @returns {PoolActions}
 */
export function makeActions({ show, lookAgain }) {
  /** One change after the other, in the order made. */
  let last = Promise.resolve()

  /**
   * Tells the server, and then looks at what has become of it.
   *
   * @param {() => Promise<void>} change
   * @param {() => string} say What is announced when it is done.
   */
  const tell = (change, say) => {
    state.writes++
    last = send(last, change, say)
  }

  /**
   * @param {Promise<void>} before
   * @param {() => Promise<void>} change
   * @param {() => string} say
   */
  const send = async (before, change, say) => {
    await before
    let isDone = false
    try {
      await change()
      isDone = true
    } catch (error) {
      const isRefused = error instanceof RefusedError
      setText(problemText, isRefused ? error.message : 'The server does not answer. Nothing was changed.')
    }
    setHidden(problem, isDone)
    state.writes++
    await lookAgain()
    setText(announcement, isDone ? say() : '')
  }

  /**
   * @param {string} name
   * @param {number | null} limit
   * @param {(patch: { concurrencyLimit: number | null }) => Promise<void>} change
   */
  const editLimit = async (name, limit, change) => {
    const concurrencyLimit = await askLimit(name, limit)
    if (concurrencyLimit === undefined) return
    tell(
      () => change({ concurrencyLimit }),
      () => (concurrencyLimit === null ? `${name} has no limit` : `The limit of ${name} is ${concurrencyLimit}`),
    )
  }

  return {
    toggleOpen(id) {
      toggleOpen(id)
      show()
      void lookAgain()
    },
    togglePool: ({ workPoolId, workPoolName, isPaused }) =>
      tell(
        () => changePool(workPoolId, { isPaused: !isPaused }),
        () => `${workPoolName} is ${isPaused ? 'resumed' : 'paused'}`,
      ),
    toggleQueue: ({ workQueueId, workQueueName, isPaused }) =>
      tell(
        () => changeQueue(workQueueId, { isPaused: !isPaused }),
        () => `${workQueueName} is ${isPaused ? 'resumed' : 'paused'}`,
      ),
    editPoolLimit: ({ workPoolId, workPoolName, concurrencyLimit }) =>
      void editLimit(workPoolName, concurrencyLimit, (patch) => changePool(workPoolId, patch)),
    editQueueLimit: ({ workQueueId, workQueueName, concurrencyLimit }) =>
      void editLimit(workQueueName, concurrencyLimit, (patch) => changeQueue(workQueueId, patch)),
    moveQueue({ workQueueId, workPoolId, workQueueName }, next, previous) {
      const queues = queuesOf(workPoolId)
      const priorities = prioritiesAfterMove(queues, workQueueId, next ?? idAfter(queues, previous, workQueueId))
      if (Object.keys(priorities).length === 0) return show()
      tell(
        () => changePriorities(workPoolId, priorities),
        () => `${workQueueName} has priority ${findQueue(workQueueId)?.priority}`,
      )
      // Shown at once, so that the next key counts from there.
      setPriorities(priorities)
      show()
    },
    showAgain: show,
  }
}

/**
 * The queue that comes after another, among all of the pool, also those that are not shown.
 *
 * @param {readonly QueueRow[]} queues
 * @param {string | undefined} id
 * @param {string} movedId
 */
function idAfter(queues, id, movedId) {
  const others = queues.filter(({ workQueueId }) => workQueueId !== movedId)
  return others[others.findIndex(({ workQueueId }) => workQueueId === id) + 1]?.workQueueId
}
