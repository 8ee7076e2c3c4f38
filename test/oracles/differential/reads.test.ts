import fc from 'fast-check'
import { expect, test } from 'vitest'
import { postgres, sqliteMemory } from '../../support/databases.js'
import { answersOf, answersOfModel } from './answers.js'
import { questions } from './questions.js'
import { load, states } from './starting-states.js'

// SQLite, PostgreSQL and a model written from the contract alone give the same answers, in the same order. fast-check prints the
// seed of a failure and shrinks it.

test(
  'every read and poll of a random state is the same on SQLite, on PostgreSQL and in the model',
  { timeout: 300_000 },
  async () => {
    await using sqlite = await sqliteMemory.create()
    await using pg = await postgres.create()
    let asked = 0
    await fc.assert(
      fc.asyncProperty(states, questions, async (state, questions) => {
        const [onSqlite, onPostgres] = await Promise.all(
          [sqlite, pg].map(async (database) => {
            await load(database, state)
            return await answersOf(database, state, questions)
          }),
        )
        const expected = answersOfModel(state, questions)
        expect(onSqlite?.answers, 'SQLite').toEqual(expected)
        expect(onPostgres?.answers, 'PostgreSQL').toEqual(expected)
        // Not only the same rows: every column of them.
        expect(onPostgres?.records).toEqual(onSqlite?.records)
        asked++
      }),
      { numRuns: 500 },
    )
    expect(asked).toBeGreaterThanOrEqual(500)
  },
)
