import SQLite from 'better-sqlite3'
import { Kysely, PostgresDialect, sql, SqliteDialect } from 'kysely'
import {
  createWorkPool,
  createWorkQueue,
  readWorkQueues,
  type WorkQueue,
  type WorkQueueTables,
} from 'kysely-work-queues'
import pg from 'pg'
import { expect, test, vi } from 'vitest'
import { postgres, sqliteFile, type TestDatabase, withEventLog } from '../support/databases.js'
import { describeOnDatabases } from '../support/describe-databases.js'
import { makeWorld, writingCalls } from '../support/every-call.js'
import { allRows } from '../support/factory.js'
import { urlOf } from '../support/database-url.js'

// A rollback that fails for the reason of the error before it: the caller is told the reason.

const TABLES = ['work_pool', 'work_queue', 'worker', 'flow_run', 'flow_run_state', 'flow_run_lease', 'work_queue_event']

/** A session that outlives the end of its connections, as a host's has to. */
async function connect(database: TestDatabase): Promise<Kysely<WorkQueueTables>> {
  const url = await urlOf(database)
  if (database.dialect === 'sqlite') return new Kysely({ dialect: new SqliteDialect({ database: new SQLite(url) }) })
  const pool = new pg.Pool({ connectionString: url })
  pool.on('error', () => {})
  pool.on('connect', (client) => void client.on('error', () => {}))
  return new Kysely({ dialect: new PostgresDialect({ pool }) })
}

/** Whatever is written, `body` follows, at once or with the commit. PostgreSQL only. */
async function createPostgresTriggers(db: Kysely<WorkQueueTables>, body: string, deferred = false): Promise<void> {
  await sql
    .raw(`create function strike() returns trigger language plpgsql as $$ begin ${body}; return null; end $$`)
    .execute(db)
  for (const table of TABLES) {
    const trigger = deferred ? 'constraint trigger' : 'trigger'
    const when = deferred ? 'deferrable initially deferred' : ''
    await sql
      .raw(
        `create ${trigger} strike after insert or update or delete on ${table} ${when} for each row execute function strike()`,
      )
      .execute(db)
  }
}

const TERMINATE = 'perform pg_terminate_backend(pg_backend_pid())'

/** Whatever is written ends the transaction: PostgreSQL's session is terminated, SQLite rolls back by itself, as it may on a full disk. */
async function endAtWrite({ plain: db, dialect }: TestDatabase): Promise<object> {
  if (dialect === 'postgres') {
    await createPostgresTriggers(db, TERMINATE)
    return { code: '57P01' }
  }
  for (const table of TABLES) {
    for (const event of ['insert', 'update', 'delete']) {
      await sql
        .raw(`create trigger ${event}_${table} after ${event} on ${table} begin select raise(rollback, 'full'); end`)
        .execute(db)
    }
  }
  return { code: 'SQLITE_CONSTRAINT_TRIGGER', message: 'full' }
}

/** The session goes on. A pool hears a moment later that its connection has ended, and until then gives it out again. */
async function expectQueues(db: Kysely<WorkQueueTables>, queues: WorkQueue[]): Promise<void> {
  await vi.waitFor(async () => expect(await readWorkQueues(db)).toEqual(queues), { timeout: 10_000 })
}

describeOnDatabases(
  'the error that came first',
  (t) => {
    test.each(Object.entries(writingCalls))('is what %s throws, though the rollback fails too', async (_, call) => {
      await makeWorld(t.make)
      const before = await allRows(t.database)
      const error = await endAtWrite(t.database)
      await using db = await connect(t.database)
      await expect(call(db, () => {})).rejects.toMatchObject(error)
      expect(await allRows(t.database)).toEqual(before)
      await expectQueues(db, await readWorkQueues(t.db))
    })
  },
  [sqliteFile, postgres].map(withEventLog),
)

describeOnDatabases(
  'an error at the commit',
  (t) => {
    test('is thrown as it is', async () => {
      await createPostgresTriggers(t.database.plain, `raise exception 'not today' using errcode = '23514'`, true)
      const error = { code: '23514', message: 'not today' }
      await expect(createWorkPool(t.db, { name: 'p' })).rejects.toMatchObject(error)
      await expect(createWorkQueue(t.db, { name: 'q' })).rejects.toMatchObject(error)
      expect(await readWorkQueues(t.db)).toEqual([])
    })

    test('is thrown though the rollback fails too', async () => {
      await createPostgresTriggers(t.database.plain, TERMINATE, true)
      await using db = await connect(t.database)
      await expect(createWorkPool(db, { name: 'p' })).rejects.toMatchObject({ code: '57P01' })
      await expectQueues(db, [])
    })
  },
  [withEventLog(postgres)],
)
