import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type PrioritizedQueue, rebalancePriorities } from '../../src/rules/rebalance-priorities.js'

interface Case {
  readonly queues: readonly PrioritizedQueue[]
  readonly asked: ReadonlyMap<string, number>
}

const ids = ['a', 'b', 'c', 'd', 'e', 'f']

/** Queues with ids, and priorities that are asked for: distinct, and also of an id of no queue. */
function casesOf(priorities: fc.Arbitrary<readonly number[]>): fc.Arbitrary<Case> {
  return fc
    .record({
      order: fc.shuffledSubarray(ids, { minLength: 1 }),
      priorities,
      who: fc.shuffledSubarray([...ids, 'elsewhere'], { maxLength: 4 }),
      where: fc.uniqueArray(fc.integer({ min: 1, max: 9 }), { minLength: 4, maxLength: 4 }),
    })
    .map(({ order, priorities: from, who, where }) => ({
      queues: order.map((id, index) => ({ id, priority: from[index] ?? 1 })),
      asked: new Map(who.map((id, index) => [id, where[index] ?? 1])),
    }))
}

const priority = { minLength: ids.length, maxLength: ids.length }
const anyCases = casesOf(fc.array(fc.integer({ min: -2, max: 8 }), priority))
const cleanCases = casesOf(fc.uniqueArray(fc.integer({ min: 1, max: 9 }), priority))

describe('rebalancePriorities', () => {
  test('gives the same changes for a map, a record, and the queues in any order', () => {
    const cases = anyCases.chain((some) =>
      fc.record({
        some: fc.constant(some),
        reordered: fc.shuffledSubarray([...some.queues], { minLength: some.queues.length }),
      }),
    )
    fc.assert(
      fc.property(cases, ({ some: { queues, asked }, reordered }) => {
        const changes = [...rebalancePriorities(queues, asked)]
        expect([...rebalancePriorities(queues, Object.fromEntries(asked))]).toEqual(changes)
        expect([...rebalancePriorities(new Set(reordered), asked)]).toEqual(changes)
      }),
    )
  })

  test('gives only changes, each of a queue of the pool, by ascending priority', () => {
    fc.assert(
      fc.property(anyCases, ({ queues, asked }) => {
        const before = new Map(queues.map(({ id, priority: place }) => [id, place]))
        const changes = [...rebalancePriorities(queues, asked)]
        for (const [id, place] of changes) {
          expect(before.has(id)).toBe(true)
          expect(place).not.toBe(before.get(id))
        }
        const places = changes.map(([, place]) => place)
        expect(places).toEqual(places.toSorted((a, b) => a - b))
      }),
    )
  })

  test('leaves its arguments as they were', () => {
    fc.assert(
      fc.property(anyCases, ({ queues, asked }) => {
        const given = structuredClone({ queues, asked })
        rebalancePriorities(queues, asked)
        expect({ queues, asked }).toEqual(given)
      }),
    )
  })

  test('moves a queue only off a place that is asked for, or that another one was moved to', () => {
    fc.assert(
      fc.property(cleanCases, ({ queues, asked }) => {
        const changes = rebalancePriorities(queues, asked)
        for (const { id, priority: left } of queues) {
          if (asked.has(id) || !changes.has(id)) continue
          const newcomers = queues.filter((other) => (changes.get(other.id) ?? other.priority) === left)
          const pushedPast = queues.filter((other) => other.priority < left && (changes.get(other.id) ?? 0) > left)
          expect([...newcomers, ...pushedPast].filter((other) => other.id !== id)).not.toEqual([])
        }
      }),
    )
  })

  test('moves nothing but what is asked, when the asked places are free', () => {
    fc.assert(
      fc.property(cleanCases, ({ queues, asked }) => {
        const shifted = new Map([...asked].map(([id, place]) => [id, place + 9]))
        const expected = [...shifted]
          .filter(([id]) => queues.some((queue) => queue.id === id))
          .toSorted(([, a], [, b]) => a - b)
        expect([...rebalancePriorities(queues, shifted)]).toEqual(expected)
      }),
    )
  })

  test('puts priorities that are all equal or not positive in order from the first, by id', () => {
    fc.assert(
      fc.property(fc.shuffledSubarray(ids, { minLength: 2 }), fc.integer({ min: -3, max: 1 }), (some, same) => {
        const queues = some.map((id) => ({ id, priority: same }))
        const after = rebalancePriorities(queues, {})
        expect(some.toSorted().map((id) => after.get(id) ?? same)).toEqual(some.map((_, index) => index + 1))
      }),
    )
  })

  test('has nothing to do without queues', () => {
    expect(rebalancePriorities([], { a: 1 })).toEqual(new Map())
  })
})
