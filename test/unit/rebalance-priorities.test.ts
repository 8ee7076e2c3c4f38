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
  test('moves nothing when the asked priority is free', () => {
    expect(rebalance({ a: 1, b: 2 }, { b: 9 })).toEqual({ b: 9 })
  })

  test('moves those in the way down, as far as the next gap', () => {
    expect(rebalance({ a: 1, b: 2, c: 4 }, { c: 1 })).toEqual({ c: 1, a: 2, b: 3 })
    expect(rebalance({ a: 1, b: 2, d: 4 }, { new: 1, d: 4 })).toEqual({})
    expect(rebalance({ a: 1, b: 3, c: 4, new: 1 }, { new: 1 })).toEqual({ a: 2 })
  })

  test('keeps several asked ones exactly, where Prefect leaves equal ones', () => {
    expect(rebalance({ default: 1, b: 2, c: 10, d: 11 }, { c: 2, d: 3 })).toEqual({ c: 2, d: 3, b: 4 })
  })

  test('repairs equal and non-positive priorities, the smaller id first', () => {
    expect(rebalance({ b: 1, a: 1, c: 0, d: -3 }, {})).toEqual({ d: 1, c: 2, a: 3, b: 4 })
  })

  test('ignores ids of no queue, and takes a map or a record', () => {
    const queues = [{ id: 'a', priority: 1 }]
    expect(rebalancePriorities(queues, { x: 1 })).toEqual(new Map())
    expect(rebalancePriorities(queues, new Map([['a', 2]]))).toEqual(new Map([['a', 2]]))
  })

  test('leaves priorities unique and positive, the asked ones as asked, the others in order and never moved up', () => {
    fc.assert(
      fc.property(anyCases, ({ queues, asked }) => {
        const after = applied(queues, rebalancePriorities(queues, asked))
        const priorities = [...after.values()]
        expect(new Set(priorities).size).toBe(priorities.length)
        expect(Math.min(...priorities)).toBeGreaterThanOrEqual(1)
        const others = othersOf(queues, asked)
        for (const { id } of queues) if (asked.has(id)) expect(after.get(id)).toBe(asked.get(id))
        for (const { id, priority } of others) expect(after.get(id)).toBeGreaterThanOrEqual(priority)
        const places = others.map(({ id }) => after.get(id) ?? 0)
        expect(places).toEqual(places.toSorted((a, b) => a - b))
      }),
    )
  })

  test('moves as few as possible, each as little as possible, compared with every other way', () => {
    fc.assert(
      fc.property(anyCases, ({ queues, asked }) => {
        const others = othersOf(queues, asked)
        const after = applied(queues, rebalancePriorities(queues, asked))
        const places = others.map(({ id }) => after.get(id) ?? 0)
        const stays = (where: number[]): number => where.filter((place, n) => place === others[n]?.priority).length
        const ways = waysOf(others, new Set(queues.flatMap(({ id }) => asked.get(id) ?? [])))
        expect(ways).toContainEqual(places)
        expect(ways.filter((way) => stays(way) > stays(places) || way.some((at, n) => at < (places[n] ?? 0)))).toEqual(
          [],
        )
      }),
      { numRuns: 60 },
    )
  })

  test('has nothing to do when it is done', () => {
    fc.assert(
      fc.property(anyCases, ({ queues, asked }) => {
        const after = applied(queues, rebalancePriorities(queues, asked))
        const again = queues.map(({ id }) => ({ id, priority: after.get(id) ?? 0 }))
        expect(rebalancePriorities(again, asked)).toEqual(new Map())
        expect(rebalancePriorities(again, new Map())).toEqual(new Map())
      }),
    )
  })

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

function rebalance(queues: Record<string, number>, asked: Record<string, number>): Record<string, number> {
  const list = Object.entries(queues).map(([id, priority]) => ({ id, priority }))
  return Object.fromEntries(rebalancePriorities(list, asked))
}

function applied(queues: readonly PrioritizedQueue[], changes: ReadonlyMap<string, number>): Map<string, number> {
  return new Map(queues.map(({ id, priority }) => [id, changes.get(id) ?? priority]))
}

function othersOf(queues: readonly PrioritizedQueue[], asked: ReadonlyMap<string, number>): PrioritizedQueue[] {
  return queues.filter(({ id }) => !asked.has(id)).toSorted((a, b) => a.priority - b.priority || (a.id < b.id ? -1 : 1))
}

/** Every way to place the others in order, none moved up, none on an asked place, up to a place that always suffices. */
function waysOf(others: readonly PrioritizedQueue[], taken: ReadonlySet<number>): number[][] {
  const place = (index: number, from: number): number[][] => {
    const queue = others[index]
    if (queue === undefined) return [[]]
    const ways: number[][] = []
    for (let at = Math.max(from, queue.priority, 1); at <= 14; at++) {
      if (!taken.has(at)) for (const rest of place(index + 1, at + 1)) ways.push([at, ...rest])
    }
    return ways
  }
  return place(0, 1)
}
