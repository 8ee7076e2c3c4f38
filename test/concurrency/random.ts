import { isRetryable as isConflict } from 'kysely-work-queues'

/** Numbers below a bound, the same for the same seed. */
export type Random = (bound: number) => number

/** mulberry32. */
export function random(seed: number): Random {
  let state = seed
  return (bound) => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) % bound
  }
}

/**
 * What the databases ask to be tried again. SQLITE_BUSY, when the busy timeout was over, but never SQLITE_BUSY_SNAPSHOT: that says
 * that a transaction of ours began with a read.
 */
export function isRetryable(error: unknown): boolean {
  return isConflict(error) && codeOf(error) !== 'SQLITE_BUSY_SNAPSHOT'
}

export function isDeadlock(error: unknown): boolean {
  return codeOf(error) === '40P01'
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined
}
