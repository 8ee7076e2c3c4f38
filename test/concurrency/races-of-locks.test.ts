import type { Kysely } from 'kysely'
import {
  claimRunsInWorkQueue,
  claimScheduledFlowRuns,
  createFlowRuns,
  createWorkQueue,
  deleteWorkPool,
  deleteWorkQueue,
  markWorkersOffline,
  markWorkPoolsNotReady,
  readWorkQueue,
  recordWorkerHeartbeat,
  recordWorkQueuePolls,
  setFlowRunState,
  updateWorkPool,
  updateWorkQueue,
  type WorkPoolUpdate,
  type WorkQueueTables,
  type WorkQueueUpdate,
} from 'kysely-work-queues'
import { type Factory, testId } from '../support/factory.js'
import { describeRaces } from './stepping/describe-races.js'
import type { Claimed } from './stepping/outcome.js'

type Db = Kysely<WorkQueueTables>

const [pool, a, b] = [testId(1, 1), testId(1, 2), testId(2, 2)]
const long = new Date('2020-01-01T00:00:00Z')

/** A pool of two queues, with three runs in the first and one in the second, and a worker. */
const places =
  (limits: { pool?: number; a?: number } = {}, status = 'READY', workerStatus = 'ONLINE') =>
  async (make: Factory): Promise<void> => {
    const work_pool_id = await make.pool({ id: pool, name: 'pool', status, concurrency_limit: limits.pool ?? null })
    await make.queue({ id: a, name: 'a', priority: 2, work_pool_id, concurrency_limit: limits.a ?? null })
    await make.queue({ id: b, name: 'b', priority: 3, work_pool_id })
    const due = { state_timestamp: long, next_scheduled_start_time: long }
    await make.runs(
      [a, a, a, b].map((work_queue_id, n) => ({ id: testId(n, 3), name: `run ${n}`, work_queue_id, ...due })),
    )
    await make.worker({ work_pool_id, name: 'worker', last_heartbeat_time: long, status: workerStatus })
  }

const claim =
  (queue: string, limit?: number, recordPolls?: boolean) =>
  async (db: Db): Promise<Claimed> => ({
    claimed: (await claimRunsInWorkQueue(db, queue, { limit, recordPolls })).runs.map(({ id }) => id),
  })
const claimOverPools =
  (limit?: number, recordPolls?: boolean) =>
  async (db: Db): Promise<Claimed> => ({
    claimed: (await claimScheduledFlowRuns(db, { limit, recordPolls })).map(({ flowRun }) => flowRun.id),
  })
const inTransaction =
  <T>(call: (db: Db) => Promise<T>) =>
  async (db: Db): Promise<T> =>
    await db.transaction().execute(call)
/**
 * In a transaction that has looked before, so that at the higher levels the claim's snapshot may be old. It begins with a write (of no
 * row), as SQLite wants it.
 */
const afterALook = (call: (db: Db) => Promise<Claimed>) =>
  inTransaction(async (db) => {
    await db.updateTable('work_pool').set({ name: '' }).where('id', '=', testId(404)).execute()
    await readWorkQueue(db, b)
    return await call(db)
  })
const update = (queue: string, patch: WorkQueueUpdate) => (db: Db) => updateWorkQueue(db, queue, patch)
const updatePool = (patch: WorkPoolUpdate) => (db: Db) => updateWorkPool(db, pool, patch)
const polls = (db: Db) => recordWorkQueuePolls(db, { polledWorkQueueIds: [b, a], readyWorkQueueIds: [b, a] })
const heartbeat =
  (name = 'worker') =>
  async (db: Db): Promise<string> =>
    (await recordWorkerHeartbeat(db, pool, name)).status
/** What a worker does in one transaction, in the order that is safe. */
const tick = (claim: (db: Db) => Promise<Claimed>, name?: string) =>
  inTransaction(async (db) => {
    await heartbeat(name)(db)
    const taken = await claim(db)
    for (const id of taken.claimed) await setFlowRunState(db, id, { type: 'RUNNING' })
    return taken
  })

describeRaces('races of locks', {
  'a limit given to a queue, between a look and a claim': {
    arrange: places(),
    calls: [afterALook(claim(a, 1)), update(a, { concurrencyLimit: 1 }), inTransaction(claim(a, 1))],
    mayTakeFewer: true,
  },
  'a limit given to a pool, between a look and a claim': {
    arrange: places(),
    calls: [afterALook(claimOverPools(1)), updatePool({ concurrencyLimit: 1 }), inTransaction(claim(b, 1))],
    mayTakeFewer: true,
  },
  'a change, and a limit, between a look and a claim': {
    arrange: places(),
    calls: [afterALook(claim(a, 1)), update(a, { priority: 9 }), update(a, { concurrencyLimit: 1 })],
    mayTakeFewer: true,
  },
  'a limit taken away, and another one given': {
    arrange: places({ a: 3 }),
    calls: [
      inTransaction(claim(a, 1)),
      update(a, { concurrencyLimit: null }),
      update(a, { name: 'x', concurrencyLimit: 1 }),
    ],
    mayTakeFewer: true,
  },
  'a limit of a pool taken away, and another one given': {
    arrange: places({ pool: 3 }),
    calls: [
      inTransaction(claimOverPools(1)),
      updatePool({ concurrencyLimit: null }),
      updatePool({ concurrencyLimit: 1 }),
    ],
    mayTakeFewer: true,
  },
  'claims that record polls, and a pause': {
    arrange: places(),
    calls: [claim(a, 1, true), claimOverPools(1, true), update(a, { isPaused: true })],
    mayTakeFewer: true,
  },
  'claims of limited queues that record polls, and polls recorded apart': {
    arrange: places({ pool: 2, a: 2 }),
    calls: [inTransaction(claimOverPools(1, true)), polls, claim(a, 1, true)],
    mayTakeFewer: true,
  },
  'a claim that records polls, a rename and new runs': {
    arrange: places(),
    calls: [
      inTransaction(claim(a, 1, true)),
      update(a, { name: 'x' }),
      async (db) => (await createFlowRuns(db, [{ name: 'new', workQueueId: a }])).length,
    ],
    mayTakeFewer: true,
  },
  'claims that record polls, and a new queue in their way': {
    arrange: places({ pool: 9 }),
    calls: [
      inTransaction(claimOverPools(1, true)),
      async (db) => (await createWorkQueue(db, { name: 'new', workPoolId: pool, priority: 1 })).priority,
      claim(b, 1, true),
    ],
    mayTakeFewer: true,
  },
  'ticks of two workers, and the delete of their pool': {
    arrange: places({}, 'NOT_READY'),
    calls: [tick(claimOverPools(1, true)), tick(claim(a, 1, true), 'new'), (db) => deleteWorkPool(db, pool)],
    mayTakeFewer: true,
  },
  'ticks of two workers, and a limit given to their pool': {
    arrange: places({ a: 3 }, 'NOT_READY'),
    calls: [tick(claimOverPools(1, true)), tick(claim(b, 1, true), 'new'), updatePool({ concurrencyLimit: 2 })],
    mayTakeFewer: true,
  },
  'ticks, and the delete of the queue': {
    arrange: places({ pool: 3 }),
    calls: [tick(claim(a, 1, true)), tick(claimOverPools(1), 'new'), (db) => deleteWorkQueue(db, a)],
    mayTakeFewer: true,
  },
  'a heartbeat and a resume of the pool': {
    arrange: async (make) => {
      await places({}, 'PAUSED', 'OFFLINE')(make)
      await make.set('work_pool', pool, { is_paused: true })
    },
    calls: [heartbeat(), updatePool({ isPaused: false })],
    writeSkew: {
      at: 'repeatable read',
      order: [1, 0],
      but: (outcome) => ({ ...outcome, pools: outcome.pools.map((pool) => ({ ...pool, status: 'NOT_READY' })) }),
    },
  },
  'a heartbeat of an OFFLINE worker and a mark for want of workers': {
    arrange: places({}, 'READY', 'OFFLINE'),
    calls: [heartbeat(), async (db) => (await markWorkPoolsNotReady(db)).map(({ id }) => id)],
    writeSkew: {
      at: 'repeatable read',
      order: [1, 0],
      but: (outcome) => ({ ...outcome, pools: outcome.pools.map((pool) => ({ ...pool, status: 'NOT_READY' })) }),
    },
  },
  'a heartbeat of a silent worker, and a mark of it': {
    arrange: places(),
    calls: [heartbeat(), async (db) => (await markWorkersOffline(db)).length],
  },
})
