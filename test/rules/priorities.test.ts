import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { firstFreePriority } from '../../src/rules/first-free-priority.js'
import { type PrioritizedQueue, rebalancePriorities } from '../../src/rules/rebalance-priorities.js'

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
})

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

  test('gives the changes by ascending priority, and only those', () => {
    const queues = [3, 1, 2, 5].map((priority) => ({ id: `q${priority}`, priority }))
    expect([...rebalancePriorities(queues, { q5: 1, q1: 4 })]).toEqual([
      ['q5', 1],
      ['q1', 4],
    ])
    expect([...rebalancePriorities(queues, { q5: 1 })]).toEqual([
      ['q5', 1],
      ['q1', 2],
      ['q2', 3],
      ['q3', 4],
    ])
  })

  const cases = fc
    .uniqueArray(
      fc.integer({ min: 1, max: 6 }).map((n) => `q${n}`),
      { minLength: 1, maxLength: 5 },
    )
    .chain((ids) =>
      fc.record({
        queues: fc.tuple(
          ...ids.map((id) => fc.record({ id: fc.constant(id), priority: fc.integer({ min: -1, max: 6 }) })),
        ),
        asked: fc
          .uniqueArray(fc.constantFrom(...ids, 'elsewhere'))
          .chain((some) =>
            fc
              .uniqueArray(fc.integer({ min: 1, max: 7 }), { minLength: some.length, maxLength: some.length })
              .map((priorities) => new Map(some.map((id, n) => [id, priorities[n] ?? 1]))),
          ),
      }),
    )

  test('leaves priorities unique and positive, the asked ones as asked, the others in order and never moved up', () => {
    fc.assert(
      fc.property(cases, ({ queues, asked }) => {
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
      fc.property(cases, ({ queues, asked }) => {
        const others = othersOf(queues, asked)
        const after = applied(queues, rebalancePriorities(queues, asked))
        const places = others.map(({ id }) => after.get(id) ?? 0)
        for (const way of waysOf(others, new Set(queues.flatMap(({ id }) => asked.get(id) ?? [])))) {
          const stays = (where: number[]): number => where.filter((place, n) => place === others[n]?.priority).length
          expect(stays(places)).toBeGreaterThanOrEqual(stays(way))
          for (const [n, place] of places.entries()) expect(place).toBeLessThanOrEqual(way[n] ?? 0)
        }
      }),
      { numRuns: 60 },
    )
  })

  test('has nothing to do when it is done', () => {
    fc.assert(
      fc.property(cases, ({ queues, asked }) => {
        const after = applied(queues, rebalancePriorities(queues, asked))
        const again = queues.map(({ id }) => ({ id, priority: after.get(id) ?? 0 }))
        expect(rebalancePriorities(again, asked)).toEqual(new Map())
        expect(rebalancePriorities(again, new Map())).toEqual(new Map())
      }),
    )
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
