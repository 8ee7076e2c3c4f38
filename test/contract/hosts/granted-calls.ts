import type { Kysely } from 'kysely'
import * as library from 'kysely-work-queues'
import type { WorkQueueTables } from 'kysely-work-queues'
import { makeWorld, writingCalls } from '../../support/every-call.js'
import { type Factory, testId } from '../../support/factory.js'

/** A call on the rows of {@link makeGrantedWorld}. */
export type GrantedCall = (db: Kysely<WorkQueueTables>) => Promise<unknown>

// Of `makeWorld`: a pool, two of its queues, a run of the first that is due and one that is PENDING.
const pool = testId(1)
const limited = testId(3)
const unlimited = testId(4)
const scheduled = testId(5)
const pending = testId(6)
// And a queue without an open slot, one of its runs that is due, a queue with a tag filter.
const full = testId(7)
const waiting = testId(8)
const filtering = testId(9)

export async function makeGrantedWorld(make: Factory): Promise<void> {
  await makeWorld(make)
  await make.queue({ id: full, name: 'full', work_pool_id: pool, priority: 10, concurrency_limit: 1 })
  const filter = { tags: ['a'], deployment_ids: null }
  await make.queue({ id: filtering, name: 'filter', work_pool_id: pool, priority: 11, filter, concurrency_limit: 5 })
  const due = { work_queue_id: full, next_scheduled_start_time: new Date('2020-01-01T00:00:00Z') }
  const active = await make.run({ ...due, state_type: 'RUNNING' })
  await make.state({ flow_run_id: active, type: 'RUNNING', name: 'Running' })
  await make.run({ ...due, id: waiting, tags: ['a'], deployment_id: testId(10) })
}

const readingCalls: Record<string, GrantedCall> = {
  readWorkQueue: (db) => library.readWorkQueue(db, limited),
  'readWorkQueueByName, in a pool': (db) => library.readWorkQueueByName(db, 'a', { workPoolName: 'pool' }),
  readWorkQueueByName: (db) => library.readWorkQueueByName(db, 'a'),
  readWorkQueues: (db) => library.readWorkQueues(db, { workPoolId: pool }),
  countWorkQueues: (db) => library.countWorkQueues(db),
  readWorkQueueStatus: (db) => library.readWorkQueueStatus(db, limited),
  readWorkPool: (db) => library.readWorkPool(db, pool),
  readWorkPoolByName: (db) => library.readWorkPoolByName(db, 'pool'),
  readWorkPools: (db) => library.readWorkPools(db),
  countWorkPools: (db) => library.countWorkPools(db),
  readWorkers: (db) => library.readWorkers(db, pool),
  readLeases: (db) => library.readLeases(db, { workPoolIds: [pool] }),
  readFlowRun: (db) => library.readFlowRun(db, scheduled),
  readFlowRuns: (db) => library.readFlowRuns(db, { filter: { id: { any: [scheduled] } } }),
  countFlowRuns: (db) => library.countFlowRuns(db),
  countFlowRunsByState: (db) => library.countFlowRunsByState(db),
  readFlowRunStates: (db) => library.readFlowRunStates(db, pending),
  countWorkQueueActiveSlots: (db) => library.countWorkQueueActiveSlots(db, [limited]),
  countWorkPoolActiveSlots: (db) => library.countWorkPoolActiveSlots(db, [pool]),
  readWorkQueueSlotHolders: (db) => library.readWorkQueueSlotHolders(db, limited),
  readWorkPoolSlotHolders: (db) => library.readWorkPoolSlotHolders(db, pool),
  readWorkQueueStats: (db) => library.readWorkQueueStats(db),
  readWorkPoolStats: (db) => library.readWorkPoolStats(db),
  readNextStartTime: (db) => library.readNextStartTime(db),
  'readWorkPoolSlotHolders, as claims count': (db) => library.readWorkPoolSlotHolders(db, pool, { by: 'claim' }),
  explainFlowRun: (db) => library.explainFlowRun(db, scheduled),
  'explainFlowRun, of a run that is PENDING': (db) => library.explainFlowRun(db, pending),
  'explainFlowRun, of a queue that is full': (db) => library.explainFlowRun(db, waiting),
  explainWorkQueue: (db) => library.explainWorkQueue(db, limited),
  'explainWorkQueue, of a queue that is full': (db) => library.explainWorkQueue(db, full),
}

const pollingCalls: Record<string, GrantedCall> = {
  'getRunsInWorkQueue, with a limit': (db) => library.getRunsInWorkQueue(db, limited),
  'getRunsInWorkQueue, without a limit': (db) => library.getRunsInWorkQueue(db, unlimited),
  'getRunsInWorkQueue, with a tag filter': (db) => library.getRunsInWorkQueue(db, filtering),
  getScheduledFlowRuns: (db) => library.getScheduledFlowRuns(db, { workPoolIds: [pool] }),
}

/** Calls of every function, by its name and what is particular about the call. */
export const grantedCalls: Readonly<Record<string, GrantedCall>> = {
  ...readingCalls,
  ...pollingCalls,
  ...Object.fromEntries(
    Object.entries(pollingCalls).map(([name, call]) => [
      `${nameOf(name)} in a transaction, ${name}`,
      (db: Kysely<WorkQueueTables>) => db.transaction().execute(call),
    ]),
  ),
  ...Object.fromEntries(
    Object.entries(writingCalls).map(([name, call]) => [name, (db: Kysely<WorkQueueTables>) => call(db, () => {})]),
  ),
  'claimRunsInWorkQueue, without a limit': (db) =>
    library.claimRunsInWorkQueue(db, unlimited, { scheduledBefore: null }),
  'claimRunsInWorkQueue, without a limit, for a holder': (db) =>
    library.claimRunsInWorkQueue(db, unlimited, { scheduledBefore: null, holder: 'w-1' }),
  'claimRunsInWorkQueue, with a tag filter': (db) =>
    library.claimRunsInWorkQueue(db, filtering, { scheduledBefore: null }),
  'updateWorkPool, pause and resume': async (db) => {
    await library.updateWorkPool(db, pool, { isPaused: true })
    await library.updateWorkPool(db, pool, { isPaused: false })
  },
  'updateWorkQueue, pause and resume': async (db) => {
    await library.updateWorkQueue(db, limited, { isPaused: true })
    await library.updateWorkQueue(db, limited, { isPaused: false })
  },
  'createFlowRun, by the name of a queue': (db) => library.createFlowRun(db, { workQueueName: 'b' }),
  'createFlowRuns, of a run that exists': async (db) => {
    const input = { workQueueId: limited, flowId: testId(11), idempotencyKey: 'key' }
    await library.createFlowRuns(db, [input, { workQueueName: 'b' }])
    await library.createFlowRuns(db, [input])
  },
}

/** The function that a call is of, as docs/production.md names it. */
export function nameOf(call: string): string {
  return call.split(',')[0] ?? ''
}
