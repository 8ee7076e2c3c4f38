import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { firstFreePriority } from '../../src/rules/first-free-priority.js'

describe('firstFreePriority', () => {
  test.each([
    [[], 1],
    [[1, 2, 3], 4],
    [[1, 2, 5], 3],
    [[5, 6], 1],
    [[2, 1], 3],
    [[1, 1, 2], 3],
    [[0, -4], 1],
  ])('of %j is %i', (taken, free) => {
    expect(firstFreePriority(taken)).toBe(free)
  })

  test('is the smallest from 1 that is not taken', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: -2, max: 12 })), (taken) => {
        const free = firstFreePriority(taken)
        expect(taken).not.toContain(free)
        for (let priority = 1; priority < free; priority++) expect(taken).toContain(priority)
      }),
    )
  })

  test('takes any iterable, a set or a generator as well as a list', () => {
    expect(firstFreePriority(new Set([1, 2, 4]))).toBe(3)
    expect(firstFreePriority(new Map([[1, 'a']]).keys())).toBe(2)
  })

  test('does not depend on the order of the priorities, nor on how often they come', () => {
    const shuffled = fc
      .array(fc.integer({ min: -2, max: 12 }), { minLength: 1 })
      .chain((taken) => fc.tuple(fc.constant(taken), fc.shuffledSubarray(taken, { minLength: taken.length })))
    fc.assert(
      fc.property(shuffled, ([taken, again]) => {
        expect(firstFreePriority([...again, ...taken])).toBe(firstFreePriority(taken))
      }),
    )
  })

  test('fills every gap before it goes on, one queue at a time', () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.integer({ min: 1, max: 12 })), (some) => {
        const taken = new Set(some)
        for (let queue = 0; queue < 12; queue++) taken.add(firstFreePriority(taken))
        const priorities = [...taken].toSorted((a, b) => a - b)
        expect(priorities).toEqual(Array.from({ length: some.length + 12 }, (_, index) => index + 1))
      }),
    )
  })
})
