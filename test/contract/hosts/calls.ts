import type { Kysely } from 'kysely'
import {
  bulkUpdateWorkQueuePriorities,
  countFlowRuns,
  countWorkPools,
  countWorkQueues,
  cancelFlowRun,
  createFlowRun,
  createFlowRuns,
  createWorkPool,
  createWorkQueue,
  deleteWorkPool,
  deleteWorkQueue,
  ensureWorkQueueExists,
  getRunsInWorkQueue,
  readFlowRun,
  readFlowRuns,
  readWorkPool,
  readWorkPoolByName,
  readWorkPools,
  readWorkQueue,
  readWorkQueueByName,
  readWorkQueues,
  readWorkQueueStatus,
  recordWorkQueuePolls,
  setFlowRunState,
  setFlowRunStates,
  updateWorkQueue,
  type WorkQueueTables,
} from 'kysely-work-queues'
import type { Factory } from '../../support/factory.js'

/** Rows that the calls are about. */
export interface Ids {
  /** The default agent pool. */
  readonly pool: string
  /** A queue `etl` of the pool, with priority 2. */
  readonly queue: string
  /** A queue with a tag filter. */
  readonly filterQueue: string
  /** A run of the queue. */
  readonly run: string
}

export type Db = Kysely<WorkQueueTables>
export type Call = (db: Db, ids: Ids) => Promise<unknown>

/** Makes the rows that the calls are about. */
export async function makeRows(make: Factory): Promise<Ids> {
  const pool = await make.pool({ name: 'default-agent-pool' })
  const inPool = { work_pool_id: pool }
  const queue = await make.queue({ name: 'etl', priority: 2, status: 'READY', concurrency_limit: 10, ...inPool })
  const filter = { tags: ['a'], deployment_ids: null }
  const filterQueue = await make.queue({ name: 'filter', priority: 3, filter, ...inPool })
  await make.worker(inPool)
  return { pool, queue, filterQueue, run: await make.run({ work_queue_id: queue, tags: ['a'] }) }
}

/** Every function that reads. */
export const reads: Record<string, Call> = {
  readWorkQueue: (db, { queue }) => readWorkQueue(db, queue),
  readWorkQueueByName: (db) => readWorkQueueByName(db, 'etl'),
  readWorkQueues: (db) => readWorkQueues(db, { filter: { name: { any: ['etl'], startsWith: ['e'] } }, limit: 1 }),
  countWorkQueues: (db) => countWorkQueues(db),
  readWorkQueueStatus: (db, { queue }) => readWorkQueueStatus(db, queue),
  getRunsInWorkQueue: (db, { queue }) => getRunsInWorkQueue(db, queue, { limit: 1 }),
  readWorkPool: (db, { pool }) => readWorkPool(db, pool),
  readWorkPoolByName: (db) => readWorkPoolByName(db, 'default-agent-pool'),
  readWorkPools: (db) => readWorkPools(db),
  countWorkPools: (db) => countWorkPools(db),
  readFlowRun: (db, { run }) => readFlowRun(db, run),
  readFlowRuns: (db) => readFlowRuns(db, { filter: { tags: { all: ['a'] } } }),
  countFlowRuns: (db) => countFlowRuns(db),
  'ensureWorkQueueExists of a queue that exists': (db) => ensureWorkQueueExists(db, 'etl'),
}

/** Every function that writes, each with a call that changes rows. */
export const writes: Record<string, Call> = {
  createWorkQueue: (db) => createWorkQueue(db, { name: 'new', priority: 1 }),
  updateWorkQueue: (db, { queue }) => updateWorkQueue(db, queue, { name: 'new', isPaused: true, priority: 1 }),
  deleteWorkQueue: (db, { queue }) => deleteWorkQueue(db, queue),
  ensureWorkQueueExists: (db) => ensureWorkQueueExists(db, 'new'),
  recordWorkQueuePolls: (db, { queue }) =>
    recordWorkQueuePolls(db, { polledWorkQueueIds: [queue], readyWorkQueueIds: [queue] }),
  bulkUpdateWorkQueuePriorities: (db, { pool, queue }) => bulkUpdateWorkQueuePriorities(db, pool, { [queue]: 1 }),
  createWorkPool: (db) => createWorkPool(db, { name: 'new' }),
  deleteWorkPool: (db, { pool }) => deleteWorkPool(db, pool),
  createFlowRuns: (db, { queue }) => createFlowRuns(db, [{ workQueueId: queue }, {}]),
  createFlowRun: (db, { queue }) => createFlowRun(db, { workQueueId: queue }),
  setFlowRunState: (db, { run }) => setFlowRunState(db, run, { type: 'RUNNING' }),
  setFlowRunStates: (db, { run }) => setFlowRunStates(db, [{ id: run, type: 'RUNNING' }]),
  cancelFlowRun: (db, { run }) => cancelFlowRun(db, run),
}
