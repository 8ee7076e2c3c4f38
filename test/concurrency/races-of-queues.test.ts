import type { Kysely } from 'kysely'
import {
  bulkUpdateWorkQueuePriorities,
  createFlowRuns,
  createWorkPool,
  createWorkQueue,
  deleteWorkPool,
  deleteWorkQueue,
  ensureWorkPoolExists,
  ensureWorkQueueExists,
  markWorkPoolsNotReady,
  recordWorkerHeartbeat,
  recordWorkQueuePolls,
  updateWorkQueue,
  type WorkQueueCreate,
  type WorkQueueTables,
} from 'kysely-work-queues'
import { type Factory, testId } from '../support/factory.js'
import { describeRaces } from './stepping/describe-races.js'

type Db = Kysely<WorkQueueTables>

const [pool, a, b, c, run] = [testId(1, 1), testId(1, 2), testId(2, 2), testId(3, 2), testId(1, 3)]
const nothing = async (): Promise<void> => {}

/** A pool of three queues and its default queue, and a run of the first. */
async function poolOfQueues(make: Factory, name = 'pool'): Promise<void> {
  const work_pool_id = await make.pool({ id: pool, name, status: 'READY' })
  for (const [n, id] of [a, b, c].entries()) await make.queue({ id, name: `q${n}`, priority: n + 2, work_pool_id })
  await make.run({ id: run, name: 'run', work_queue_id: a })
}

const agentQueues = async (make: Factory): Promise<void> => await poolOfQueues(make, 'default-agent-pool')

const create = (input: WorkQueueCreate) => async (db: Db) => (await createWorkQueue(db, input)).id
const ensure = (name: string) => async (db: Db) => (await ensureWorkQueueExists(db, name)).id
const ensureInPool = (name: string) => async (db: Db) =>
  (await ensureWorkQueueExists(db, name, { workPoolId: pool })).id
const ensurePool = async (db: Db): Promise<unknown> => {
  const { workPool, created } = await ensureWorkPoolExists(db, { name: 'default-agent-pool' })
  return { id: workPool.id, created }
}
const inPool = (name: string, priority?: number) => create({ name, workPoolId: pool, priority })
const createNamed = (workQueueName: string) => async (db: Db) =>
  (await createFlowRuns(db, [{ name: `new of ${workQueueName}`, workQueueName }])).map((created) => created.workQueueId)
const heartbeat = async (db: Db): Promise<string> => (await recordWorkerHeartbeat(db, pool, 'worker')).status

describeRaces('races of queues', {
  'create and create, with no default pool yet': {
    arrange: nothing,
    calls: [create({ name: 'a' }), create({ name: 'default' })],
  },
  'create and create of one name': { arrange: nothing, calls: [create({ name: 'a' }), create({ name: 'a' })] },
  'create and create, both with priority 1': { arrange: poolOfQueues, calls: [inPool('x', 1), inPool('y', 1)] },
  'ensure and ensure, with no default pool yet': { arrange: nothing, calls: [ensure('etl'), ensure('etl')] },
  'ensure, ensure and create of the default pool': {
    arrange: nothing,
    calls: [
      ensure('etl'),
      ensure('default'),
      async (db) => (await createWorkPool(db, { name: 'default-agent-pool' })).defaultQueueId,
    ],
  },
  'ensure and ensure in one pool': { arrange: poolOfQueues, calls: [ensureInPool('x'), ensureInPool('x')] },
  'ensure in a pool and delete of the pool': {
    arrange: poolOfQueues,
    calls: [ensureInPool('x'), (db) => deleteWorkPool(db, pool)],
  },
  'ensure and ensure of a pool': { arrange: nothing, calls: [ensurePool, ensurePool] },
  'ensure of a pool and of a queue in it': { arrange: nothing, calls: [ensurePool, ensure('etl')] },
  'delete and create of one name': { arrange: poolOfQueues, calls: [(db) => deleteWorkQueue(db, a), inPool('q0')] },
  'delete and create of runs': {
    arrange: poolOfQueues,
    calls: [
      (db) => deleteWorkQueue(db, a),
      async (db) => (await createFlowRuns(db, [{ name: 'new', workQueueId: a }])).map(({ id }) => id),
    ],
  },
  'delete and create of runs by its name': {
    arrange: agentQueues,
    calls: [(db) => deleteWorkQueue(db, a), createNamed('q0')],
  },
  'rename and create of runs by its name': {
    arrange: agentQueues,
    calls: [(db) => updateWorkQueue(db, a, { name: 'x' }), createNamed('q0'), createNamed('x')],
  },
  'delete of a pool and create in it': {
    arrange: poolOfQueues,
    calls: [(db) => deleteWorkPool(db, pool), inPool('x')],
  },
  'delete of a pool and a heartbeat': { arrange: poolOfQueues, calls: [(db) => deleteWorkPool(db, pool), heartbeat] },
  'a heartbeat and a mark for want of workers': {
    arrange: poolOfQueues,
    calls: [heartbeat, async (db) => (await markWorkPoolsNotReady(db)).map(({ id }) => id)],
    // Neither sees what the other writes, and they write different rows. The worker's next heartbeat turns the pool READY.
    writeSkew: {
      at: 'repeatable read',
      order: [1, 0],
      but: (outcome) => ({ ...outcome, pools: outcome.pools.map((pool) => ({ ...pool, status: 'NOT_READY' })) }),
    },
  },
  'reprioritise and create': {
    arrange: poolOfQueues,
    calls: [(db) => bulkUpdateWorkQueuePriorities(db, pool, { [c]: 1, [a]: 5 }), inPool('x', 1)],
  },
  'reprioritise, reprioritise and delete': {
    arrange: poolOfQueues,
    calls: [
      (db) => updateWorkQueue(db, a, { priority: 3 }),
      (db) => bulkUpdateWorkQueuePriorities(db, pool, { [c]: 1, [b]: 2 }),
      (db) => deleteWorkQueue(db, b),
    ],
  },
  'rename, rename and create of one name': {
    arrange: poolOfQueues,
    calls: [(db) => updateWorkQueue(db, a, { name: 'x' }), (db) => updateWorkQueue(db, b, { name: 'x' }), inPool('x')],
  },
  'pause and resume': {
    arrange: async (make) => {
      await poolOfQueues(make)
      await make.set('work_queue', a, { is_paused: true, status: 'PAUSED' })
    },
    calls: [(db) => updateWorkQueue(db, a, { isPaused: false }), (db) => updateWorkQueue(db, a, { isPaused: true })],
  },
  'pause and a record of polls': {
    arrange: poolOfQueues,
    calls: [
      (db) => updateWorkQueue(db, a, { isPaused: true }),
      (db) => recordWorkQueuePolls(db, { polledWorkQueueIds: [c, b, a], readyWorkQueueIds: [a, b] }),
    ],
  },
})
