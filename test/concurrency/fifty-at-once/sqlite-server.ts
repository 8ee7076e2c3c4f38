import SQLite from 'better-sqlite3'
import { Kysely, SqliteDialect } from 'kysely'
import {
  createFlowRuns,
  createWorkQueue,
  ensureWorkQueueExists,
  recordWorkQueuePolls,
  setFlowRunState,
  updateWorkQueue,
  type WorkQueueTables,
} from 'kysely-work-queues'

// One of several servers on one SQLite file: a process of its own, since a connection that waits blocks its thread.
// Arguments: the file, and the server's number. It sends the names of the errors that it got.

const [, , file, server] = process.argv
const connection = new SQLite(file, { timeout: 20_000 })
connection.pragma('foreign_keys = on')
const db = new Kysely<WorkQueueTables>({ dialect: new SqliteDialect({ database: connection }) })

const errors: string[] = []
const attempt = async (call: Promise<unknown>): Promise<void> => {
  await call.catch((error: Error) => void errors.push(error.name === 'Error' ? error.message : error.name))
}

for (let n = 0; n < 10; n++) {
  await attempt(createWorkQueue(db, { name: `created ${server} ${n}` }))
  await attempt(ensureWorkQueueExists(db, `ensured ${n}`))
  await attempt(createWorkQueue(db, { name: `first ${server} ${n}`, priority: 1 }))
  await attempt(createWorkQueue(db, { name: `contended ${n}` }))
  const queue = await ensureWorkQueueExists(db, 'shared')
  await attempt(recordWorkQueuePolls(db, { polledWorkQueueIds: [queue.id], readyWorkQueueIds: [queue.id] }))
  await attempt(updateWorkQueue(db, queue.id, { priority: 1 + Number(server), description: `${server} ${n}` }))
  const [run] = await createFlowRuns(db, [{ workQueueId: queue.id }])
  await attempt(setFlowRunState(db, run?.id ?? '', { type: 'RUNNING' }))
}

await db.destroy()
process.send?.(errors)
