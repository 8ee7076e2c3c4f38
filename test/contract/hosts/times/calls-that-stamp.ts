import {
  bulkUpdateWorkQueuePriorities,
  claimRunsInWorkQueue,
  claimScheduledFlowRuns,
  cancelFlowRun,
  createFlowRun,
  createFlowRuns,
  createWorkPool,
  createWorkQueue,
  deleteWorkQueue,
  ensureWorkPoolExists,
  ensureWorkQueueExists,
  markLateFlowRuns,
  markWorkersOffline,
  markWorkPoolsNotReady,
  markWorkQueuesNotReady,
  recordWorkerHeartbeat,
  recordWorkQueuePolls,
  releaseExpiredLeases,
  releaseStaleClaims,
  retryFlowRun,
  setFlowRunState,
  setFlowRunStates,
  updateWorkPool,
  updateWorkQueue,
} from 'kysely-work-queues'
import { testId } from '../../../support/factory.js'
import type { Contract } from '../../../support/describe-databases.js'

/** Every function that writes a time, with what it writes about. */
export const writes: Record<string, (t: Contract) => Promise<() => Promise<unknown>>> = {
  createWorkPool:
    async ({ db }) =>
    () =>
      createWorkPool(db, { name: 'new' }),
  'createWorkQueue in the default pool':
    async ({ db }) =>
    () =>
      createWorkQueue(db, { name: 'new' }),
  ensureWorkPoolExists:
    async ({ db }) =>
    () =>
      ensureWorkPoolExists(db, { name: 'new' }),
  ensureWorkQueueExists:
    async ({ db }) =>
    () =>
      ensureWorkQueueExists(db, 'new'),
  'createWorkQueue in the way of another': async ({ db, make }) => {
    const workPoolId = await make.pool()
    return () => createWorkQueue(db, { name: 'new', workPoolId, priority: 1 })
  },
  bulkUpdateWorkQueuePriorities: async ({ db, make }) => {
    const work_pool_id = await make.pool()
    const queue = await make.queue({ work_pool_id })
    return () => bulkUpdateWorkQueuePriorities(db, work_pool_id, { [queue]: 1 })
  },
  deleteWorkQueue: async ({ db, make }) => {
    const work_pool_id = await make.pool()
    // Of equal priorities, as something else may leave them, one moves.
    const queue = await make.queue({ work_pool_id })
    await make.queue({ work_pool_id, priority: 1 })
    return () => deleteWorkQueue(db, queue)
  },
  updateWorkQueue: async ({ db, make }) => {
    const id = await make.queue()
    return () => updateWorkQueue(db, id, { description: 'new', isPaused: true })
  },
  updateWorkPool: async ({ db, make }) => {
    const id = await make.pool()
    return () => updateWorkPool(db, id, { isPaused: true })
  },
  'recordWorkQueuePolls of one queue': async ({ db, make }) => {
    const id = await make.queue({ last_polled: new Date(0) })
    return () => recordWorkQueuePolls(db, { polledWorkQueueIds: [id], readyWorkQueueIds: [] })
  },
  'recordWorkQueuePolls of two queues': async ({ db, make }) => {
    const ids = [await make.queue(), await make.queue()]
    return () => recordWorkQueuePolls(db, { polledWorkQueueIds: ids, readyWorkQueueIds: ids })
  },
  'recordWorkerHeartbeat of a new worker': async ({ db, make }) => {
    const id = await make.pool({ status: 'NOT_READY' })
    return () => recordWorkerHeartbeat(db, id, 'worker')
  },
  'recordWorkerHeartbeat of a known worker': async ({ db, make }) => {
    const work_pool_id = await make.pool()
    await make.worker({ work_pool_id, name: 'worker', last_heartbeat_time: new Date(0) })
    return () => recordWorkerHeartbeat(db, work_pool_id, 'worker')
  },
  markWorkersOffline: async ({ db, make }) => {
    await make.worker({ work_pool_id: await make.pool(), last_heartbeat_time: new Date(0) })
    return () => markWorkersOffline(db)
  },
  markWorkPoolsNotReady: async ({ db, make }) => {
    await make.pool({ status: 'READY' })
    return () => markWorkPoolsNotReady(db)
  },
  markWorkQueuesNotReady: async ({ db, make }) => {
    await make.queue({ status: 'READY', last_polled: new Date(0) })
    return () => markWorkQueuesNotReady(db, { lastPolledBefore: new Date(1) })
  },
  createFlowRuns: async ({ db, make }) => {
    const workQueueId = await make.queue()
    return () => createFlowRuns(db, [{ workQueueId }, { stateType: 'RUNNING' }])
  },
  setFlowRunState: async ({ db, make }) => {
    const id = await make.run()
    return () => setFlowRunState(db, id, { type: 'RUNNING' })
  },
  setFlowRunStates: async ({ db, make }) => {
    const ids = [await make.run(), await make.run({ state_type: 'RUNNING' })]
    return () =>
      setFlowRunStates(
        db,
        ids.map((id) => ({ id, type: 'COMPLETED' })),
      )
  },
  createFlowRun: async ({ db, make }) => {
    const workQueueId = await make.queue()
    return () => createFlowRun(db, { workQueueId })
  },
  cancelFlowRun: async ({ db, make }) => {
    const id = await make.run()
    return () => cancelFlowRun(db, id)
  },
  retryFlowRun: async ({ db, make }) => {
    const id = await make.run({ state_type: 'FAILED' })
    return () => retryFlowRun(db, id)
  },
  claimRunsInWorkQueue: async ({ db, make }) => {
    const id = await make.queue()
    await make.run({ work_queue_id: id, next_scheduled_start_time: new Date(0), expected_start_time: new Date(0) })
    return () => claimRunsInWorkQueue(db, id)
  },
  claimScheduledFlowRuns: async ({ db, make }) => {
    await make.run({
      work_queue_id: await make.queue(),
      next_scheduled_start_time: new Date(0),
      expected_start_time: new Date(0),
    })
    return () => claimScheduledFlowRuns(db)
  },
  releaseExpiredLeases: async ({ db, make }) => {
    const state_id = testId(1, 4)
    const flow_run_id = await make.run({ state_type: 'RUNNING', state_timestamp: new Date(0) })
    await make.lease({ flow_run_id, state_id, acquired_at: new Date(0), expires_at: new Date(1) })
    return () => releaseExpiredLeases(db)
  },
  releaseStaleClaims: async ({ db, make }) => {
    await make.run({ state_type: 'PENDING', state_timestamp: new Date(0) })
    return () => releaseStaleClaims(db, { pendingBefore: new Date(1) })
  },
  markLateFlowRuns: async ({ db, make }) => {
    await make.run({ next_scheduled_start_time: new Date(0), expected_start_time: new Date(0) })
    return () => markLateFlowRuns(db, { scheduledBefore: new Date(1) })
  },
}
