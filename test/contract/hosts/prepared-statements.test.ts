import { Kysely, PostgresDialect, sql } from 'kysely'
import {
  claimRunsInWorkQueue,
  createFlowRuns,
  createWorkQueue,
  getRunsInWorkQueue,
  getScheduledFlowRuns,
  readWorkQueueStats,
  type WorkQueue,
  type WorkQueueTables,
} from 'kysely-work-queues'
import { withPreparedStatements } from 'kysely-work-queues/postgres'
import pg from 'pg'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { urlOf } from '../../support/database-url.js'
import { postgres, type TestDatabase } from '../../support/databases.js'

describe('withPreparedStatements', () => {
  let database: TestDatabase
  let pool: pg.Pool
  let db: Kysely<WorkQueueTables>
  let queue: WorkQueue

  beforeEach(async () => {
    database = await postgres.create()
    // One connection, so that what is prepared once is found again.
    pool = new pg.Pool({ connectionString: await urlOf(database), max: 1 })
    db = new Kysely<WorkQueueTables>({ dialect: new PostgresDialect({ pool: withPreparedStatements(pool) }) })
    queue = await createWorkQueue(db, { name: 'etl' })
    await createFlowRuns(db, [{ workQueueId: queue.id, nextScheduledStartTime: new Date(0) }])
  })
  afterEach(async () => {
    await db.destroy()
    await database.destroy()
  })

  const prepared = async (): Promise<string[]> => {
    const { rows } = await pool.query<{ name: string }>('select name from pg_prepared_statements order by name')
    return rows.map(({ name }) => name)
  }

  test('sends a statement of the library under one name, at every call', async () => {
    await getRunsInWorkQueue(db, queue.id)
    const first = await prepared()
    expect(first.length).toBeGreaterThan(0)
    await getRunsInWorkQueue(db, queue.id)
    expect(await prepared()).toEqual(first)
    await getScheduledFlowRuns(db)
    expect((await prepared()).length).toBe(first.length + 1)
  })

  test('sends all other statements as they are', async () => {
    await db.selectFrom('work_queue').selectAll().where('name', '=', 'etl').execute()
    await sql`select ${1}::integer`.execute(db)
    expect(await prepared()).toEqual([])
  })

  test('gives names that the server does not cut', async () => {
    await getRunsInWorkQueue(db, queue.id)
    for (const name of await prepared()) expect(name).toMatch(/^kwq_[-0-9a-f]{36}_0$/)
  })

  test('gives each client the same wrapper, by which Kysely knows it', async () => {
    const wrapped = withPreparedStatements(pool)
    const first = await wrapped.connect()
    first.release()
    const second = await wrapped.connect()
    second.release()
    expect(second).toBe(first)
  })

  test('prepares anew after the host has discarded all by way of it', async () => {
    await getRunsInWorkQueue(db, queue.id)
    await sql.raw('discard all').execute(db)
    await db.transaction().execute(async (trx) => {
      expect((await getRunsInWorkQueue(trx, queue.id)).runs).toHaveLength(1)
    })
  })

  test('forgets none of its names when the host deallocates a statement of its own', async () => {
    await getRunsInWorkQueue(db, queue.id)
    const first = await prepared()
    await sql.raw('prepare answer as select 42').execute(db)
    await sql.raw('deallocate answer').execute(db)
    await getRunsInWorkQueue(db, queue.id)
    expect(await prepared()).toEqual(first)
    await sql.raw(`deallocate "${first[0] ?? ''}"`).execute(db)
    await db.transaction().execute(async (trx) => {
      expect((await getRunsInWorkQueue(trx, queue.id)).runs).toHaveLength(1)
    })
  })

  test('prepares as often as the server forgets, and no more from the hundredth time on: pg keeps each name for ever', async () => {
    for (let time = 1; time <= 100; time++) {
      for (let n = 0; n < 2; n++) await getRunsInWorkQueue(db, queue.id)
      await getScheduledFlowRuns(db)
      await readWorkQueueStats(db)
      expect(await prepared()).toHaveLength(3)
      if (time === 1) await sql.raw('discard all').execute(db)
      else await pool.query('deallocate all')
    }
    expect((await getRunsInWorkQueue(db, queue.id)).runs).toHaveLength(1)
    expect((await getRunsInWorkQueue(db, queue.id)).runs).toHaveLength(1)
    expect(await prepared()).toEqual([])
  })

  test('prepares two hundred statements on a connection, and sends those of further tenants as they are', async () => {
    const schemas = Array.from({ length: 203 }, (_, n) => `tenant_${n}`)
    const views = ['work_pool', 'work_queue', 'flow_run'].map((name) => `create view %s.${name} as table ${name};`)
    await pool.query(
      schemas.map((schema) => `create schema ${schema}; ${views.join(' ').replaceAll('%s', schema)}`).join(' '),
    )
    for (const schema of schemas) {
      expect((await getRunsInWorkQueue(db.withSchema(schema), queue.id)).runs).toHaveLength(1)
    }
    expect(await prepared()).toHaveLength(200)
  })

  test('sends the statement once more when the server has forgotten it unseen', async () => {
    await getRunsInWorkQueue(db, queue.id)
    await pool.query('discard all')
    expect((await getRunsInWorkQueue(db, queue.id)).runs).toHaveLength(1)
    expect((await getRunsInWorkQueue(db, queue.id)).runs).toHaveLength(1)
    expect(await prepared()).toHaveLength(1)
  })

  test('says in a transaction that the statement was forgotten, and prepares it for the next one', async () => {
    const poll = async (): Promise<number> =>
      await db.transaction().execute(async (trx) => (await getRunsInWorkQueue(trx, queue.id)).runs.length)
    await poll()
    await pool.query('deallocate all')
    await expect(poll()).rejects.toMatchObject({ code: '26000' })
    expect(await poll()).toBe(1)
  })

  test('goes on after a migration changed a table that a statement reads', async () => {
    await getRunsInWorkQueue(db, queue.id)
    await getScheduledFlowRuns(db)
    await pool.query('alter table flow_run add column host_note text')
    await pool.query('alter table work_queue alter column description type text')
    expect((await getRunsInWorkQueue(db, queue.id)).runs).toHaveLength(1)
    expect(await getScheduledFlowRuns(db)).toHaveLength(1)
    expect((await claimRunsInWorkQueue(db, queue.id, { scheduledBefore: null })).runs).toHaveLength(1)
  })

  test('takes turns with another copy of the library on one pool', async () => {
    vi.resetModules()
    const copy = await import('kysely-work-queues')
    const wrapper = await import('kysely-work-queues/postgres')
    expect(copy.getRunsInWorkQueue).not.toBe(getRunsInWorkQueue)
    const dialect = new PostgresDialect({ pool: wrapper.withPreparedStatements(pool) })
    const other = new Kysely<WorkQueueTables>({ dialect })
    const runs = [(await getRunsInWorkQueue(db, queue.id)).runs]
    runs.push((await copy.getRunsInWorkQueue(other, queue.id)).runs)
    await sql`discard all`.execute(other)
    runs.push((await getRunsInWorkQueue(db, queue.id)).runs, (await copy.getRunsInWorkQueue(other, queue.id)).runs)
    for (const found of runs) expect(found.map(({ id }) => id)).toEqual(runs[0]?.map(({ id }) => id))
    expect(runs[0]).toHaveLength(1)
  })

  test('leaves the pool as it was, for whoever uses it beside', async () => {
    const wrapped = withPreparedStatements(pool)
    expect(wrapped.totalCount).toBe(pool.totalCount)
    expect((await wrapped.query('select 1 as one')).rows).toEqual([{ one: 1 }])
  })

  test('returns at once what the client returns to others: a cursor, and nothing to a callback', async () => {
    const client = await withPreparedStatements(pool).connect()
    const cursor = new pg.Query('select 1 as one')
    const rows: unknown[] = []
    cursor.on('row', (row) => rows.push(row))
    const ended = new Promise((resolve) => void cursor.on('end', resolve))
    expect(client.query(cursor)).toBe(cursor)
    await ended
    expect(rows).toEqual([{ one: 1 }])
    const code = await new Promise((resolve) => {
      expect(client.query('select broken', (error: Error & { code?: string }) => resolve(error.code))).toBeUndefined()
    })
    expect(code).toBe('42703')
    client.release()
  })

  test('gives the client itself to whoever takes it by a callback', async () => {
    const rows = await new Promise((resolve) => {
      withPreparedStatements(pool).connect((_, client, done) => {
        client?.query('select 1 as one', (_error, result) => {
          done()
          resolve(result.rows)
        })
      })
    })
    expect(rows).toEqual([{ one: 1 }])
  })

  test('prepares anew after a text without values has deallocated all', async () => {
    const wrapped = withPreparedStatements(pool)
    const other = new Kysely<WorkQueueTables>({ dialect: new PostgresDialect({ pool: wrapped }) })
    await getRunsInWorkQueue(other, queue.id)
    const client = await wrapped.connect()
    await client.query('deallocate all')
    client.release()
    await other.transaction().execute(async (trx) => {
      expect((await getRunsInWorkQueue(trx, queue.id)).runs).toHaveLength(1)
    })
  })

  test('passes a driver’s error on', async () => {
    await expect(getRunsInWorkQueue(db.withSchema('nowhere'), queue.id)).rejects.toMatchObject({ code: '42P01' })
  })
})
