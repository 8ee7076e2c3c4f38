/** A number of seconds, or the least and the most of them: then it is drawn anew for each use. */
export type Seconds = number | readonly [least: number, most: number]

/** A source of numbers that repeat exactly for the same seed. Not for secrets. */
export interface Random {
  /** The next number from 0 to 1, without 1. */
  next(): number
  /** Whether a thing of this probability happens. */
  happens(probability: number): boolean
  /** A time span in whole milliseconds. */
  milliseconds(seconds: Seconds): number
}

/**
 * Creates a source of numbers: mulberry32, Tommy Ettinger's public-domain generator with 32 bits of state.
 */
export function createRandom(seed: number): Random {
  let state = seed >>> 0
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0
    let bits = Math.imul(state ^ (state >>> 15), state | 1)
    bits ^= bits + Math.imul(bits ^ (bits >>> 7), bits | 61)
    return ((bits ^ (bits >>> 14)) >>> 0) / 2 ** 32
  }
  return {
    next,
    happens: (probability) => next() < probability,
    milliseconds(seconds) {
      const [least, most] = typeof seconds === 'number' ? [seconds, seconds] : seconds
      return Math.round(1000 * (least + next() * (most - least)))
    },
  }
}
