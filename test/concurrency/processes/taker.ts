import SQLite from 'better-sqlite3'
import { Kysely, PostgresDialect, SqliteDialect } from 'kysely'
import { takeEvents, type WorkQueueTables } from 'kysely-work-queues'
import pg from 'pg'
import { randomBelow } from '../../support/random-below.js'
import { isRetryable } from 'kysely-work-queues'

// A host that takes events as a process of its own: in one transaction it takes some, and does what it does about them, which is to write
// them down. Sometimes it is killed before the commit. It ends when there is nothing to take.

interface Handled {
  handled: { event: string; taker: string }
}

const { url, dialect, seed, deaths } = JSON.parse(process.argv[2] ?? '') as {
  url: string
  dialect: 'postgres' | 'sqlite'
  seed: number
  /** One transaction in so many is its last; 0: none. */
  deaths: number
}
const below = randomBelow(seed)
const db = new Kysely<WorkQueueTables & Handled>({
  dialect:
    dialect === 'sqlite'
      ? new SqliteDialect({ database: new SQLite(url, { timeout: 20_000 }) })
      : new PostgresDialect({ pool: new pg.Pool({ connectionString: url, max: 1 }) }),
})

for (;;) {
  try {
    const count = await db.transaction().execute(async (trx) => {
      const events = await takeEvents(trx, { limit: 1 + below(9) })
      if (events.length === 0) return 0
      const rows = events.map(({ id }) => ({ event: id, taker: String(seed) }))
      await trx.insertInto('handled').values(rows).execute()
      if (deaths > 0 && below(deaths) === 0) process.kill(process.pid, 'SIGKILL')
      return events.length
    })
    if (count === 0) break
  } catch (error) {
    if (!isRetryable(error)) throw error
  }
}
await db.destroy()
