import {
  countFlowRuns,
  countWorkPoolActiveSlots,
  countWorkPools,
  countWorkQueueActiveSlots,
  countWorkQueues,
  explainFlowRun,
  explainWorkQueue,
  readFlowRuns,
  readNextStartTime,
  readWorkers,
  readWorkPools,
  readWorkPoolSlotHolders,
  readWorkPoolStats,
  readWorkQueues,
  readWorkQueueSlotHolders,
  readWorkQueueStats,
  setFlowRunState,
} from 'kysely-work-queues'
import { all, type ProductCall } from './call.js'

/** What only reads, but for polls. */
export const reads: readonly ProductCall[] = [
  { title: 'readWorkers', call: ({ db, pool }) => readWorkers(db, pool, { status: 'ONLINE' }), found: all },
  {
    title: 'readWorkQueues by ids and names',
    call: ({ db, queues, queueNames }) =>
      readWorkQueues(db, { filter: { id: { any: [...queues] }, name: { any: [...queueNames] } } }),
    found: all,
  },
  {
    title: 'readWorkQueues by ids or names',
    call: ({ db, queues, queueNames }) =>
      readWorkQueues(db, { filter: { operator: 'or', id: { any: [...queues] }, name: { any: [...queueNames] } } }),
    found: all,
  },
  {
    title: 'readWorkQueues by names',
    call: ({ db, queueNames }) => readWorkQueues(db, { filter: { name: { any: [...queueNames] } } }),
    found: all,
  },
  {
    title: 'readWorkQueues of a pool by ids',
    call: ({ db, pool, queuesOfPools }) =>
      readWorkQueues(db, { workPoolId: pool, filter: { id: { any: [...queuesOfPools] } } }),
    found: ({ length }) => length === 0,
  },
  {
    title: 'readWorkQueues by prefixes',
    call: ({ db, queueNames }) =>
      readWorkQueues(db, { filter: { name: { startsWith: queueNames.map((name) => `x${name}`) } } }),
    found: ({ length }) => length === 0,
  },
  {
    title: 'countWorkQueues by ids and prefixes',
    call: ({ db, queues, queueNames }) =>
      countWorkQueues(db, { filter: { id: { any: [...queues] }, name: { startsWith: [...queueNames] } } }),
    found: (count, { size }) => count === size,
  },
  {
    title: 'readWorkPools by ids, names and types',
    call: ({ db, pools, poolNames }) =>
      readWorkPools(db, {
        filter: { id: { any: [...pools] }, name: { any: [...poolNames] }, type: { any: [...poolNames, 'process'] } },
      }),
    found: all,
  },
  {
    title: 'countWorkPools by types',
    call: ({ db, poolNames }) => countWorkPools(db, { filter: { type: { any: [...poolNames] } } }),
    found: (count) => count === 0,
  },
  {
    title: 'readFlowRuns by ids, names, flows and queues',
    call: ({ db, runs, runNames, flows, queues, queueNames }) =>
      readFlowRuns(db, {
        filter: {
          id: { any: [...runs] },
          name: { any: [...runNames] },
          flowId: { any: [...flows] },
          workQueueId: { any: [...queues] },
          workQueueName: { any: [...queueNames] },
        },
      }),
    found: all,
  },
  {
    title: 'readFlowRuns by queues and flows',
    call: ({ db, flows, queues }) =>
      readFlowRuns(db, { filter: { flowId: { any: [...flows] }, workQueueId: { any: [...queues] } } }),
    found: all,
  },
  {
    title: 'readFlowRuns by flows',
    call: ({ db, flows }) => readFlowRuns(db, { filter: { flowId: { any: [...flows] } } }),
    found: all,
  },
  {
    title: 'readFlowRuns by queues and states',
    call: ({ db, queues }) =>
      readFlowRuns(db, { filter: { workQueueId: { any: [...queues] }, stateType: { any: ['SCHEDULED', 'PENDING'] } } }),
    found: ({ length }, { size }) => length === 2 * size,
  },
  {
    title: 'countFlowRuns by state names and names',
    call: ({ db, runNames }) =>
      countFlowRuns(db, { filter: { name: { any: [...runNames] }, stateName: { any: ['Scheduled', ...runNames] } } }),
    found: (count, { size }) => count === size,
  },
  {
    title: 'countFlowRuns by one of many',
    call: ({ db, runNames, flows, queues }) =>
      countFlowRuns(db, {
        filter: {
          operator: 'or',
          name: { any: [...runNames] },
          flowId: { any: [...flows] },
          workQueueId: { any: [...queues] },
        },
      }),
    found: (count, { size }) => count === 2 * size,
  },
  {
    title: 'countFlowRuns by tags',
    call: ({ db }) =>
      countFlowRuns(db, { filter: { tags: { all: Array.from({ length: 1000 }, (_, n) => `tag ${n}`) } } }),
    found: (count) => count === 2,
  },
  { title: 'countWorkQueueActiveSlots', call: ({ db, queues }) => countWorkQueueActiveSlots(db, queues), found: all },
  {
    title: 'countWorkPoolActiveSlots',
    call: ({ db, pools, pool }) => countWorkPoolActiveSlots(db, [...pools.slice(1), pool]),
    found: all,
  },
  {
    title: 'readWorkQueueStats of queues of one pool',
    call: ({ db, queues }) => readWorkQueueStats(db, { workQueueIds: queues }),
    found: all,
  },
  {
    title: 'readWorkQueueStats of queues of many pools',
    call: ({ db, queuesOfPools, pools }) => readWorkQueueStats(db, { workQueueIds: queuesOfPools, workPoolIds: pools }),
    found: all,
  },
  {
    title: 'readWorkPoolStats',
    call: ({ db, pools, pool }) => readWorkPoolStats(db, { workPoolIds: [...pools.slice(1), pool] }),
    found: all,
  },
  {
    title: 'readNextStartTime',
    call: ({ db, queues, queuesOfPools }) => readNextStartTime(db, { workQueueIds: [...queues, ...queuesOfPools] }),
    found: Boolean,
  },
  {
    title: 'readWorkPoolSlotHolders of queues',
    call: ({ db, pool, queues }) => readWorkPoolSlotHolders(db, pool, { workQueueIds: queues, limitPerQueue: 3 }),
    found: all,
  },
  {
    title: 'readWorkQueueSlotHolders, with a history',
    call: ({ db, historic }) => readWorkQueueSlotHolders(db, historic),
    found: ({ length }) => length === 1,
  },
  {
    title: 'setFlowRunState, with a history',
    call: ({ db, historicRun }) => setFlowRunState(db, historicRun, { type: 'RUNNING' }),
    found: Boolean,
  },
  { title: 'explainFlowRun', call: ({ db, runs }) => explainFlowRun(db, runs.at(-1) as string), found: Boolean },
  {
    title: 'explainWorkQueue',
    call: ({ db, queues }) => explainWorkQueue(db, queues.at(-1) as string),
    found: Boolean,
  },
]
