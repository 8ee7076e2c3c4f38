// A worker of postgres-workers.ts, as a separate process: claims runs in its name, keeps its leases, and starts and completes the runs,
// until it is told to stop.

import { setTimeout } from 'node:timers/promises'
import { type IsolationLevel, Kysely, PostgresDialect } from 'kysely'
import {
  claimScheduledFlowRuns,
  type FlowRun,
  FlowRunStateConflictError,
  isRetryable,
  recordWorkerHeartbeat,
  renewLeases,
  setFlowRunState,
  type StateType,
  type WorkQueueTables,
} from 'kysely-work-queues'
import { openPool } from './support/pool.js'

/** What a worker is started with. */
export interface Settings {
  readonly url: string
  readonly workPoolId: string
  readonly name: string
  readonly isolation: IsolationLevel
  readonly leaseSeconds: number
  /** What befalls it in the middle of its first run. */
  readonly fate: 'none' | 'killed' | 'frozen'
}

/** What a worker says: that it is in the middle of the run that its fate is about, or how it went, at its end. */
export type Report =
  | { readonly kind: 'running' }
  | { readonly kind: 'end'; completed: number; refused: number; retries: number; readonly isolation: IsolationLevel }

const settings = JSON.parse(process.argv[2] ?? '') as Settings
const { url, workPoolId, name, isolation, leaseSeconds, fate } = settings
await using db = new Kysely<WorkQueueTables>({
  dialect: new PostgresDialect({ pool: openPool({ connectionString: url, max: 3 }) }),
})

const stop = new AbortController()
process.on('message', () => stop.abort())
const end = { kind: 'end' as const, isolation, completed: 0, refused: 0, retries: 0 }

/** The runs that this worker works on. */
const mine = new Set<string>()

// A third of a lease: two renewals may fail before the lease expires. A renewal that fails ends no work: the next one may succeed.
const renewing = (async () => {
  while (!stop.signal.aborted || mine.size > 0) {
    const { cancelling, lost } = await retrying(() => renewLeases(db, name, { leaseSeconds, flowRunIds: [...mine] }))
    for (const id of [...cancelling, ...lost]) mine.delete(id)
    await setTimeout((1000 * leaseSeconds) / 3)
  }
})()

while (!stop.signal.aborted) {
  await retrying(() => recordWorkerHeartbeat(db, workPoolId, name, { heartbeatIntervalSeconds: 1 }))
  // In a transaction for the sake of its isolation level. `claimScheduledFlowRuns(db, ...)` opens one itself.
  const claimed = await retrying(() =>
    db
      .transaction()
      .setIsolationLevel(isolation)
      .execute((trx) =>
        claimScheduledFlowRuns(trx, {
          workPoolIds: [workPoolId],
          limit: 2,
          holder: name,
          leaseSeconds,
          recordPolls: true,
        }),
      ),
  )
  for (const { flowRun } of claimed) mine.add(flowRun.id)
  for (const { flowRun } of claimed) await work(flowRun)
  await setTimeout(10)
}
await renewing
process.send?.(end satisfies Report)
process.disconnect()

/** Starts and completes a run, unless it is another's by now. */
async function work(claimed: FlowRun): Promise<void> {
  try {
    const running = await enter(claimed, 'RUNNING')
    if (fate !== 'none' && end.completed === 0) {
      // The host kills or freezes this process now.
      process.send?.({ kind: 'running' } satisfies Report)
      await setTimeout(200)
    }
    await setTimeout(5) // the work
    await enter(running, 'COMPLETED')
    end.completed++
  } catch (error) {
    if (!(error instanceof FlowRunStateConflictError)) throw error
    end.refused++
  } finally {
    mine.delete(claimed.id)
  }
}

/** Moves a run on from the very state in which this worker knows it: who lost it meanwhile is refused. */
async function enter({ id, stateId }: FlowRun, type: StateType): Promise<FlowRun> {
  return await retrying(() => setFlowRunState(db, id, { type }, { expectedStateId: stateId ?? undefined }))
}

/** Tries again what PostgreSQL says to try again: a claim that would count from an old snapshot (40001), and deadlocks. */
async function retrying<T>(attempt: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await attempt()
    } catch (error) {
      if (!isRetryable(error)) throw error
      end.retries++
      // A little later, each at another time, so that the same two do not meet again.
      await setTimeout(10 * Math.random())
    }
  }
}
