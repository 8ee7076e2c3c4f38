import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { IsolationLevel } from '../processes/claimers.js'
import { type Arena, openArena } from './arena.js'
import { type Density, expectSerial, type Race } from './race.js'

/**
 * Where, and after which statements calls are interrupted: the isolation levels share most of what can happen. `INTERLEAVINGS=all`
 * tries each statement everywhere, and each two of three calls.
 */
const cases: [name: string, isolation: IsolationLevel | undefined, density: Density][] = [
  ['SQLite', undefined, { every: 2, offset: 0, pairs: false, seeds: 2 }],
  ['PostgreSQL at read committed', 'read committed', { every: 2, offset: 0, pairs: false, seeds: 2 }],
  ['PostgreSQL at repeatable read', 'repeatable read', { every: 3, offset: 0, pairs: false, seeds: 1 }],
  ['PostgreSQL at serializable', 'serializable', { every: 3, offset: 1, pairs: false, seeds: 1 }],
]
const isExhaustive = process.env['INTERLEAVINGS'] === 'all'
const all: Density = { every: 1, offset: 0, pairs: true, seeds: 60 }

/** Runs races on SQLite, and on PostgreSQL at each isolation level, statement by statement in many orders. */
export function describeRaces(title: string, races: Record<string, Race>): void {
  describe.each(cases)(`${title} on %s`, (_, isolation, density) => {
    let arena: Arena | undefined
    let count = 0
    beforeAll(async () => {
      arena = await openArena(isolation)
    })
    afterAll(async () => {
      await arena?.[Symbol.asyncDispose]()
      if (isExhaustive) process.stdout.write(`${title}, ${isolation ?? 'SQLite'}: ${count} interleavings\n`)
    })

    test.each(Object.entries(races))('%s', { timeout: isExhaustive ? 600_000 : 30_000 }, async (_, race) => {
      if (arena === undefined) throw new Error('only inside a test')
      const { interleavings, conflicts, writeSkews } = await expectSerial(arena, race, isExhaustive ? all : density)
      count += interleavings
      // Two calls of one statement each have three.
      expect(interleavings).toBeGreaterThan(2)
      // Where sessions wait for each other, nothing is to be tried again.
      if (isolation === undefined || isolation === 'read committed') expect(conflicts).toBe(0)
      // One that does not come any more is to be struck out.
      const { writeSkew } = race
      if (isExhaustive && writeSkew !== undefined && writeSkew.at === isolation) expect(writeSkews).toBeGreaterThan(0)
    })
  })
}
