import type { Kysely } from 'kysely'
import {
  claimRunsInWorkQueue,
  claimScheduledFlowRuns,
  createFlowRuns,
  deleteWorkPool,
  deleteWorkQueue,
  markLateFlowRuns,
  releaseStaleClaims,
  setFlowRunState,
  type StateType,
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
const runs = [1, 2, 3, 4].map((n) => testId(n, 3))
const long = new Date('2020-01-01T00:00:00Z')

/** A pool of two queues, with three runs in the first and one in the second. */
const places =
  (limits: { pool?: number; a?: number; b?: number }, state: StateType = 'SCHEDULED') =>
  async (make: Factory): Promise<void> => {
    const work_pool_id = await make.pool({ id: pool, name: 'pool', concurrency_limit: limits.pool ?? null })
    await make.queue({ id: a, name: 'a', priority: 2, work_pool_id, concurrency_limit: limits.a ?? null })
    await make.queue({ id: b, name: 'b', priority: 3, work_pool_id, concurrency_limit: limits.b ?? null })
    await make.runs(
      runs.map((id, n) => ({
        id,
        name: `run ${n}`,
        work_queue_id: n === 3 ? b : a,
        state_type: n === 3 ? 'SCHEDULED' : state,
        state_timestamp: long,
        next_scheduled_start_time: long,
      })),
    )
  }

/**
 * A queue `etl` with a limit in the default agent pool, which may have one too, and a queue of that name in another pool; two runs known
 * by the name alone, and two of the first queue.
 */
const named =
  (limits: { pool?: number; queue: number }) =>
  async (make: Factory): Promise<void> => {
    const home = await make.pool({ id: pool, name: 'default-agent-pool', concurrency_limit: limits.pool ?? null })
    await make.queue({ id: a, name: 'etl', priority: 2, work_pool_id: home, concurrency_limit: limits.queue })
    const work_pool_id = await make.pool({ id: testId(2, 1), name: 'other' })
    await make.queue({ id: b, name: 'etl', priority: 2, work_pool_id, concurrency_limit: 1 })
    await make.runs(
      runs.map((id, n) => ({
        id,
        name: `run ${n}`,
        ...(n < 2 ? { work_queue_name: 'etl' } : { work_queue_id: a }),
        state_timestamp: long,
        next_scheduled_start_time: long,
      })),
    )
  }

const claim =
  (queue: string, limit?: number) =>
  async (db: Db): Promise<Claimed> => ({
    claimed: (await claimRunsInWorkQueue(db, queue, { limit, scheduledBefore: null })).runs.map(({ id }) => id),
  })
const claimOverPools =
  (limit?: number) =>
  async (db: Db): Promise<Claimed> => ({
    claimed: (await claimScheduledFlowRuns(db, { limit, scheduledBefore: null })).map(({ flowRun }) => flowRun.id),
  })
/** As a host does that claims in a transaction of its own. */
const inTransaction =
  (call: (db: Db) => Promise<Claimed>) =>
  async (db: Db): Promise<Claimed> =>
    await db.transaction().execute(call)
const update = (queue: string, patch: WorkQueueUpdate) => (db: Db) => updateWorkQueue(db, queue, patch)
const updatePool = (patch: WorkPoolUpdate) => (db: Db) => updateWorkPool(db, pool, patch)
const enter = (run: number, type: StateType) => async (db: Db) =>
  (await setFlowRunState(db, runs[run] ?? '', { type })).stateType
const release = async (db: Db): Promise<Claimed> => ({
  claimed: (await releaseStaleClaims(db, { pendingBefore: new Date('2021-01-01') })).map(({ id }) => id),
})
const markLate = async (db: Db): Promise<Claimed> => ({
  claimed: (await markLateFlowRuns(db, { scheduledBefore: new Date() })).map(({ id }) => id),
})

describeRaces('races of claims', {
  'two claims of one slot of a queue': { arrange: places({ a: 1 }), calls: [claim(a), inTransaction(claim(a))] },
  'two claims of one slot of a pool, by two queues': { arrange: places({ pool: 1 }), calls: [claim(a), claim(b)] },
  'two claims of one slot of a pool, by queue and over pools': {
    arrange: places({ pool: 1 }),
    calls: [claim(b), inTransaction(claimOverPools())],
  },
  'three claims of two slots of a queue and three of its pool': {
    arrange: places({ pool: 3, a: 2 }),
    calls: [claim(a, 1), claimOverPools(1), inTransaction(claim(a))],
    mayTakeFewer: true,
  },
  'two claims of a queue without limits': {
    arrange: places({}),
    calls: [claim(a, 1), claim(a, 1)],
    mayTakeFewer: true,
  },
  'two claims without limits, by queue and over pools': {
    arrange: places({}),
    calls: [claim(a, 2), claimOverPools(2)],
    mayTakeFewer: true,
  },
  'claims of runs known by a name alone, by the queue and by one of that name elsewhere': {
    arrange: named({ queue: 1 }),
    calls: [claim(a), claim(b)],
  },
  'claims of runs known by a name alone, and over pools of runs of that queue': {
    arrange: named({ queue: 2 }),
    calls: [claim(a, 1), inTransaction(claimOverPools(1)), claim(a)],
    mayTakeFewer: true,
  },
  'claims of runs known by a name alone, and over pools, of slots of the pool': {
    arrange: named({ pool: 1, queue: 3 }),
    calls: [claim(a, 1), inTransaction(claimOverPools(1)), claim(a)],
    mayTakeFewer: true,
  },
  'claim of runs known by a name alone, and a new limit of their queue': {
    arrange: named({ queue: 3 }),
    calls: [claim(a), update(a, { concurrencyLimit: 1 }), claimOverPools(1)],
    mayTakeFewer: true,
  },
  'claim and pause': { arrange: places({}), calls: [claim(a), update(a, { isPaused: true })] },
  'claim and pause of a limited queue': { arrange: places({ a: 2 }), calls: [claim(a), update(a, { isPaused: true })] },
  'claim and pause of the pool': { arrange: places({}), calls: [claimOverPools(), updatePool({ isPaused: true })] },
  'claim and lower the limit': {
    arrange: places({ a: 3 }),
    calls: [claim(a, 1), update(a, { concurrencyLimit: 1 }), claimOverPools(1)],
    mayTakeFewer: true,
  },
  'claim and lower the limit of the pool': {
    arrange: places({ pool: 3 }),
    calls: [claim(a, 1), updatePool({ concurrencyLimit: 1 }), claim(b, 1)],
  },
  // More of the kind in races-of-locks.test.ts.
  'claim and give a limit to an unlimited queue': {
    arrange: places({}),
    calls: [inTransaction(claim(a, 1)), update(a, { concurrencyLimit: 1 }), inTransaction(claim(a, 1))],
    mayTakeFewer: true,
  },
  'claim and give a limit to an unlimited pool': {
    arrange: places({}),
    calls: [inTransaction(claim(a, 1)), updatePool({ concurrencyLimit: 1 }), inTransaction(claim(a, 1))],
    mayTakeFewer: true,
  },
  'claim and take the limit of a queue away': {
    arrange: places({ a: 1 }),
    calls: [claim(a, 2), update(a, { concurrencyLimit: null }), claimOverPools(1)],
    mayTakeFewer: true,
  },
  'claim and delete queue': { arrange: places({ a: 2 }), calls: [claim(a), (db) => deleteWorkQueue(db, a)] },
  'claim over pools and delete queue': {
    arrange: places({}),
    calls: [claimOverPools(), (db) => deleteWorkQueue(db, a)],
    mayTakeFewer: true,
  },
  'claim and delete pool': {
    arrange: places({ pool: 3 }),
    calls: [claimOverPools(), (db) => deleteWorkPool(db, pool)],
    mayTakeFewer: true,
  },
  'claim and the end of a run that frees its slot': {
    arrange: places({ pool: 3, a: 3 }, 'RUNNING'),
    calls: [claim(b), enter(0, 'COMPLETED'), claimOverPools()],
  },
  'two states of one run': { arrange: places({}, 'PENDING'), calls: [enter(0, 'RUNNING'), enter(0, 'RUNNING')] },
  'claim and a mark for being late': {
    arrange: places({ a: 2 }),
    calls: [claim(a), markLate],
    mayTakeFewer: true,
  },
  'claim and create of runs': {
    arrange: places({ a: 9 }),
    calls: [claim(a), async (db) => (await createFlowRuns(db, [{ name: 'new', workQueueId: a }])).length],
  },
  'release, release and the start of a run': {
    arrange: places({}, 'PENDING'),
    calls: [release, release, enter(1, 'RUNNING')],
    mayTakeFewer: true,
  },
  'release and claim': { arrange: places({ a: 3 }, 'PENDING'), calls: [release, claim(a)], mayTakeFewer: true },
})
