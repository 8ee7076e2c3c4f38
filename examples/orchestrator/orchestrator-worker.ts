// A worker, a program: claims runs in its own name, and renews its leases on them while it runs them. If it dies, they expire.

import { randomUUID } from 'node:crypto'
import { claimScheduledFlowRuns, readNextStartTime, recordWorkerHeartbeat, renewLeases } from 'kysely-work-queues'
import { executeRun } from './execute-run.js'
import { openDatabase } from './host-database.js'
import { every, retrying, sleep, untilStopped } from './loop.js'
import { setUp } from './set-up.js'

const { DATABASE_URL = 'orchestrator.db', WORKER = 'worker', LEASE_SECONDS = '15', CAPACITY = '2' } = process.env
const leaseSeconds = Number(LEASE_SECONDS)
const POLL_SECONDS = 0.5

const db = openDatabase(DATABASE_URL)
const { id: workPoolId } = await setUp(db)
const workPoolIds = [workPoolId]
// Started again, it is another holder: it knows nothing of what it ran before.
const holder = `${WORKER} ${randomUUID()}`
const runs = new Map<string, { readonly abort: AbortController; readonly end: Promise<void> }>()

const stopped = untilStopped()
const ended = new AbortController()
const renewing = every(leaseSeconds / 3, ended.signal, async () => {
  const { cancelling, lost } = await renewLeases(db, holder, { leaseSeconds, flowRunIds: [...runs.keys()] })
  for (const id of [...cancelling, ...lost]) runs.get(id)?.abort.abort()
})
await every(0, stopped, async () => {
  await recordWorkerHeartbeat(db, workPoolId, WORKER, { heartbeatIntervalSeconds: 5 })
  const limit = Number(CAPACITY) - runs.size
  const claimed = await claimScheduledFlowRuns(db, { workPoolIds, limit, holder, leaseSeconds, recordPolls: true })
  for (const { flowRun } of claimed) {
    const abort = new AbortController()
    const end = executeRun(db, holder, flowRun, abort.signal)
      .catch((error: unknown) => console.error(error))
      // Taken away and claimed again, it may be in there anew.
      .finally(() => runs.get(flowRun.id)?.abort === abort && runs.delete(flowRun.id))
    runs.set(flowRun.id, { abort, end })
  }
  await sleep(limit > 0 && claimed.length === 0 ? await idleSeconds() : POLL_SECONDS / 5, stopped)
})
// What was begun is ended; nothing new is claimed.
await Promise.all([...runs.values()].map(({ end }) => end))
ended.abort()
await renewing
await db.destroy()

/** Until the next run is due, if that is soon. */
async function idleSeconds(): Promise<number> {
  const next = await retrying(() => readNextStartTime(db, { workPoolIds }))
  const seconds = next === null ? POLL_SECONDS : (next.getTime() - Date.now()) / 1000
  return seconds > 0 ? Math.min(seconds, POLL_SECONDS) : POLL_SECONDS
}
