// A claimer as a process of its own: claims runs, starts them, finishes them, until it is told to stop or is killed. Plain
// JavaScript on the built package, so that it starts at once.

import SQLite from 'better-sqlite3'
import { Kysely, PostgresDialect, SqliteDialect } from 'kysely'
import { claimRunsInWorkQueue, claimScheduledFlowRuns, setFlowRunState } from 'kysely-work-queues'
import pg from 'pg'

const { url, isolation, workPoolIds, workQueueIds, ...settings } = JSON.parse(process.argv[2] ?? '')
const db = new Kysely({
  dialect:
    isolation === undefined
      ? new SqliteDialect({ database: openSqlite(url) })
      : new PostgresDialect({ pool: new pg.Pool({ connectionString: url, max: 2 }) }),
})

const stop = new AbortController()
process.on('message', () => stop.abort())
process.on('disconnect', () => process.exit(0))

let seed = settings.seed
let conflicts = 0
while (!stop.signal.aborted) {
  for (const run of await retrying(claim)) {
    await retrying(() => setFlowRunState(db, run.id, { type: 'RUNNING' }))
    if (random(3) === 0) await retrying(() => setFlowRunState(db, run.id, { type: 'CANCELLING' }))
    await retrying(() => setFlowRunState(db, run.id, { type: 'COMPLETED' }))
  }
  // better-sqlite3 never waits, and messages are only read while something does.
  await new Promise((resolve) => setImmediate(resolve))
}
process.send?.({ conflicts })
await db.destroy()
process.disconnect()

async function claim() {
  const limit = 1 + random(4)
  const byQueue = random(2) === 0
  const workQueueId = workQueueIds[random(workQueueIds.length)]
  const take = async (session) =>
    byQueue
      ? (await claimRunsInWorkQueue(session, workQueueId, { limit })).runs
      : (await claimScheduledFlowRuns(session, { workPoolIds, limit })).map(({ flowRun }) => flowRun)
  // Half of the time in a transaction of the host's.
  if (isolation === undefined || (isolation === 'read committed' && random(2) === 0)) return await take(db)
  return await db.transaction().setIsolationLevel(isolation).execute(take)
}

/** Retries what the database says to retry; anything else ends the process with an error. */
async function retrying(attempt) {
  for (;;) {
    try {
      return await attempt()
    } catch (error) {
      if (error.code !== '40001' && error.code !== 'SQLITE_BUSY') throw error
      conflicts++
    }
  }
}

function openSqlite(file) {
  const database = new SQLite(file, { timeout: 20_000 })
  database.pragma('journal_mode = wal')
  database.pragma('synchronous = off')
  return database
}

function random(below) {
  seed = (Math.imul(seed, 1_103_515_245) + 12_345) & 0x7fffffff
  return (seed >> 8) % below
}
