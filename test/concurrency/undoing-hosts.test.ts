import { readdirSync, readFileSync } from 'node:fs'
import SQLite from 'better-sqlite3'
import { type Dialect, Kysely, PostgresDialect, sql, SqliteDialect } from 'kysely'
import {
  createWorkQueue,
  ensureWorkQueueExists,
  readWorkPool,
  recordWorkerHeartbeat,
  WorkQueueError,
  type WorkQueueTables,
} from 'kysely-work-queues'
import pg from 'pg'
import { describe, expect, test } from 'vitest'
import { postgres, sqliteFile, type TestDatabase, withEventLog } from '../support/databases.js'
import { urlOf } from '../support/database-url.js'
import { describeOnDatabases } from '../support/describe-databases.js'
import { makeWorld, readingCalls, writingCalls } from '../support/every-call.js'
import { intercepted } from './intercepted-dialect.js'

// A host's database may undo what a call writes (triggers), or hide what is there (row-level security). No call goes on for ever then: it
// ends in a few statements, with an answer, an error of ours or one of the database.

type Db = Kysely<WorkQueueTables>

/** The longest call of the sweep, 501 runs, makes 20. */
const MOST_STATEMENTS = 60

const TABLES = ['work_pool', 'work_queue', 'worker', 'flow_run', 'flow_run_state', 'work_queue_event']

const calls: Record<string, (db: Db) => Promise<unknown>> = {
  ...readingCalls,
  ...Object.fromEntries(Object.entries(writingCalls).map(([name, call]) => [name, (db: Db) => call(db, () => {})])),
}

/** A session whose statements are counted, and refused when they are too many: so an endless call of the sweep ends too. */
class CountingSession implements AsyncDisposable {
  readonly db: Db
  #count = 0

  constructor(dialect: Dialect) {
    this.db = new Kysely({
      dialect: intercepted(dialect, async (_, run) => {
        if (++this.#count > MOST_STATEMENTS) throw new Error('endless')
        return await run()
      }),
    })
  }

  /** Ends well: in few statements, and with no error that nobody meant. */
  async end(call: (db: Db) => Promise<unknown>, db: Db, when: string): Promise<void> {
    this.#count = 0
    const error: unknown = await call(db).then(
      () => undefined,
      (thrown: unknown) => thrown,
    )
    this.#count = 0
    const isMeant = error === undefined || error instanceof WorkQueueError || isOfDatabase(error)
    if (!isMeant) throw new Error(when, { cause: error })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.db.destroy()
  }
}

function isOfDatabase(error: unknown): boolean {
  return error instanceof pg.DatabaseError || error instanceof SQLite.SqliteError
}

async function openCounting(database: TestDatabase, role?: string): Promise<CountingSession> {
  const url = await urlOf(database)
  if (database.dialect === 'sqlite') return new CountingSession(new SqliteDialect({ database: new SQLite(url) }))
  const options = role === undefined ? undefined : `-c role=${role}`
  return new CountingSession(new PostgresDialect({ pool: new pg.Pool({ connectionString: url, options }) }))
}

/** What a host may have set on a table, as statements. */
type Undoing = (table: string) => readonly string[]

const KEEP: Undoing = (table) => postgresTrigger(`keep_${table}`, `before update on ${table}`, 'return old')

const undoings: Record<TestDatabase['dialect'], Record<string, Undoing>> = {
  sqlite: Object.fromEntries([
    ...['insert', 'update', 'delete'].map((event): [string, Undoing] => [
      `undoes each ${event}`,
      (table) => [`create trigger ${event}_${table} before ${event} on ${table} begin select raise(ignore); end`],
    ]),
    ['puts the status back', (table) => putBack(table)],
  ]),
  postgres: Object.fromEntries([
    ...['insert', 'update', 'delete'].map((event): [string, Undoing] => [
      `undoes each ${event}`,
      (table) => postgresTrigger(`${event}_${table}`, `before ${event} on ${table}`, 'return null'),
    ]),
    ['keeps each row as it was', KEEP],
    ...['select', 'update', 'delete', 'insert'].map((command): [string, Undoing] => [
      `hides all from each ${command}`,
      (table) => [`alter table ${table} enable row level security`, ...policies(table, command)],
    ]),
  ]),
}

const STATUS: Record<string, string> = {
  work_pool: 'status',
  work_queue: 'status',
  worker: 'status',
  flow_run: 'state_type',
}

function putBack(table: string): string[] {
  const column = STATUS[table]
  if (column === undefined) return []
  return [
    `create trigger put_back_${table} after update on ${table} when new.${column} is not old.${column}
     begin update ${table} set ${column} = old.${column} where id = new.id; end`,
  ]
}

function postgresTrigger(name: string, when: string, body: string): string[] {
  return [
    `create function ${name}() returns trigger language plpgsql as $$ begin ${body}; end $$`,
    `create trigger ${name} ${when} for each row execute function ${name}()`,
  ]
}

/** All may do everything, but for one command, for which no row is there. */
function policies(table: string, hidden: string): string[] {
  return ['select', 'insert', 'update', 'delete'].map((command) => {
    const allowed = command !== hidden
    return `create policy ${command}_${table} on ${table} for ${command} ${command === 'insert' ? 'with check' : 'using'} (${allowed})`
  })
}

describe('the source', () => {
  test('has no loop without a condition', () => {
    const endless = readdirSync('src', { recursive: true, encoding: 'utf8' })
      .filter((file) => file.endsWith('.ts'))
      .filter((file) => /for \([^;)]*;\s*;|while \((true|1)\)/.test(readFileSync(`src/${file}`, 'utf8')))
    expect(endless).toEqual([])
  })
})

/** A role that row-level security holds for, as it does not for a superuser. */
async function createRole(db: Db, role: string): Promise<void> {
  await sql.raw(`create role ${role}`).execute(db)
  await sql.raw(`grant all on ${TABLES.join(', ')} to ${role}`).execute(db)
}

/** Roles are the server's, not the database's. */
async function roleOf(database: TestDatabase): Promise<string> {
  return `role_of${new URL(await urlOf(database)).pathname.replace('/', '_')}`
}

for (const kind of [sqliteFile, postgres].map(withEventLog)) {
  describeOnDatabases(
    'on a database that undoes or hides what is written',
    (t) => {
      const hosts = Object.entries(undoings[kind.dialect])
      /** Those that may matter to a call: one that only reads is met by what hides rows from it. */
      const hostsOf = (call: string) => hosts.filter(([name]) => !(call in readingCalls) || name.endsWith('select'))
      const concerned = Object.entries(calls).filter(([name]) => hostsOf(name).length > 0)

      /** Runs with a session of the host, which has set `undoing` on each of the tables. */
      const withHost = async (name: string, undoing: Undoing, run: (session: CountingSession) => Promise<void>) => {
        const db = t.database.plain
        for (const statement of TABLES.flatMap(undoing)) await sql.raw(statement).execute(db)
        const role = name.startsWith('hides') ? await roleOf(t.database) : undefined
        if (role !== undefined) await createRole(db, role)
        try {
          await using session = await openCounting(t.database, role)
          await run(session)
        } finally {
          if (role !== undefined) {
            await sql.raw(`drop owned by ${role}`).execute(db)
            await sql.raw(`drop role ${role}`).execute(db)
          }
        }
      }

      test.each(concerned)('%s ends in the caller’s transaction', async (title, call) => {
        await makeWorld(t.make)
        await using session = await openCounting(t.database)
        for (const [name, undoing] of hostsOf(title)) {
          for (const table of TABLES) {
            const trx = await session.db.startTransaction().execute()
            for (const statement of undoing(table)) await sql.raw(statement).execute(trx)
            if (name.startsWith('hides')) {
              const role = await roleOf(t.database)
              await createRole(trx, role)
              await sql.raw(`set local role ${role}`).execute(trx)
            }
            await session.end(call, trx, `${name} of ${table}`)
            await trx.rollback().execute()
          }
        }
      })

      test.each(hosts)('which %s, every call ends in a transaction of its own', async (name, undoing) => {
        await makeWorld(t.make)
        await withHost(name, undoing, async (session) => {
          for (const [title, call] of Object.entries(calls)) await session.end(call, session.db, title)
        })
      })

      test('the default pool’s name is taken, when the pool cannot be seen', async () => {
        const [name, undoing] =
          hosts.find(([title]) => /hides all from each select|undoes each insert/.test(title)) ?? []
        if (name === undefined || undoing === undefined) throw new Error('no such host')
        if (name.startsWith('hides')) await t.make.pool({ name: 'default-agent-pool' })
        await withHost(name, undoing, async ({ db }) => {
          const error = { name: 'WorkPoolExistsError', workPoolName: 'default-agent-pool' }
          await expect(createWorkQueue(db, { name: 'etl' })).rejects.toMatchObject(error)
          await expect(ensureWorkQueueExists(db, 'etl')).rejects.toMatchObject(error)
        })
      })

      test('a heartbeat is recorded, though the pool is kept NOT_READY', async () => {
        const pool = await t.make.pool({ status: 'NOT_READY' })
        const statements = kind.dialect === 'sqlite' ? putBack('work_pool') : KEEP('work_pool')
        for (const statement of statements) await sql.raw(statement).execute(t.database.plain)
        for (const name of ['one', 'two']) {
          expect(await recordWorkerHeartbeat(t.db, pool, name)).toMatchObject({ name, status: 'ONLINE' })
        }
        expect(await readWorkPool(t.db, pool)).toMatchObject({ status: 'NOT_READY' })
      })
    },
    [kind],
  )
}
