import { createRandom } from '../../src/testing/simulation/random.js'

/** A number below a bound. */
export type RandomBelow = (bound: number) => number

/** Numbers that are the same for the same seed: 32 bits of the test kit's, brought below the bound. */
export function randomBelow(seed: number): RandomBelow {
  const { next } = createRandom(seed)
  return (bound) => (next() * 2 ** 32) % bound
}
