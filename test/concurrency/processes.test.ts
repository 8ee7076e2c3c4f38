import { describe, expect, test } from 'vitest'
import { postgres, sqliteFile, type TestDatabase } from '../support/databases.js'
import { urlOf } from '../support/database-url.js'
import type { IsolationLevel } from './processes/claimers.js'
import { soak } from './processes/soak.js'

// Claimers as real processes, some of them killed with SIGKILL at a random statement, some frozen past their leases, and an observer that counts the active runs
// by itself. The long version is bench/claims-soak.ts (`npm run soak`).

describe('claimers in processes of their own', { timeout: 120_000 }, () => {
  test.each(['read committed', 'repeatable read', 'serializable'] as const)(
    'give each run to one claimer and keep every limit on PostgreSQL at %s, also when some are killed or frozen',
    async (isolation) => {
      await using database = await postgres.create()
      await expectKept(database, isolation)
    },
  )

  test('give each run to one claimer and keep every limit on a SQLite file, also when some are killed or frozen', async () => {
    await using database = await sqliteFile.create()
    await expectKept(database, undefined)
  })
})

async function expectKept(database: TestDatabase, isolation: IsolationLevel | undefined): Promise<void> {
  const result = await soak({
    url: await urlOf(database),
    db: database.db,
    observer: database.connect(),
    isolation,
    runs: 100,
    claimers: 4,
    kills: 2,
    freezes: 1,
    seed: 20_261_124,
    leaseSeconds: 1,
  })
  expect(result.errors).toEqual([])
  expect(result).toMatchObject({ overshoots: 0, claimedTwice: 0, lost: 0, deadlocks: 0, kills: 2, freezes: 1 })
  expect(result).toMatchObject({ held: 0, afterTheEnd: 0, lateWrites: 0 })
  expect(result.claims).toBeGreaterThanOrEqual(100)
  // Nothing would be shown if the limits had never been reached, or nobody had looked.
  expect(result.recorded['three']).toBe(3)
  expect(result.recorded['pool']).toBeGreaterThan(4)
  expect(result.looks).toBeGreaterThan(20)
  expect(result.released + result.crashed).toBeGreaterThan(0)
}
