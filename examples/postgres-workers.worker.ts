// A worker of postgres-workers.ts, as a separate process: claims, starts and completes runs until it is told to stop.

import { setTimeout } from 'node:timers/promises'
import { type IsolationLevel, Kysely, PostgresDialect } from 'kysely'
import {
  claimScheduledFlowRuns,
  isRetryable,
  recordWorkerHeartbeat,
  recordWorkQueuePolls,
  setFlowRunState,
  type WorkQueueTables,
} from 'kysely-work-queues'
import pg from 'pg'

/** What a worker is started with. */
export interface Settings {
  readonly url: string
  readonly workPoolId: string
  readonly name: string
  readonly isolation: IsolationLevel
  /** Whether it is killed once it has claimed, before it starts anything. */
  readonly diesAfterFirstClaim: boolean
}

/** What a worker says at its end. */
export interface Report {
  readonly isolation: IsolationLevel
  readonly completed: number
  readonly retries: number
}

const settings = JSON.parse(process.argv[2] ?? '') as Settings
const { url, workPoolId, name, isolation } = settings
await using db = new Kysely<WorkQueueTables>({
  dialect: new PostgresDialect({ pool: new pg.Pool({ connectionString: url, max: 2 }) }),
})

const stop = new AbortController()
process.on('message', () => stop.abort())

let completed = 0
let retries = 0
while (!stop.signal.aborted) {
  await retrying(() => recordWorkerHeartbeat(db, workPoolId, name, { heartbeatIntervalSeconds: 1 }))
  // In a transaction for the sake of its isolation level. `claimScheduledFlowRuns(db, ...)` opens one itself.
  const claimed = await retrying(() =>
    db
      .transaction()
      .setIsolationLevel(isolation)
      .execute((trx) => claimScheduledFlowRuns(trx, { workPoolIds: [workPoolId], limit: 2 })),
  )
  if (settings.diesAfterFirstClaim && claimed.length > 0) process.kill(process.pid, 'SIGKILL')

  const workQueueIds = [...new Set(claimed.map(({ workQueueId }) => workQueueId))]
  await retrying(() => recordWorkQueuePolls(db, { polledWorkQueueIds: workQueueIds, readyWorkQueueIds: workQueueIds }))
  for (const { flowRun } of claimed) {
    await retrying(() => setFlowRunState(db, flowRun.id, { type: 'RUNNING' }))
    await setTimeout(5) // the work
    await retrying(() => setFlowRunState(db, flowRun.id, { type: 'COMPLETED' }))
    completed++
  }
  await setTimeout(10)
}
process.send?.({ isolation, completed, retries } satisfies Report)
process.disconnect()

/** Tries again what PostgreSQL says to try again: a claim that would count from an old snapshot (40001), and deadlocks. */
async function retrying<T>(attempt: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await attempt()
    } catch (error) {
      if (!isRetryable(error)) throw error
      retries++
      // A little later, each at another time, so that the same two do not meet again.
      await setTimeout(10 * Math.random())
    }
  }
}
