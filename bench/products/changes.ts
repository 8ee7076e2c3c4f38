import { randomUUID } from 'node:crypto'
import {
  bulkUpdateWorkQueuePriorities,
  claimRunsInWorkQueue,
  claimScheduledFlowRuns,
  createFlowRuns,
  createWorkQueue,
  deleteWorkPool,
  deleteWorkQueue,
  getRunsInWorkQueue,
  getScheduledFlowRuns,
  markLateFlowRuns,
  markWorkersOffline,
  markWorkPoolsNotReady,
  markWorkQueuesNotReady,
  recordWorkQueuePolls,
  releaseStaleClaims,
  updateWorkQueue,
} from 'kysely-work-queues'
import { all, type ProductCall } from './call.js'
import { now } from './product-world.js'

/** Polls, and what changes rows. */
export const changes: readonly ProductCall[] = [
  {
    title: 'getScheduledFlowRuns of the queues of a pool, by id',
    call: ({ db, queues, size }) =>
      getScheduledFlowRuns(db, { workQueueIds: queues, scheduledBefore: now, limit: size }),
    found: all,
  },
  {
    title: 'getScheduledFlowRuns of the queues of as many pools, by id',
    call: ({ db, queuesOfPools, size }) =>
      getScheduledFlowRuns(db, { workQueueIds: queuesOfPools, scheduledBefore: now, limit: size }),
    found: all,
  },
  {
    title: 'getScheduledFlowRuns of queues of one and of many pools, by id, whatever their priorities',
    call: ({ db, queuesOfPools, queues, size }) =>
      getScheduledFlowRuns(db, {
        workQueueIds: [...queuesOfPools, ...queues],
        scheduledBefore: now,
        limit: size,
        respectQueuePriorities: false,
      }),
    found: all,
  },
  {
    title: 'getScheduledFlowRuns of pools by id',
    call: ({ db, pools, size }) => getScheduledFlowRuns(db, { workPoolIds: pools, scheduledBefore: now, limit: size }),
    found: all,
  },
  {
    title: 'getScheduledFlowRuns of everything',
    call: ({ db, size }) => getScheduledFlowRuns(db, { scheduledBefore: now, limit: 2 * size }),
    found: ({ length }, { size }) => length === 2 * size,
  },
  {
    title: 'claimScheduledFlowRuns of the queues of a pool',
    call: ({ db, pool, size }) =>
      claimScheduledFlowRuns(db, { workPoolIds: [pool], scheduledBefore: now, limit: size }),
    found: all,
  },
  {
    title: 'claimScheduledFlowRuns of pools',
    call: ({ db, pools, size }) =>
      claimScheduledFlowRuns(db, { workPoolIds: pools, scheduledBefore: now, limit: size }),
    found: all,
  },
  {
    title: 'getRunsInWorkQueue of a filter',
    call: ({ db, filtering }) => getRunsInWorkQueue(db, filtering),
    found: ({ runs }) => runs.length === 1,
  },
  {
    title: 'claimRunsInWorkQueue of a filter',
    call: ({ db, filtering }) => claimRunsInWorkQueue(db, filtering),
    found: ({ runs }) => runs.length === 1,
  },
  {
    title: 'createFlowRuns',
    call: ({ db, keyed }) =>
      createFlowRuns(
        db,
        keyed.map((run) => ({ ...run, flowId: randomUUID() })),
      ),
    found: all,
  },
  {
    title: 'createFlowRuns of the queues',
    call: ({ db, queues }) =>
      createFlowRuns(
        db,
        queues.map((workQueueId) => ({ workQueueId })),
      ),
    found: all,
  },
  { title: 'createFlowRuns with keys that are there', call: ({ db, keyed }) => createFlowRuns(db, keyed), found: all },
  {
    title: 'createFlowRuns with keys of one flow, twice',
    call: async ({ db, keyed }) => {
      const flowId = randomUUID()
      const runs = keyed.map((run) => ({ ...run, flowId }))
      await createFlowRuns(db, runs)
      return await createFlowRuns(db, runs)
    },
    found: all,
  },
  { title: 'deleteWorkPool', call: ({ db, pool }) => deleteWorkPool(db, pool), found: Boolean },
  { title: 'deleteWorkQueue', call: ({ db, queues }) => deleteWorkQueue(db, queues[0] as string), found: Boolean },
  {
    title: 'createWorkQueue before all others',
    call: ({ db, pool }) => createWorkQueue(db, { name: 'new', workPoolId: pool, priority: 1 }),
    found: ({ priority }) => priority === 1,
  },
  {
    title: 'createWorkQueue after all others',
    call: ({ db, pool }) => createWorkQueue(db, { name: 'new', workPoolId: pool }),
    found: ({ priority }, { size }) => priority === size + 1,
  },
  {
    title: 'updateWorkQueue to the first place',
    call: ({ db, queues }) => updateWorkQueue(db, queues.at(-1) as string, { priority: 1 }),
    found: Boolean,
  },
  {
    title: 'bulkUpdateWorkQueuePriorities, all turned round',
    call: ({ db, pool, queues }) =>
      bulkUpdateWorkQueuePriorities(db, pool, new Map(queues.toReversed().map((id, n) => [id, n + 1]))),
  },
  {
    title: 'bulkUpdateWorkQueuePriorities, half of them into the way of the others',
    call: ({ db, pool, queues, size }) =>
      bulkUpdateWorkQueuePriorities(db, pool, new Map(queues.slice(size / 2).map((id, n) => [id, n + 1]))),
  },
  {
    title: 'recordWorkQueuePolls',
    call: ({ db, queues }) => recordWorkQueuePolls(db, { polledWorkQueueIds: queues, readyWorkQueueIds: queues }),
  },
  { title: 'markWorkersOffline', call: ({ db }) => markWorkersOffline(db, { now }), found: all },
  { title: 'markWorkPoolsNotReady', call: ({ db }) => markWorkPoolsNotReady(db, { now }), found: all },
  {
    title: 'markWorkQueuesNotReady',
    call: ({ db }) => markWorkQueuesNotReady(db, { lastPolledBefore: now, now }),
    found: ({ length }, { size }) => length === 2 * size + 2,
  },
  {
    title: 'markLateFlowRuns',
    call: ({ db, size }) => markLateFlowRuns(db, { scheduledBefore: now, limit: size, now }),
    found: all,
  },
  {
    title: 'releaseStaleClaims of queues',
    call: ({ db, queues, size }) =>
      releaseStaleClaims(db, { pendingBefore: now, workQueueIds: queues, limit: size, now }),
    found: all,
  },
  {
    title: 'releaseStaleClaims of queues that have none',
    call: ({ db, queuesOfPools, size }) =>
      releaseStaleClaims(db, { pendingBefore: now, workQueueIds: queuesOfPools, limit: size, now }),
    found: ({ length }) => length === 0,
  },
]
