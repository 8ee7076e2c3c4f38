import SQLite from 'better-sqlite3'
import { CompiledQuery, type Dialect, Kysely, PostgresDialect, type QueryResult, sql, SqliteDialect } from 'kysely'
import * as library from 'kysely-work-queues'
import type { WorkQueueTables } from 'kysely-work-queues'
import pg from 'pg'
import { expect, test } from 'vitest'
import { postgres, sqliteFile, type TestDatabase, withEventLog } from '../support/databases.js'
import { describeOnDatabases } from '../support/describe-databases.js'
import { allRows } from '../support/factory.js'
import { urlOf } from '../support/database-url.js'
import { makeWorld, readingCalls, writingCalls } from '../support/every-call.js'
import { intercepted, type Intercept } from './intercepted-dialect.js'

// Each statement of each writing function fails once, `begin` and `commit` too: refused by the database, or done and its answer
// lost. How many there are is not written down: the n-th fails, for every n until the call comes through. Whether the rollback then fails
// too, or not, the caller gets the first error.

test('every function that takes a session is among the calls', () => {
  // All that take a session are async, and those that only read are named so.
  const isAsync = (value: unknown): boolean => Object.prototype.toString.call(value) === '[object AsyncFunction]'
  const taking = Object.entries(library).flatMap(([name, value]) => (isAsync(value) ? [name] : []))
  const reading = taking.filter((name) => /^(read|count|get|explain)[A-Z]/.test(name))
  const called = (calls: object): string[] => [...new Set(Object.keys(calls).map((title) => title.split(',')[0] ?? ''))]
  expect(called(readingCalls).toSorted()).toEqual(reading.toSorted())
  expect(called(writingCalls).toSorted()).toEqual(taking.filter((name) => !reading.includes(name)).toSorted())
})

/** Fails in the database, whatever the tables. */
const REFUSED = { postgres: 'select 1 / 0', sqlite: `select json('no JSON')` }

/** What happens to the statement that fails. */
type Failure = 'refused' | 'lost'

/** One connection whose n-th statement fails. */
class FailingSession implements AsyncDisposable {
  readonly db: Kysely<WorkQueueTables>
  readonly isInTransaction: () => Promise<boolean>
  /** The statements since the failure was set. */
  statements: string[] = []
  /** The error that was thrown, if the call got as far. */
  error: unknown
  readonly #refused: CompiledQuery
  #failing = -1
  #failure: Failure = 'refused'
  #failsRollback = false

  constructor(dialect: Dialect, refused: string, isInTransaction: () => Promise<boolean>) {
    this.isInTransaction = isInTransaction
    this.#refused = CompiledQuery.raw(refused)
    this.db = new Kysely({ dialect: intercepted(dialect, (statement, run) => this.#intercept(statement, run)) })
  }

  fail(n: number, failure: Failure, failsRollback: boolean): void {
    this.statements = []
    this.error = undefined
    this.#failing = n
    this.#failure = failure
    this.#failsRollback = failsRollback
  }

  /** Whether the last statement was one in a transaction, which can be undone. */
  get isUndone(): boolean {
    return this.statements.includes('begin') && !['begin', 'commit'].includes(this.statements.at(-1) ?? '')
  }

  async #intercept(statement: string, run: Parameters<Intercept>[1]): Promise<QueryResult<unknown>> {
    const n = this.statements.push(statement) - 1
    if (statement === 'rollback' && this.#failsRollback) {
      await run()
      throw new Error('the rollback failed')
    }
    if (n !== this.#failing) return await run()
    try {
      if (this.#failure === 'refused') return await run(this.#refused)
      await run()
      throw new Error('connection lost')
    } catch (error) {
      this.error = error
      throw error
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.db.destroy()
  }
}

async function openFailing(database: TestDatabase): Promise<FailingSession> {
  const url = await urlOf(database)
  if (database.dialect === 'sqlite') {
    const connection = new SQLite(url)
    connection.pragma('synchronous = off')
    const dialect = new SqliteDialect({ database: connection })
    return new FailingSession(dialect, REFUSED.sqlite, async () => connection.inTransaction)
  }
  const pool = new pg.Pool({ connectionString: url, max: 1 })
  return new FailingSession(new PostgresDialect({ pool }), REFUSED.postgres, async () => {
    const { rows } = await sql`
      select 1 from pg_stat_activity where datname = current_database() and state like 'idle in transaction%'
    `.execute(database.plain)
    return rows.length > 0
  })
}

describeOnDatabases(
  'an error in the middle',
  (t) => {
    test.each(Object.entries(writingCalls))('of %s leaves everything as it was', async (_, call) => {
      await makeWorld(t.make)
      await using session = await openFailing(t.database)
      // Whether there is a table of leases, and one of events, is asked once.
      await library.readLeases(session.db)
      await library.takeEvents(session.db, { limit: 0 })
      const before = await allRows(t.database)
      const reports: unknown[] = []
      /** Whether the call got to the n-th statement. */
      const failsAt = async (n: number, failure: Failure, failsRollback = false): Promise<boolean> => {
        session.fail(n, failure, failsRollback)
        const thrown: unknown = await call(session.db, (change) => reports.push(change)).then(
          () => undefined,
          (error: unknown) => error,
        )
        expect(thrown).toBe(session.error)
        if (thrown === undefined) return false
        const after = `${failure} at ${session.statements[n]}${failsRollback ? ', with its rollback' : ''}`
        expect(await allRows(t.database), after).toEqual(before)
        expect(await session.isInTransaction(), after).toBe(false)
        expect(reports, after).toEqual([])
        return true
      }

      let n = 0
      while (await failsAt(n, 'refused')) {
        const rollsBack = session.statements.includes('rollback')
        session.statements.length = Math.min(session.statements.length, n + 1)
        if (session.isUndone) expect(await failsAt(n, 'lost')).toBe(true)
        if (rollsBack) expect(await failsAt(n, 'refused', true)).toBe(true)
        n++
      }
      // On the same connection, it has come through.
      expect(session.statements).toHaveLength(n)
      expect(await allRows(t.database)).not.toEqual(before)
      if (n > 1) expect(session.statements.at(-1)).toBe('commit')
      if (call.length > 1) expect(reports.length).toBeGreaterThan(0)
    })
  },
  [sqliteFile, postgres].map(withEventLog),
)
