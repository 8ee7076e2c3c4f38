import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { openPostgres, openSqlite, type SoakDatabase } from './databases.js'
import { soak } from './soak.js'

// Claimers as real processes, some killed with SIGKILL, against an observer that counts the active runs itself.

const isolations = ['read committed', 'repeatable read', 'serializable'] as const

describe('claimers in processes of their own', () => {
  // The processes run the package as it is published.
  beforeAll(() => execFileSync('npm', ['run', 'build']))

  test.each(isolations)(
    'keep every limit on PostgreSQL at %s, also when some are killed',
    { timeout: 60_000 },
    async (isolation) => {
      await using database = await openPostgres()
      await expectKept(database, isolation)
    },
  )

  test('keep every limit on a SQLite file in WAL mode, also when some are killed', { timeout: 60_000 }, async () => {
    const directory = mkdtempSync(join(tmpdir(), 'kysely-work-queues-'))
    try {
      await using database = await openSqlite(join(directory, 'soak.db'))
      await expectKept(database, undefined)
    } finally {
      rmSync(directory, { recursive: true, force: true })
    }
  })
})

async function expectKept(database: SoakDatabase, isolation: (typeof isolations)[number] | undefined): Promise<void> {
  const result = await soak({ ...database, isolation, runs: 200, claimers: 4, seed: 42 })
  expect(result.errors).toEqual([])
  expect(result).toMatchObject({ overshoots: 0, claimedTwice: 0, lost: 0 })
  expect(result.claims).toBeGreaterThanOrEqual(200)
  expect(result.observations).toBeGreaterThan(20)
  expect(result.mostActive).toBeGreaterThan(2)
}
