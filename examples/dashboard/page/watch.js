// When to look again: at each change that the server tells of, or every two seconds where it tells of none.

/** @typedef {'connecting' | 'live' | 'polling' | 'lost'} Mode */

// Heartbeats and times that come are no events, so that also a page that is told of changes looks now and then.
const SECONDS = { connecting: 2, live: 5, polling: 2, lost: 2 }
const SECONDS_TO_NEXT_TRY = 30
const LEAST_PAUSE_MS = 150

/**
 * Looks, and goes on looking as long as somebody sees the page.
 *
 * @param {() => Promise<{ readonly hasChanges: boolean }>} look
 * @param {(mode: Mode) => void} showMode
 * @returns {() => Promise<void>} Looks at once.
 */
export function watch(look, showMode) {
  /** @type {EventSource | undefined} */
  let stream
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer
  /** @type {Promise<void> | undefined} */
  let looking
  let isAskedAgain = false
  let isLost = false
  let hasFailed = false
  let nextTry = 0

  const mode = () => {
    if (isLost) return 'lost'
    if (stream?.readyState === EventSource.OPEN) return 'live'
    return stream === undefined || hasFailed ? 'polling' : 'connecting'
  }

  const lookOnce = async () => {
    const began = performance.now()
    try {
      const { hasChanges } = await look()
      isLost = false
      if (hasChanges && stream === undefined && performance.now() >= nextTry) openStream()
    } catch {
      isLost = true
    }
    showMode(mode())
    // A server that takes long is asked less often.
    await new Promise((resolve) => setTimeout(resolve, Math.max(LEAST_PAUSE_MS, 2 * (performance.now() - began))))
  }

  const lookAgain = async () => {
    clearTimeout(timer)
    if (looking !== undefined) {
      isAskedAgain = true
      return await looking
    }
    do {
      isAskedAgain = false
      looking = lookOnce()
      await looking
    } while (isAskedAgain)
    looking = undefined
    if (!document.hidden) timer = setTimeout(() => void lookAgain(), SECONDS[mode()] * 1000)
  }

  const openStream = () => {
    nextTry = performance.now() + SECONDS_TO_NEXT_TRY * 1000
    const opened = new EventSource('api/changes')
    stream = opened
    opened.addEventListener('open', () => {
      hasFailed = false
      showMode(mode())
      void lookAgain()
    })
    opened.addEventListener('changed', () => void lookAgain())
    opened.addEventListener('error', () => {
      // The browser tries again by itself, unless the stream is not to be had.
      if (opened.readyState === EventSource.CLOSED) stream = undefined
      hasFailed = true
      showMode(mode())
      void lookAgain()
    })
  }

  document.addEventListener('visibilitychange', () => {
    if (document.hidden) {
      clearTimeout(timer)
      stream?.close()
      stream = undefined
    } else {
      nextTry = 0
      void lookAgain()
    }
  })
  void lookAgain()
  return lookAgain
}
