import type { Kysely } from 'kysely'
import {
  createFlowRun,
  markFlowRunsCancelled,
  markWorkersOffline,
  pruneFlowRuns,
  pruneWorkers,
  recordWorkerHeartbeat,
  retryFlowRun,
  runUpkeep,
  setFlowRunState,
  setFlowRunStates,
  type StateType,
  type WorkQueueTables,
} from 'kysely-work-queues'
import { type Factory, testId } from '../support/factory.js'
import { describeRaces } from './stepping/describe-races.js'
import type { Claimed } from './stepping/outcome.js'

type Db = Kysely<WorkQueueTables>

const [pool, queue, flow] = [testId(1, 1), testId(1, 2), testId(1, 5)]
const runs = [1, 2, 3].map((n) => testId(n, 3))
const long = new Date('2020-01-01T00:00:00Z')
const since = new Date('2021-01-01T00:00:00Z')

/** A queue with three runs in one state since long ago, each with its history and a key. */
const runsIn =
  (type: StateType) =>
  async (make: Factory): Promise<void> => {
    await make.pool({ id: pool, name: 'pool' })
    await make.queue({ id: queue, name: 'queue', priority: 2, work_pool_id: pool })
    await make.runs(
      runs.map((id, n) => ({
        id,
        name: `run ${n}`,
        work_queue_id: queue,
        flow_id: flow,
        idempotency_key: `key ${n}`,
        state_type: type,
        state_timestamp: long,
        end_time: type === 'CANCELLING' ? null : new Date(long.getTime() + n),
      })),
    )
    const states = runs.map((flow_run_id) => ({ flow_run_id, type, name: 'state', timestamp: long }))
    await make.rows('flow_run_state', states)
  }

/** Two workers that were silent for long. */
const workersThatAre =
  (status: 'ONLINE' | 'OFFLINE') =>
  async (make: Factory): Promise<void> => {
    await make.pool({ id: pool, name: 'pool', status: 'READY' })
    for (const name of ['a', 'b']) {
      await make.worker({
        id: testId(name === 'a' ? 1 : 2, 6),
        name,
        work_pool_id: pool,
        status,
        last_heartbeat_time: long,
      })
    }
  }

const inTransaction =
  <T>(call: (db: Db) => Promise<T>) =>
  async (db: Db): Promise<T> =>
    await db.transaction().execute(call)
const prune =
  (limit?: number, workQueueIds?: string[]) =>
  async (db: Db): Promise<string[]> =>
    await pruneFlowRuns(db, { finishedBefore: since, limit, workQueueIds })
const retry = (n: number) => async (db: Db) => (await retryFlowRun(db, runs[n] ?? '')).stateName
const enter = (n: number, type: StateType) => async (db: Db) =>
  (await setFlowRunState(db, runs[n] ?? '', { type })).stateType
const endAnew = (n: number) => async (db: Db) => [await enter(n, 'RUNNING')(db), await enter(n, 'FAILED')(db)]
const enterAll = (order: readonly number[], type: StateType) => async (db: Db) => {
  const { changed, missing } = await setFlowRunStates(
    db,
    order.map((n) => ({ id: runs[n] ?? '', type })),
  )
  return [changed.map(({ id }) => id), missing]
}
const cancelStuck = async (db: Db): Promise<Claimed> => ({
  claimed: (await markFlowRunsCancelled(db, { cancellingBefore: since })).map(({ id }) => id),
})
const forget = async (db: Db) => (await pruneWorkers(db, { lastHeartbeatBefore: since })).map(({ name }) => name)
const beat = (name: string) => async (db: Db) => (await recordWorkerHeartbeat(db, pool, name)).status
const upkeep = async (db: Db) => {
  const { changed } = await runUpkeep(db, { pruneWorkersAfterSeconds: 0, pruneFlowRunsAfterSeconds: 0 })
  return changed
}

describeRaces('races of upkeep', {
  'a run that is pruned, its retry, and its retry once more': {
    arrange: runsIn('FAILED'),
    calls: [prune(), retry(0), inTransaction(retry(1))],
  },
  'a run that is pruned in a transaction, and its retry': {
    arrange: runsIn('CRASHED'),
    calls: [inTransaction(prune(2)), retry(0), inTransaction(retry(2))],
  },
  'a run that is pruned by its queue, and set to run again': {
    arrange: runsIn('COMPLETED'),
    calls: [prune(undefined, [queue]), inTransaction(enter(0, 'RUNNING')), enterAll([2, 1], 'PAUSED')],
  },
  // One that goes from one end to another has ended when it did.
  'a run that is pruned, another that ends anew, and one that is said to have ended otherwise': {
    arrange: runsIn('COMPLETED'),
    calls: [prune(), inTransaction(endAnew(1)), enter(2, 'CANCELLED')],
  },
  'runs that are pruned by three at once': {
    arrange: runsIn('COMPLETED'),
    calls: [inTransaction(prune(1)), prune(1), inTransaction(prune(1, [queue]))],
  },
  'a run that is pruned, and one with its key': {
    arrange: runsIn('COMPLETED'),
    calls: [
      prune(),
      ...['one', 'two'].map((name) => async (db: Db) => {
        const input = { name, workQueueId: queue, flowId: flow, idempotencyKey: 'key 0' }
        const { flowRun, created } = await createFlowRun(db, input)
        return [flowRun.name, created]
      }),
    ],
  },
  'a run that is CANCELLING for long, its end, and its end by who ran it': {
    arrange: runsIn('CANCELLING'),
    calls: [cancelStuck, inTransaction(enter(0, 'CANCELLED')), inTransaction(enterAll([2, 1], 'COMPLETED'))],
    mayTakeFewer: true,
  },
  'runs that are CANCELLING for long, ended twice': {
    arrange: runsIn('CANCELLING'),
    calls: [inTransaction(cancelStuck), cancelStuck],
    mayTakeFewer: true,
  },
  'a worker that is forgotten, and its heartbeat': {
    arrange: workersThatAre('OFFLINE'),
    calls: [forget, beat('a'), inTransaction(beat('b'))],
  },
  'a worker that is forgotten in a transaction, and its heartbeat twice': {
    arrange: workersThatAre('OFFLINE'),
    calls: [inTransaction(forget), beat('a'), beat('a')],
  },
  'a worker that is marked OFFLINE, forgotten, and heard of': {
    arrange: workersThatAre('ONLINE'),
    calls: [async (db) => (await markWorkersOffline(db)).map(({ name }) => name), forget, beat('a')],
  },
  'all upkeep in a transaction, a heartbeat, and all upkeep': {
    arrange: workersThatAre('OFFLINE'),
    calls: [inTransaction(upkeep), beat('a'), inTransaction(beat('b'))],
  },
})
