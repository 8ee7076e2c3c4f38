import { Kysely, PostgresDialect } from 'kysely'
import { createFlowRun, createFlowRuns, readFlowRun, readFlowRuns, type WorkQueueTables } from 'kysely-work-queues'
import pg from 'pg'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { urlOf } from '../support/database-url.js'
import { postgres, type TestDatabase } from '../support/databases.js'
import { intercepted } from './intercepted-dialect.js'

// Under read committed, a run that has the key may be deleted after the insert has met it, and before it is looked for. On SQLite nobody
// else writes meanwhile.

const KEY = { flowId: '6f0d8e4e-6b0e-4a52-9d6f-1f3f4a7f2b11', idempotencyKey: 'nightly' }

describe('the key of a run that is deleted meanwhile', () => {
  let database: TestDatabase
  let db: Kysely<WorkQueueTables>
  /** How many inserts meet a run that has the key, and is deleted right after. */
  let meetings: number
  let inserts: number

  beforeEach(async () => {
    database = await postgres.create()
    inserts = 0
    const pool = new pg.Pool({ connectionString: await urlOf(database) })
    pool.on('error', () => {})
    db = new Kysely({
      dialect: intercepted(new PostgresDialect({ pool }), async (statement, run) => {
        if (!statement.startsWith('insert into "flow_run" ') || ++inserts > meetings) return await run()
        await createFlowRun(database.plain, KEY)
        const result = await run()
        await database.plain.deleteFrom('flow_run').where('idempotency_key', '=', KEY.idempotencyKey).execute()
        return result
      }),
    })
  })
  afterEach(async () => {
    await db.destroy()
    await database.destroy()
  })

  test.each([1, 2, 3])('is the new run’s, when %i inserts met it', async (times) => {
    meetings = times
    const { created, flowRun } = await createFlowRun(db, KEY)
    expect(inserts).toBe(times + 1)
    expect(created).toBe(true)
    expect(await readFlowRun(database.plain, flowRun.id)).toEqual(flowRun)
  })

  test('is the new run’s among others, which are created once', async () => {
    meetings = 1
    const runs = await createFlowRuns(db, [{ name: 'first' }, { ...KEY, name: 'nightly' }, { name: 'last' }])
    expect(runs.map(({ name }) => name)).toEqual(['first', 'nightly', 'last'])
    expect(await readFlowRuns(database.plain)).toEqual(runs.toSorted((a, b) => (a.id < b.id ? -1 : 1)))
  })

  test('is asked for a few times, and no more', async () => {
    meetings = Infinity
    await expect(createFlowRun(db, KEY)).rejects.toMatchObject({ issues: [{ path: 'id', message: 'is taken' }] })
    expect(inserts).toBe(4)
  })
})
