import SQLite from 'better-sqlite3'
import { type Kysely, PostgresDialect, SqliteDialect } from 'kysely'
import type { WorkQueueTables } from 'kysely-work-queues'
import pg from 'pg'
import { postgres, sqliteFile, type TestDatabase } from '../../support/databases.js'
import { type Factory, factory } from '../../support/factory.js'
import { urlOf } from '../../support/database-url.js'
import type { IsolationLevel } from '../processes/claimers.js'
import { SteppedSession } from './stepped-session.js'

/** A database that many interleavings run on, each from the same rows. */
export interface Arena extends AsyncDisposable {
  /** Of the sessions; `undefined` on SQLite. */
  readonly isolation: IsolationLevel | undefined
  /** A session that is not stepped. */
  readonly db: Kysely<WorkQueueTables>
  readonly sessions: readonly SteppedSession[]
  /** Makes the rows that interleavings begin with. */
  save(arrange: (make: Factory) => Promise<void>): Promise<void>
  /** Brings back the rows that were saved. */
  restore(): Promise<void>
}

const SESSIONS = 3

/** Opens a database with sessions at an isolation level; on SQLite, which has but one, without. */
export async function openArena(isolation: IsolationLevel | undefined): Promise<Arena> {
  return isolation === undefined ? await openSqlite() : await openPostgres(isolation)
}

async function openPostgres(isolation: IsolationLevel): Promise<Arena> {
  const database = await postgres.create()
  const connectionString = await urlOf(database)
  const observer = new pg.Client({ connectionString })
  await observer.connect()
  const sessions: SteppedSession[] = []
  for (let n = 0; n < SESSIONS; n++) {
    const options = `-c default_transaction_isolation=${isolation.replace(' ', '\\ ')} -c deadlock_timeout=200`
    const pool = new pg.Pool({ connectionString, options, max: 1, idleTimeoutMillis: 0 })
    const { rows } = await pool.query<{ pid: number }>('select pg_backend_pid() as pid')
    const isBlocked = async (): Promise<boolean> => {
      const blocked = await observer.query<{ blocked: boolean }>(
        'select pg_blocking_pids($1) <> array[]::int[] as blocked',
        [rows[0]?.pid],
      )
      return blocked.rows[0]?.blocked === true
    }
    sessions.push(new SteppedSession(new PostgresDialect({ pool }), isBlocked))
  }
  return arena(
    isolation,
    database,
    sessions,
    (statements) => observer.query(statements),
    () => observer.end(),
  )
}

async function openSqlite(): Promise<Arena> {
  const database = await sqliteFile.create()
  const file = await urlOf(database)
  const sessions = Array.from({ length: SESSIONS }, () => {
    const connection = new SQLite(file, { timeout: 0 })
    connection.pragma('synchronous = off')
    return new SteppedSession(new SqliteDialect({ database: connection }), async () => false)
  })
  const connection = new SQLite(file)
  connection.pragma('synchronous = off')
  return arena(
    undefined,
    database,
    sessions,
    async (statements) => connection.exec(statements),
    async () => connection.close(),
  )
}

const TABLES = ['work_pool', 'work_queue', 'worker', 'flow_run', 'flow_run_state', 'flow_run_lease']

// A pool and its default queue refer to each other, so the pool's reference goes first and comes last.
const EMPTY = `
  update work_pool set default_queue_id = null;
  ${TABLES.toReversed()
    .map((table) => `delete from ${table};`)
    .join('\n')}`
const SAVE = `
  ${TABLES.map((table) => `create table saved_${table} as select * from ${table};`).join('\n')}
  create table saved_default as select id, default_queue_id from work_pool;
  update saved_work_pool set default_queue_id = null;`
const FORGET = ['saved_default', ...TABLES.map((table) => `saved_${table}`)]
  .map((table) => `drop table if exists ${table};`)
  .join('\n')
const RESTORE = `
  ${EMPTY}
  ${TABLES.map((table) => `insert into ${table} select * from saved_${table};`).join('\n')}
  update work_pool set default_queue_id = (
    select saved.default_queue_id from saved_default as saved where saved.id = work_pool.id);`

function arena(
  isolation: IsolationLevel | undefined,
  database: TestDatabase,
  sessions: readonly SteppedSession[],
  run: (statements: string) => Promise<unknown>,
  close: () => Promise<unknown>,
): Arena {
  return {
    isolation,
    db: database.plain,
    sessions,
    async save(arrange) {
      await run(FORGET + EMPTY)
      await arrange(factory(database))
      await run(SAVE)
    },
    async restore() {
      await run(RESTORE)
    },
    async [Symbol.asyncDispose]() {
      await run(FORGET)
      await Promise.all(sessions.map(({ db }) => db.destroy()))
      await close()
      await database.destroy()
    },
  }
}
