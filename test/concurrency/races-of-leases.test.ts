import type { Kysely } from 'kysely'
import {
  claimRunsInWorkQueue,
  claimScheduledFlowRuns,
  releaseExpiredLeases,
  releaseStaleClaims,
  renewLeases,
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
/** The states that the runs are in, as their holder knows them. */
const claims = [1, 2, 3].map((n) => testId(n, 4))
const long = new Date('2020-01-01T00:00:00Z')
const expired = new Date('2021-01-01T00:00:00Z')

/** A queue with three runs in one state, of which `w-1` holds expired leases. */
const heldIn =
  (type: StateType, limit: number | null = null) =>
  async (make: Factory): Promise<void> => {
    await make.pool({ id: pool, name: 'pool' })
    await make.queue({ id: queue, name: 'queue', priority: 2, work_pool_id: pool, concurrency_limit: limit })
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
    for (const [n, flow_run_id] of runs.entries()) {
      await make.lease({ flow_run_id, state_id: claims[n] ?? '', acquired_at: long, expires_at: expired })
    }
  }

/** The same, of runs that wait again: the leases are void. */
const voidLeases = heldIn('SCHEDULED')

const inTransaction =
  <T>(call: (db: Db) => Promise<T>) =>
  async (db: Db): Promise<T> =>
    await db.transaction().execute(call)
const claim =
  (holder?: string, limit?: number) =>
  async (db: Db): Promise<Claimed> => ({
    claimed: (await claimRunsInWorkQueue(db, queue, { holder, limit })).runs.map(({ id }) => id),
  })
const claimOverPools = async (db: Db): Promise<Claimed> => ({
  claimed: (await claimScheduledFlowRuns(db, { holder: 'w-3' })).map(({ flowRun }) => flowRun.id),
})
const release = async (db: Db): Promise<Claimed> => ({
  claimed: (await releaseExpiredLeases(db, { runningTo: 'SCHEDULED' })).map(({ id }) => id),
})
const releaseOne = async (db: Db): Promise<Claimed> => ({
  claimed: (await releaseExpiredLeases(db, { limit: 1 })).map(({ id }) => id),
})
const releaseStale = async (db: Db): Promise<Claimed> => ({
  claimed: (await releaseStaleClaims(db, { pendingBefore: expired })).map(({ id }) => id),
})
const renew = (order?: readonly number[]) => async (db: Db) =>
  await renewLeases(db, 'w-1', { flowRunIds: order?.map((n) => runs[n] ?? '') })
/** What a holder does that does not know that it has lost the run. */
const enterAsHeld = (n: number, type: StateType) => async (db: Db) =>
  (await setFlowRunState(db, runs[n] ?? '', { type }, { expectedStateId: claims[n] })).stateType
const enter = (n: number, type: StateType) => async (db: Db) =>
  (await setFlowRunState(db, runs[n] ?? '', { type })).stateType
const enterAllAsHeld = (type: StateType) => async (db: Db) => {
  const changes = [2, 0, 1].map((n) => ({ id: runs[n] ?? '', type, expectedStateId: claims[n] }))
  const { changed, conflicts } = await setFlowRunStates(db, changes)
  return { changed: changed.map(({ id }) => id), conflicts: conflicts.map(({ id, stateType }) => [id, stateType]) }
}

// What happens between a statement's snapshot and its locks is no step of these: renewals-beside-releases.test.ts has it.
describeRaces('races of leases', {
  'a release and a renewal': { arrange: heldIn('PENDING'), calls: [release, renew()] },
  'a release and a renewal of RUNNING runs, each in a transaction': {
    arrange: heldIn('RUNNING'),
    calls: [inTransaction(release), inTransaction(renew([2, 0]))],
    mayTakeFewer: true,
  },
  'a release, and the start by a holder that has stalled': {
    arrange: heldIn('PENDING'),
    calls: [release, enterAsHeld(0, 'RUNNING'), inTransaction(enterAsHeld(1, 'RUNNING'))],
    mayTakeFewer: true,
  },
  'a release and a claim anew, and the end by a holder that has stalled': {
    arrange: heldIn('RUNNING'),
    calls: [release, claim('w-2'), enterAsHeld(0, 'COMPLETED')],
    mayTakeFewer: true,
  },
  'a release and a claim for nobody, and the end of all by a holder that has stalled': {
    arrange: heldIn('PENDING'),
    calls: [inTransaction(release), claim(), enterAllAsHeld('COMPLETED')],
    mayTakeFewer: true,
  },
  'a release, and a run that waits and is claimed anew without a holder': {
    arrange: heldIn('PENDING'),
    calls: [
      release,
      async (db) => [await enter(0, 'SCHEDULED')(db), (await claim(undefined, 1)(db)).claimed.length],
      enterAsHeld(1, 'COMPLETED'),
    ],
    mayTakeFewer: true,
  },
  'two releases and a renewal': {
    arrange: heldIn('PENDING'),
    calls: [release, inTransaction(release), renew([1, 0])],
    mayTakeFewer: true,
  },
  'a release of leases, one of stale claims, and the end of a run': {
    arrange: heldIn('PENDING'),
    calls: [release, releaseStale, enter(1, 'COMPLETED')],
    mayTakeFewer: true,
  },
  'two renewals of one holder, in two orders': {
    arrange: heldIn('RUNNING'),
    calls: [inTransaction(renew([0, 1, 2])), inTransaction(renew([2, 1, 0])), renew()],
  },
  'a renewal, and the end of runs that it holds': {
    arrange: heldIn('RUNNING'),
    calls: [inTransaction(renew()), enter(0, 'COMPLETED'), enter(2, 'CANCELLING')],
  },
  'claims for holders in place of void leases, and who drops these': {
    arrange: voidLeases,
    calls: [claim('w-2'), renew(), release],
    mayTakeFewer: true,
  },
  'a claim over pools in place of void leases, a claim for nobody, and who drops these': {
    arrange: voidLeases,
    calls: [inTransaction(claimOverPools), claim(undefined, 1), inTransaction(renew())],
    mayTakeFewer: true,
  },
  'a claim of a limited queue, whose slots a release frees': {
    arrange: heldIn('RUNNING', 3),
    calls: [claim('w-2'), releaseOne, release],
    mayTakeFewer: true,
  },
})
