import fc from 'fast-check'
import { expect, test } from 'vitest'
import { postgres, sqliteMemory, type TestDatabase } from '../../support/databases.js'
import { kinds, steps } from './commands.js'
import { perform } from './perform.js'
import { wrongPriorities } from './wrong-priorities.js'
import { load, NOW, states } from './starting-states.js'
import { Names, readTables } from './named-tables.js'

// The same calls with the same clock give the same results on SQLite and PostgreSQL, and leave the same tables. fast-check prints
// the seed of a failure and shrinks it.

test(
  'random sequences of writes give the same results and the same tables on SQLite and PostgreSQL',
  { timeout: 300_000 },
  async () => {
    await using sqlite = await sqliteMemory.create()
    await using pg = await postgres.create()
    const called = new Set<string>()
    // A round may by chance leave out a kind of call.
    for (let round = 0; round < 3 && called.size < kinds.length; round++) {
      await fc.assert(
        fc.asyncProperty(states, steps, async (state, steps) => {
          let now = NOW
          const sides = await Promise.all(
            [sqlite, pg].map(async (database: TestDatabase) => {
              await load(database, state)
              const names = new Names()
              return { database, names, tables: await readTables(database, names) }
            }),
          )
          const [one, other] = sides
          if (one === undefined || other === undefined) throw new Error('two databases')
          expect(other.tables.rows).toEqual(one.tables.rows)

          for (const [n, { command, seconds }] of steps.entries()) {
            now += seconds * 1000
            const before = one.tables
            const outcomes = await Promise.all(
              sides.map(async (side) => {
                const outcome = await perform(side.database, side.tables, command, n, new Date(now))
                side.tables = await readTables(side.database, side.names)
                return side.names.replace(outcome) as { error?: object }
              }),
            )
            expect(outcomes[1], `result of step ${n}`).toEqual(outcomes[0])
            expect(other.tables.rows, `tables after step ${n}`).toEqual(one.tables.rows)

            const hasFailed = outcomes[0]?.error !== undefined
            const wrong = wrongPriorities(hasFailed ? undefined : command, before, one.tables)
            expect(wrong, `priorities after step ${n}`).toEqual([])
            if (!hasFailed) called.add(command.kind)
          }
        }),
        { numRuns: 150 },
      )
    }
    expect([...called].toSorted()).toEqual(kinds.toSorted())
  },
)
