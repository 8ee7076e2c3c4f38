import { sql } from 'kysely'
import { readLeases, readWorkPoolSlotHolders, releaseExpiredLeases, renewLeases } from 'kysely-work-queues'
import { leases } from 'kysely-work-queues/migrations'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { factory } from '../support/factory.js'
import { Migrator } from '../support/migrator.js'
import { createDatabase, type Db, type PlanDatabase, type Tables } from './plan-database.js'
import { record, undone } from './plan-recorder.js'
import { explain } from './read-plan.js'
import { titled } from './titled.js'

// A lease leads to its run by the run's id, and to what the run was since the claim by its history's index: nothing reads all runs, or
// all of history, however many of them have leases.

const [OTHERS, LEASES, HELD, EXPIRED, RELEASED] = [30_000, 10_000, 1_000, 20, 5]
const now = new Date('2035-01-01T12:00:00.000Z')

interface Ids {
  /** A pool with a few of the leased runs. */
  readonly pool: string
}

/** Runs that are RUNNING, each with its lease: a thousand of `w-1`, twenty that have expired, some of them void. */
async function seed(database: PlanDatabase): Promise<Ids> {
  const { plain, dialect } = database
  const make = factory(database)
  const pool = await make.pool()
  const queue = await make.queue({ work_pool_id: pool })
  const isPostgres = dialect === 'postgres'
  const id = (kind: number) =>
    sql.raw(
      isPostgres
        ? `cast('00000000-0000-4000-8${String(kind).padStart(3, '0')}-' || lpad(to_hex(n), 12, '0') as uuid)`
        : `'00000000-0000-4000-8${String(kind).padStart(3, '0')}-' || printf('%012x', n)`,
    )
  const time = (text: string) => sql.raw(isPostgres ? `timestamptz '${text}+00'` : `'${text}.000000'`)
  const numbers = (count: number) =>
    isPostgres
      ? sql`generate_series(1, ${sql.lit(count)}) as numbers(n)`
      : sql`(with recursive numbers(n) as (select 1 union all select n + 1 from numbers where n < ${sql.lit(count)})
          select n from numbers) as numbers`
  const type = (text: string) => sql.raw(isPostgres ? `cast('${text}' as state_type)` : `'${text}'`)
  await sql`
    insert into flow_run (id, name, flow_id, state_type, state_name, state_timestamp, work_queue_id)
    select ${id(3)}, 'run', ${id(9)},
      case when n <= ${sql.lit(LEASES)} then ${type('RUNNING')} else ${type('COMPLETED')} end, 'State',
      ${time('2026-01-01 00:00:02')},
      case when n <= 50 then ${isPostgres ? sql`cast(${queue} as uuid)` : sql`${queue}`} end
    from ${numbers(LEASES + OTHERS)}`.execute(plain)
  for (const [kind, name, at] of [
    [4, 'PENDING', '2026-01-01 00:00:01'],
    [5, 'RUNNING', '2026-01-01 00:00:02'],
  ] as const) {
    await sql`
      insert into flow_run_state (id, type, name, timestamp, flow_run_id)
      select ${id(kind)}, ${type(name)}, 'State', ${time(at)}, ${id(3)} from ${numbers(LEASES + OTHERS)}`.execute(plain)
  }
  await sql`
    insert into flow_run_lease (flow_run_id, state_id, holder, acquired_at, expires_at)
    select ${id(3)}, ${id(4)}, case when n % 10 = 0 then 'w-1' else 'w-2' end, ${time('2026-01-01 00:00:01')},
      case when n <= ${sql.lit(EXPIRED)} then ${time('2034-01-01 00:00:00')} else ${time('2100-01-01 00:00:00')} end
    from ${numbers(LEASES)}`.execute(plain)
  // Void: their runs have ended.
  await sql`update flow_run set state_type = 'CRASHED' where id in (
    select flow_run_id from flow_run_lease order by flow_run_id limit 5)`.execute(plain)
  return { pool }
}

interface Call {
  readonly title: string
  readonly call: (db: Db, ids: Ids) => Promise<unknown>
  /** How many runs and states each statement may read. */
  readonly rows: number
}

const calls: readonly Call[] = [
  { title: 'renewLeases of a thousand', call: (db) => renewLeases(db, 'w-1', { now }), rows: 2 * HELD + 10 },
  {
    title: 'releaseExpiredLeases',
    // The runs, their states, and what they enter: each is looked at a few times.
    call: (db) => releaseExpiredLeases(db, { limit: RELEASED, maxReleases: 3, now }),
    rows: 10 * EXPIRED,
  },
  {
    title: 'releaseExpiredLeases, where none has',
    call: (db) => releaseExpiredLeases(db, { now: new Date(0) }),
    rows: 0,
  },
  { title: 'readLeases of a holder', call: (db) => readLeases(db, { holder: 'w-1' }), rows: 2 * HELD + 10 },
  { title: 'readWorkPoolSlotHolders', call: (db, { pool }) => readWorkPoolSlotHolders(db, pool), rows: 500 },
]

const kinds: readonly Tables[] = ['our tables', 'Prefect’s tables']

describe.each(kinds)(`leases on %s, ${LEASES} of them`, (tables) => {
  describe.each(['postgres', 'sqlite'] as const)('%s', (dialect) => {
    let database: PlanDatabase
    let ids: Ids

    beforeAll(async () => {
      database = await createDatabase(dialect, tables, async (filling) => {
        if (tables !== 'our tables') {
          const migrator = new Migrator({ db: filling.plain, provider: { getMigrations: async () => leases } })
          const { error } = await migrator.migrateToLatest()
          if (error !== undefined) throw error
          await sql`drop table kysely_migration`.execute(filling.plain)
          await sql`drop table kysely_migration_lock`.execute(filling.plain)
        }
        ids = await seed(filling)
      })
      // Whether the table is there is asked once.
      await readLeases(database.plain, { limit: 0 })
    }, 120_000)
    afterAll(async () => {
      await database.destroy()
    })

    const expectLookups = async (_title: string, { call, rows }: Call): Promise<void> => {
      const queries = await record(database, (db) => call(db, ids))
      await undone(database, async (trx) => {
        for (const query of queries) {
          const { statement, ...access } = await explain(database, trx, query)
          expect.soft(access.scans, `reads all of a table: ${statement}`).toEqual([])
          expect.soft(access.rows, `runs and states read: ${statement}`).toBeLessThanOrEqual(rows)
          expect.soft(access.cost, `would be compiled by PostgreSQL: ${statement}`).toBeLessThan(100_000)
        }
      })
    }

    describe('statistics absent', () => {
      test.each(titled(calls))('%s', expectLookups)
    })
    describe('statistics fresh', () => {
      beforeAll(async () => {
        await sql`analyze`.execute(database.plain)
      }, 60_000)
      test.each(titled(calls))('%s', expectLookups)
    })
  })
})
