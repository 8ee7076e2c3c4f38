import { CompiledQuery, sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { isOwnText } from '../../src/sql/cached-statement.js'
import { hotCalls } from './planned-calls.js'
import { stats } from './planned-stats.js'
import { createDatabase, type Db, type PlanDatabase } from './plan-database.js'
import { record, undone } from './plan-recorder.js'
import { literal } from './read-plan.js'
import { type Ids, seed } from './seed-plan-database.js'
import { titled } from './titled.js'

// After five executions of a named statement, PostgreSQL compares what its plans cost with what one for any values would, and keeps
// that if it is no dearer. If it is, the statement is planned anew each time, named or not, and that is most of what it costs.

describe('a named statement is planned once', () => {
  let database: PlanDatabase
  let ids: Ids

  beforeAll(async () => {
    database = await createDatabase('postgres', 'our tables', async (filling) => {
      ids = await seed(filling)
    })
    await sql`analyze`.execute(database.plain)
  }, 120_000)
  afterAll(async () => {
    await database.destroy()
  })

  // How many ids a list of a few has is part of its plan, and how many queues a pool has is part of that one's.
  const byTheirValues = /^(?:getScheduledFlowRuns of queues|readNextStartTime of a pool)/
  const calls = [...hotCalls, ...stats].filter(
    ({ title, tables }) => tables !== 'Prefect’s tables' && !byTheirValues.test(title),
  )

  test.each(titled(calls))('%s', async (_, { call, skips }) => {
    const queries = (await record(database, (db) => call(db, ids))).slice(skips)
    for (const query of queries.filter(({ sql: text }) => isOwnText(text))) {
      const [plans] = await undone(database, async (trx) => {
        const send = async (text: string) => (await trx.executeQuery(CompiledQuery.raw(text))).rows
        const values = query.parameters.length === 0 ? '' : `(${query.parameters.map(literal).join(', ')})`
        await send(`prepare planned as ${query.sql}`)
        for (let i = 0; i < 6; i++) await undo(trx, async () => void (await send(`execute planned${values}`)))
        const found = await send('select generic_plans from pg_prepared_statements')
        await send('deallocate planned')
        return found
      })
      expect.soft(plans, query.sql).not.toEqual({ generic_plans: '0' })
    }
  })
})

/** Does something, and takes it back. */
async function undo(trx: Db, run: () => Promise<void>): Promise<void> {
  await sql`savepoint undone`.execute(trx)
  await run()
  await sql`rollback to undone`.execute(trx)
}
