import type { Context } from 'hono'
import { streamSSE } from 'hono/streaming'
import type { ChangeFeed } from './change-feed.js'

/** Messages are no closer than this. What changes in between is one message. */
const PAUSE_MS = 200
/** After so long, a message that says nothing, so that nothing on the way takes the connection for dead. */
const SILENCE_MS = 15_000

function nothing(): void {}

/** Tells a page, over server-sent events, each time that something changed. */
export function streamChanges(c: Context, changes: ChangeFeed): Response {
  // Else a proxy may keep messages to itself until they fill a page.
  c.header('x-accel-buffering', 'no')
  return streamSSE(c, async (stream) => {
    let isTold = false
    let wake = nothing
    const stop = changes.listen(() => {
      isTold = true
      wake()
    })
    stream.onAbort(() => wake())
    await stream.write(': open\n\n')
    while (!stream.aborted && !stream.closed) {
      if (isTold) {
        isTold = false
        await stream.writeSSE({ event: 'changed', data: '' })
        await stream.sleep(PAUSE_MS)
        continue
      }
      const isSilent = await new Promise<boolean>((resolve) => {
        const timer = setTimeout(resolve, SILENCE_MS, true)
        wake = () => {
          clearTimeout(timer)
          resolve(false)
        }
      })
      if (isSilent) await stream.write(': still open\n\n')
    }
    stop()
  })
}
