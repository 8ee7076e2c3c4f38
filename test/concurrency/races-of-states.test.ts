import type { Kysely } from 'kysely'
import {
  cancelFlowRun,
  claimRunsInWorkQueue,
  createFlowRun,
  releaseStaleClaims,
  retryFlowRun,
  setFlowRunState,
  setFlowRunStates,
  type StateType,
  type WorkQueueTables,
} from 'kysely-work-queues'
import { type Factory, testId } from '../support/factory.js'
import { describeRaces } from './stepping/describe-races.js'
import type { Claimed } from './stepping/outcome.js'

type Db = Kysely<WorkQueueTables>

const [pool, queue] = [testId(1, 1), testId(1, 2)]
const runs = [1, 2, 3].map((n) => testId(n, 3))
/** The states that the runs are in, as whoever claimed them knows them. */
const claims = [1, 2, 3].map((n) => testId(n, 4))
const long = new Date('2020-01-01T00:00:00Z')

/** A queue with three runs in one state. */
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
        state_id: claims[n] ?? '',
        state_type: type,
        state_timestamp: long,
        next_scheduled_start_time: long,
      })),
    )
    const name = type.charAt(0) + type.slice(1).toLowerCase()
    await make.rows(
      'flow_run_state',
      runs.map((flow_run_id, n) => ({ id: claims[n] ?? '', flow_run_id, type, name, timestamp: long })),
    )
  }

const inTransaction =
  <T>(call: (db: Db) => Promise<T>) =>
  async (db: Db): Promise<T> =>
    await db.transaction().execute(call)
const claim = async (db: Db): Promise<Claimed> => ({
  claimed: (await claimRunsInWorkQueue(db, queue)).runs.map(({ id }) => id),
})
const release = async (db: Db): Promise<Claimed> => ({
  claimed: (await releaseStaleClaims(db, { pendingBefore: new Date('2021-01-01') })).map(({ id }) => id),
})
/** What the first claimer of a run does, who does not know whether it still is its own. */
const enterAsClaimed = (n: number, type: StateType) => async (db: Db) =>
  (await setFlowRunState(db, runs[n] ?? '', { type }, { expectedStateId: claims[n] })).stateType
/** The same with many runs, in this order. */
const enterAllAsClaimed = (order: readonly number[], type: StateType) => async (db: Db) => {
  const { changed, conflicts } = await setFlowRunStates(
    db,
    order.map((n) => ({ id: runs[n] ?? '', type, expectedStateId: claims[n] })),
  )
  return { changed: changed.map(({ id }) => id), conflicts: conflicts.map(({ id, stateType }) => [id, stateType]) }
}
const enterAll = (order: readonly number[], type: StateType) => async (db: Db) => {
  const { changed } = await setFlowRunStates(
    db,
    order.map((n) => ({ id: runs[n] ?? '', type })),
  )
  return changed.map(({ runCount }) => runCount)
}
const cancel = async (db: Db) => (await cancelFlowRun(db, runs[0] ?? '')).stateType
const retry = async (db: Db) => (await retryFlowRun(db, runs[0] ?? '')).stateName

describeRaces('races of states', {
  'a claim that is released, and its start by who had it': {
    arrange: runsIn('PENDING'),
    calls: [release, enterAsClaimed(0, 'RUNNING'), inTransaction(enterAsClaimed(1, 'RUNNING'))],
    mayTakeFewer: true,
  },
  'a claim that is released and claimed anew, and its start by who had it': {
    arrange: runsIn('PENDING'),
    calls: [inTransaction(release), inTransaction(claim), inTransaction(enterAsClaimed(0, 'RUNNING'))],
    mayTakeFewer: true,
  },
  'a claim that is released and claimed anew, and its end by who had it': {
    arrange: runsIn('PENDING'),
    calls: [release, claim, enterAsClaimed(0, 'COMPLETED')],
    mayTakeFewer: true,
  },
  'claims that are released and claimed anew, and the end of all by who had them': {
    arrange: runsIn('PENDING'),
    calls: [inTransaction(release), claim, enterAllAsClaimed([2, 0, 1], 'COMPLETED')],
    mayTakeFewer: true,
  },
  'the start of a claim, twice': {
    arrange: runsIn('PENDING'),
    calls: [inTransaction(enterAsClaimed(0, 'RUNNING')), enterAsClaimed(0, 'RUNNING')],
  },
  'the start and the end of many claims, twice and in two orders': {
    arrange: runsIn('PENDING'),
    calls: [
      inTransaction(enterAllAsClaimed([0, 1, 2], 'RUNNING')),
      inTransaction(enterAllAsClaimed([2, 1, 0], 'FAILED')),
    ],
  },
  'starts of many runs in two orders, and of one': {
    arrange: runsIn('PENDING'),
    calls: [
      enterAll([0, 1, 2], 'RUNNING'),
      inTransaction(enterAll([2, 1, 0], 'RUNNING')),
      inTransaction(enterAll([1], 'RUNNING')),
    ],
  },
  'starts of many runs, a claim and a release': {
    arrange: runsIn('PENDING'),
    calls: [enterAll([2, 0], 'RUNNING'), release, claim],
    mayTakeFewer: true,
  },
  'cancel, claim and start': {
    arrange: runsIn('SCHEDULED'),
    calls: [cancel, claim, enterAsClaimed(0, 'RUNNING')],
    mayTakeFewer: true,
  },
  'cancel, cancel and the end of a run': {
    arrange: runsIn('RUNNING'),
    calls: [cancel, inTransaction(cancel), enterAsClaimed(0, 'COMPLETED')],
  },
  'retry, retry and cancel': { arrange: runsIn('FAILED'), calls: [retry, inTransaction(retry), cancel] },
  'retry, and the claim that takes what is retried': {
    arrange: runsIn('CRASHED'),
    calls: [retry, claim],
    mayTakeFewer: true,
  },
  'one idempotency key, created twice': {
    arrange: runsIn('SCHEDULED'),
    calls: ['one', 'two'].map((name) => async (db: Db) => {
      const input = { name, workQueueId: queue, flowId: testId(9), idempotencyKey: 'key' }
      const { flowRun, created } = await createFlowRun(db, input)
      return [flowRun.name, created]
    }),
  },
})
