import type { BenchDatabase } from './bench-databases.js'

/** What to put many runs of. */
export interface Backlog {
  readonly workQueueId: string
  readonly count: number
  /** Default: SCHEDULED, due since long ago. */
  readonly stateType?: 'SCHEDULED' | 'COMPLETED' | 'PENDING' | 'RUNNING'
  /** When the first is due; the others follow, a second apart. Default: 2026-01-01. */
  readonly start?: string
}

// As SQLite has no UUIDs of its own.
export const SQLITE_UUID = `lower(hex(randomblob(4)) || '-' || hex(randomblob(2)) || '-4' || substr(hex(randomblob(2)), 2)
  || '-8' || substr(hex(randomblob(2)), 2) || '-' || hex(randomblob(6)))`

/** Inserts many runs with the database's own means. */
export async function seedRuns(
  database: BenchDatabase,
  { workQueueId, count, stateType = 'SCHEDULED', start = '2026-01-01' }: Backlog,
): Promise<void> {
  const name = stateType.charAt(0) + stateType.slice(1).toLowerCase()
  const columns = 'id, name, flow_id, state_type, state_name, state_timestamp, work_queue_id, next_scheduled_start_time'
  await database.run(
    database.name === 'PostgreSQL'
      ? `insert into flow_run (${columns})
         select gen_random_uuid(), 'run', gen_random_uuid(), '${stateType}', '${name}', '2026-01-01', '${workQueueId}',
           timestamptz '${start}' + i * interval '1 second'
         from generate_series(1, ${count}) as i`
      : `with recursive n(i) as (select 1 union all select i + 1 from n where i < ${count})
         insert into flow_run (${columns})
         select ${SQLITE_UUID}, 'run', ${SQLITE_UUID}, '${stateType}', '${name}', '2026-01-01 00:00:00.000000',
           '${workQueueId}', strftime('%Y-%m-%d %H:%M:%f000', '${start}', '+' || i || ' seconds')
         from n`,
  )
}

/**
 * Gives each run of a PostgreSQL database the row of history that a real one has.
 *
 * Without them the table of states is empty when it is analyzed; a prepared statement then keeps the plan for an empty table while that
 * grows: ten state changes took 3.9 ms in the first second, and 13 in the fourth.
 */
export async function seedHistory(database: BenchDatabase): Promise<void> {
  await database.run(`with state as (
    insert into flow_run_state (id, flow_run_id, type, name, "timestamp")
    select gen_random_uuid(), id, state_type, state_name, state_timestamp from flow_run
    returning id, flow_run_id
  ) update flow_run set state_id = state.id from state where state.flow_run_id = flow_run.id`)
}

interface Index {
  readonly name: string
  readonly sql: string
}

/** Seeds a database, and makes the indexes of runs afterwards: with a million rows, that takes a third of the time. */
export async function withoutIndexes(database: BenchDatabase, seed: () => Promise<void>): Promise<void> {
  const { driver } = database
  const found =
    driver.kind === 'sqlite'
      ? driver.database
          .prepare<[], Index>(
            `select name, sql from sqlite_schema where type = 'index' and tbl_name = 'flow_run' and name like 'ix%'`,
          )
          .all()
      : (
          await driver.pool.query<Index>(
            `select indexname as name, indexdef as sql from pg_indexes where tablename = 'flow_run' and indexname like 'ix%'`,
          )
        ).rows
  for (const { name } of found) await database.run(`drop index ${name}`)
  await seed()
  for (const { sql } of found) await database.run(sql)
}

/** Brings the planner's statistics up to date. */
export async function analyze(database: BenchDatabase): Promise<void> {
  await database.run(database.name === 'PostgreSQL' ? 'vacuum analyze' : 'analyze')
  // What was just written goes to the disk now, and not while something is measured.
  await database.run(database.name === 'PostgreSQL' ? 'checkpoint' : 'pragma wal_checkpoint(truncate)')
}
