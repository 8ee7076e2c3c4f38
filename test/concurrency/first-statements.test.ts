import { SqliteDialect } from 'kysely'
import { expect, test } from 'vitest'
import { urlOf } from '../support/database-url.js'
import { openSqlite, session, sqliteFile } from '../support/databases.js'
import { describeOnDatabases } from '../support/describe-databases.js'
import { makeWorld, writingCalls } from '../support/every-call.js'

// A transaction that reads first and writes later fails on SQLite with SQLITE_BUSY_SNAPSHOT when another connection wrote in between.
// What a session has met before may spare it a statement, so that each call here is the first of its session.

describeOnDatabases(
  'the first call of a session, in a transaction of the host’s',
  (t) => {
    test.each(Object.entries(writingCalls))('%s begins with a write', async (_, call) => {
      await makeWorld(t.make)
      const statements: string[] = []
      const dialect = new SqliteDialect({ database: openSqlite(await urlOf(t.database)) })
      await using db = session(dialect, {}, statements)
      // That a table is missing, or a table has no row, is said after the first statement.
      await db.transaction().execute(async (trx) => await call(trx, () => {}).catch(() => {}))
      const first = statements.find((statement) => !/^(begin|savepoint)/.test(statement))
      expect(first).toMatch(/^\s*(update|insert|delete)\b/)
    })
  },
  [sqliteFile],
)
