import { setTimeout } from 'node:timers/promises'
import { isRetryable } from 'kysely-work-queues'

/** Tries again what the database says to try again. */
export async function retrying<T>(attempt: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await attempt()
    } catch (error) {
      if (!isRetryable(error)) throw error
      // Each at another time, so that the same two do not meet again.
      await setTimeout(20 * Math.random())
    }
  }
}

/** Does something again and again until it is told to stop. What fails is reported, and done again in its turn. */
export async function every(seconds: number, signal: AbortSignal, task: () => Promise<unknown>): Promise<void> {
  while (!signal.aborted) {
    try {
      await retrying(task)
    } catch (error) {
      console.error(error)
      await sleep(1, signal)
    }
    await sleep(seconds, signal)
  }
}

/** Waits, but not when it is told to stop. */
export async function sleep(seconds: number, signal: AbortSignal): Promise<void> {
  await setTimeout(seconds * 1000, undefined, { signal }).catch(() => undefined)
}

/** Is aborted when the process is told to stop. */
export function untilStopped(): AbortSignal {
  const stop = new AbortController()
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => stop.abort())
  return stop.signal
}
