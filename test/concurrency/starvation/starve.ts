import { Kysely, PostgresDialect } from 'kysely'
import {
  claimRunsInWorkQueue,
  claimScheduledFlowRuns,
  createFlowRuns,
  createWorkPool,
  createWorkQueue,
  deleteWorkQueue,
  recordWorkerHeartbeat,
  recordWorkQueuePolls,
  updateWorkPool,
  updateWorkQueue,
  type WorkQueueTables,
} from 'kysely-work-queues'
import pg from 'pg'

export interface StarvationOptions {
  /** PostgreSQL's. */
  readonly url: string
  readonly claimers: number
  readonly seconds: number
}

/** What waited, and how long: milliseconds. */
interface Waits {
  readonly count: number
  readonly median: number
  readonly worst: number
}

export interface StarvationResult {
  /** By call; `a look` reads one row, and waits for nothing but its turn in this busy process. */
  readonly waits: Record<string, Waits>
  readonly claims: number
  readonly errors: string[]
}

/**
 * Claimers claim from one queue without limits, one claim after the other, so that at every moment some are under way. Beside them one
 * session makes each call that other locks than `for key share` kept waiting, in turn, and takes the time.
 */
export async function starve({ url, claimers, seconds }: StarvationOptions): Promise<StarvationResult> {
  const connect = (max: number): Kysely<WorkQueueTables> => {
    const pool = new pg.Pool({ connectionString: url, max })
    // A server that is stopped may tell a connection that is being closed; without a listener, that ends the process.
    pool.on('error', () => {})
    return new Kysely({ dialect: new PostgresDialect({ pool }) })
  }
  const [db, other] = [connect(claimers), connect(1)]
  const pool = await createWorkPool(other, { name: 'starved', type: 'process' })
  const queue = await createWorkQueue(other, { name: 'queue', workPoolId: pool.id })
  const fill = (count: number): Promise<unknown> =>
    createFlowRuns(
      other,
      Array.from({ length: count }, () => ({ workQueueId: queue.id })),
    )
  await fill(2000)

  const errors: string[] = []
  let claims = 0
  const end = AbortSignal.timeout(1000 * seconds)
  const claimer = async (n: number): Promise<void> => {
    while (!end.aborted) {
      // What a paused or limited queue gives is nothing: then the other claimers go on at once too.
      const taken = await (
        n % 2 === 0
          ? claimRunsInWorkQueue(db, queue.id, { limit: 1 }).then(({ runs }) => runs.length)
          : claimScheduledFlowRuns(db, { workPoolIds: [pool.id], limit: 1 }).then((runs) => runs.length)
      ).catch((error: unknown) => errors.push(String(error)) - errors.length)
      claims += taken
    }
  }
  const calls: Record<string, () => Promise<unknown>> = {
    'a look': () => other.selectFrom('work_pool').select('id').where('id', '=', pool.id).execute(),
    'a pause': () => updateWorkQueue(other, queue.id, { isPaused: true }),
    'a resume': () => updateWorkQueue(other, queue.id, { isPaused: false }),
    'a recorded poll': () =>
      recordWorkQueuePolls(other, { polledWorkQueueIds: [queue.id], readyWorkQueueIds: [queue.id] }),
    'a new queue': () => createWorkQueue(other, { name: 'new', workPoolId: pool.id, priority: 1 }),
    'a heartbeat': () => recordWorkerHeartbeat(other, pool.id, 'worker'),
    'the status of the pool': () => updateWorkPool(other, pool.id, { status: 'NOT_READY' }),
    'a heartbeat that turns the pool READY': () => recordWorkerHeartbeat(other, pool.id, 'worker'),
    'a limit': () => updateWorkQueue(other, queue.id, { concurrencyLimit: 1_000_000 }),
    'a limit taken away': () => updateWorkQueue(other, queue.id, { concurrencyLimit: null }),
    'a new name': () => updateWorkQueue(other, queue.id, { name: `queue ${Math.random()}` }),
  }
  const taken: Record<string, number[]> = Object.fromEntries(Object.keys(calls).map((name) => [name, []]))
  const caller = async (): Promise<void> => {
    do {
      for (const [name, call] of Object.entries(calls)) {
        const started = performance.now()
        const result = await call()
        taken[name]?.push(performance.now() - started)
        if (name === 'a new queue') await deleteWorkQueue(other, (result as { id: string }).id)
      }
      await fill(100)
    } while (!end.aborted)
  }
  await Promise.all([caller(), ...Array.from({ length: claimers }, (_, n) => claimer(n))])
  await Promise.all([db.destroy(), other.destroy()])
  const waits = Object.fromEntries(Object.entries(taken).map(([name, times]) => [name, summary(times)]))
  return { waits, claims, errors }
}

function summary(times: readonly number[]): Waits {
  const inOrder = times.toSorted((a, b) => a - b)
  return {
    count: times.length,
    median: inOrder[Math.floor(times.length / 2)] ?? 0,
    worst: inOrder.at(-1) ?? 0,
  }
}
