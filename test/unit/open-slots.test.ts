import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { openSlots } from '../../src/rules/open-slots.js'

const runs = fc.nat({ max: 2 ** 31 - 1 })

describe('openSlots', () => {
  test.each([
    [3, 1, 2],
    [3, 3, 0],
    [3, 9, 0],
    [0, 0, 0],
    [null, 9, Infinity],
    [undefined, 9, Infinity],
  ])('of limit %s with %i active is %d', (limit, active, open) => {
    expect(openSlots(limit, active)).toBe(open)
  })

  test('lets in any number of runs without a limit, however many are active', () => {
    fc.assert(
      fc.property(fc.constantFrom(null, undefined), runs, (limit, active) => {
        expect(openSlots(limit, active)).toBe(Infinity)
      }),
    )
  })

  test('lets in exactly as many as fill the limit, up to the largest limit, and none beyond it', () => {
    fc.assert(
      fc.property(runs, runs, (limit, active) => {
        const open = openSlots(limit, active)
        expect(open + active).toBe(Math.max(limit, active))
        expect(openSlots(limit, active + open)).toBe(0)
      }),
    )
  })
})
