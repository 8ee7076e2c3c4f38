import { CompiledQuery, sql } from 'kysely'
import { takeEvents } from 'kysely-work-queues'
import { eventLog } from 'kysely-work-queues/migrations'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createDatabase, type Db, type PlanDatabase } from './plan-database.js'
import { record, undone } from './plan-recorder.js'

// Taking costs what is taken, however many events wait: the oldest are found by the log's key, in its order, and deleted by it.

const [WAITING, TAKEN] = [50_000, 10]

/** A log in which many events wait. */
async function seed({ plain, dialect }: PlanDatabase): Promise<void> {
  for (const { up } of Object.values(eventLog)) await up(plain)
  const numbers =
    dialect === 'postgres'
      ? sql`generate_series(1, ${sql.lit(WAITING)}) as numbers(n)`
      : sql`(with recursive numbers(n) as (select 1 union all select n + 1 from numbers where n < ${sql.lit(WAITING)})
          select n from numbers) as numbers`
  await sql`
    insert into work_queue_event (resource, resource_id, kind, after)
    select 'worker', '00000000-0000-4000-8000-000000000000', 'updated', '{"status":"ONLINE"}' from ${numbers}`.execute(
    plain,
  )
}

describe.each(['postgres', 'sqlite'] as const)(`takeEvents on %s, where ${WAITING} wait`, (dialect) => {
  let database: PlanDatabase

  beforeAll(async () => {
    database = await createDatabase(dialect, 'our tables', seed)
    if (dialect === 'postgres') {
      // Not while the plans are looked at: what vacuum knows of a table is a statistic too.
      await sql`alter table work_queue_event set (autovacuum_enabled = off)`.execute(database.plain)
    }
  }, 120_000)
  afterAll(async () => await database.destroy())

  /** How many events of the log the statement reads, in all its parts. */
  const readBy = async (trx: Db, query: CompiledQuery): Promise<number> => {
    if (dialect === 'postgres') {
      const before = await rowsRead(trx)
      await trx.executeQuery(query)
      return (await rowsRead(trx)) - before
    }
    const counting = query.sql.replaceAll(/(from "work_queue_event") (order by)/g, '$1 where visited(position) $2')
    expect(counting).not.toBe(query.sql)
    database.visits = 0
    await trx.executeQuery(CompiledQuery.raw(counting, [...query.parameters]))
    return database.visits
  }

  /** What the plan sorts, or looks up otherwise than by the key. */
  const detours = async (trx: Db, query: CompiledQuery): Promise<string[]> => {
    const explained = dialect === 'postgres' ? 'explain' : 'explain query plan'
    const { rows } = await trx.executeQuery<Record<string, unknown>>(
      CompiledQuery.raw(`${explained} ${query.sql}`, [...query.parameters]),
    )
    const lines = rows.map((row) => String(row['QUERY PLAN'] ?? row['detail']))
    expect(lines.join('\n')).toMatch(
      dialect === 'postgres'
        ? /Index Scan using pk_work_queue_event/
        : /SEARCH work_queue_event USING INTEGER PRIMARY KEY/,
    )
    return lines.filter((line) => /Seq Scan|\bSort\b|TEMP B-TREE/.test(line))
  }

  const expectFew = async (): Promise<void> => {
    // A session of its own asks first whether the table is there.
    const queries = (await record(database, (db) => takeEvents(db, { limit: TAKEN }))).slice(1)
    expect(queries).toHaveLength(1)
    for (const query of queries) {
      await undone(database, async (trx) => {
        expect(await detours(trx, query)).toEqual([])
        // On PostgreSQL each is found, locked, and found again by its key.
        expect(await readBy(trx, query)).toBeLessThanOrEqual(3 * TAKEN)
      })
    }
  }

  test('reads what it takes, statistics absent', expectFew)
  test('reads what it takes, statistics fresh', async () => {
    await sql`analyze`.execute(database.plain)
    await expectFew()
  })
})

/** How many events this transaction has read so far. */
async function rowsRead(trx: Db): Promise<number> {
  const { rows } = await sql<{ read: unknown }>`
    select coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0) as read from pg_stat_xact_user_tables
    where relname = 'work_queue_event'`.execute(trx)
  return Number(rows[0]?.read)
}
