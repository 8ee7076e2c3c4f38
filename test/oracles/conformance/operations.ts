import type { Kysely } from 'kysely'
import * as library from 'kysely-work-queues'
import type { WorkQueueTables } from 'kysely-work-queues'
import type { Arguments } from './arguments.js'
import type { Json } from './symbols.js'

/** What a step calls. */
interface Call {
  readonly db: Kysely<WorkQueueTables>
  readonly args: Arguments
  readonly now: Date
  /** Receives the statuses that `emitStatusChange` was called with; `undefined` when the step gives no callback. */
  readonly emitted: Json[] | undefined
}

type Operation = (call: Call) => Promise<unknown>

const queueEmit = ({ emitted }: Call) =>
  emitted && { emitStatusChange: (queue: library.WorkQueue) => void emitted.push(queue.status) }

const poolEmit = ({ emitted }: Call) =>
  emitted && {
    emitStatusChange: ({ before, after }: library.WorkPoolStatusChange) =>
      void emitted.push([before.status, after.status]),
  }

const createQueue: Operation = ({ db, args, now }) =>
  library.createWorkQueue(
    db,
    { ...args['workQueue'], ...(args['workPoolId'] && { workPoolId: args['workPoolId'] }) },
    { now },
  )

const updateQueue: Operation = (call) =>
  library.updateWorkQueue(call.db, call.args['workQueueId'], call.args['workQueue'], {
    now: call.now,
    ...queueEmit(call),
  })

const deleteQueue: Operation = ({ db, args, now }) => library.deleteWorkQueue(db, args['workQueueId'], { now })
const readQueue: Operation = ({ db, args }) => library.readWorkQueue(db, args['workQueueId'])

const listFilter = (filter: Arguments | undefined) =>
  filter && { filter: { ...filter, ...(filter['operator'] && { operator: filter['operator'].replace('_', '') }) } }

const countQueueSlots: Operation = async ({ db, args }) =>
  (await library.countWorkQueueActiveSlots(db, [args['workQueueId']])).get(args['workQueueId']) ?? 0
const countQueueSlotsBulk: Operation = ({ db, args }) => library.countWorkQueueActiveSlots(db, args['workQueueIds'])
const countPoolSlots: Operation = async ({ db, args }) =>
  (await library.countWorkPoolActiveSlots(db, [args['workPoolId']])).get(args['workPoolId']) ?? 0

const heartbeat = async (call: Call): Promise<library.Worker> => {
  const { workPoolId, workPool, workerName, heartbeatIntervalSeconds } = call.args
  return await library.recordWorkerHeartbeat(call.db, workPoolId ?? workPool, workerName, {
    now: call.now,
    heartbeatIntervalSeconds,
    ...poolEmit(call),
  })
}

/** One function of the library stands for both of Prefect's, where it has one for queues and one for pools. */
export const OPERATIONS: Readonly<Record<string, Operation>> = {
  'work_queues.create_work_queue': createQueue,
  'workers.create_work_queue': createQueue,
  'work_queues.read_work_queue': readQueue,
  'workers.read_work_queue': readQueue,
  'work_queues.read_work_queue_by_name': ({ db, args }) => library.readWorkQueueByName(db, args['name']),
  'workers.read_work_queue_by_name': ({ db, args }) =>
    library.readWorkQueueByName(db, args['workQueueName'], { workPoolName: args['workPoolName'] }),
  'work_queues.read_work_queues': ({ db, args: { workQueueFilter, ...page } }) =>
    library.readWorkQueues(db, { ...page, ...listFilter(workQueueFilter) }),
  'workers.read_work_queues': ({ db, args: { workQueueFilter, ...rest } }) =>
    library.readWorkQueues(db, { ...rest, ...listFilter(workQueueFilter), orderBy: 'priority' }),
  'workers.count_work_queues': ({ db, args: { workQueueFilter, workPoolId } }) =>
    library.countWorkQueues(db, { workPoolId, ...listFilter(workQueueFilter) }),
  'work_queues.update_work_queue': updateQueue,
  'workers.update_work_queue': updateQueue,
  'work_queues.delete_work_queue': deleteQueue,
  'workers.delete_work_queue': deleteQueue,
  'work_queues.ensure_work_queue_exists': ({ db, args, now }) =>
    library.ensureWorkQueueExists(db, args['name'], { now }),
  'work_queues.get_runs_in_work_queue': ({ db, args: { workQueueId, ...poll } }) =>
    library.getRunsInWorkQueue(db, workQueueId, poll),
  'work_queues.read_work_queue_status': ({ db, args, now }) =>
    library.readWorkQueueStatus(db, args['workQueueId'], { now }),
  'work_queues.record_work_queue_polls': ({ db, args, now }) =>
    library.recordWorkQueuePolls(db, {
      polledWorkQueueIds: args['polledWorkQueueIds'],
      readyWorkQueueIds: args['readyWorkQueueIds'],
      now,
    }),
  'workers.bulk_update_work_queue_priorities': ({ db, args, now }) =>
    library.bulkUpdateWorkQueuePriorities(db, args['workPoolId'], args['newPriorities'], { now }),
  'workers.create_work_pool': ({ db, args, now }) =>
    library.createWorkPool(db, args['workPool'] as library.WorkPoolCreate, { now }),
  'workers.read_work_pool': ({ db, args }) => library.readWorkPool(db, args['workPoolId']),
  'workers.read_work_pool_by_name': ({ db, args }) => library.readWorkPoolByName(db, args['workPoolName']),
  'workers.read_work_pools': ({ db, args: { workPoolFilter, ...page } }) =>
    library.readWorkPools(db, { ...page, ...listFilter(workPoolFilter) }),
  'workers.count_work_pools': ({ db, args }) => library.countWorkPools(db, { ...listFilter(args['workPoolFilter']) }),
  'workers.update_work_pool': (call) =>
    library.updateWorkPool(call.db, call.args['workPoolId'], call.args['workPool'], {
      now: call.now,
      ...poolEmit(call),
    }),
  'workers.delete_work_pool': ({ db, args }) => library.deleteWorkPool(db, args['workPoolId']),
  'workers.get_scheduled_flow_runs': ({ db, args }) => library.getScheduledFlowRuns(db, args),
  // Of one pool, Prefect's limit for each pool is the limit of the poll.
  'raw.get_scheduled_flow_runs_from_work_pool': ({ db, args: { workerLimit, ...poll } }) =>
    library.getScheduledFlowRuns(db, { ...poll, limit: workerLimit }),
  'work_queues.count_work_queue_active_slots': countQueueSlots,
  'workers.count_work_queue_active_slots': countQueueSlots,
  'workers.count_work_queue_slot_holders': countQueueSlots,
  'work_queues.count_work_queue_active_slots_bulk': countQueueSlotsBulk,
  'workers.count_work_queue_active_slots_bulk': countQueueSlotsBulk,
  'workers.count_work_pool_active_slots': countPoolSlots,
  'workers.count_work_pool_slot_holders': countPoolSlots,
  'workers.count_work_pool_active_slots_bulk': ({ db, args }) =>
    library.countWorkPoolActiveSlots(db, args['workPoolIds']),
  'workers.count_work_pool_slot_holders_by_queue': async ({ db, args }) => {
    const counts = new Map<string, number>()
    for (const { flowRun } of await library.readWorkPoolSlotHolders(db, args['workPoolId'])) {
      const id = flowRun.workQueueId ?? ''
      counts.set(id, (counts.get(id) ?? 0) + 1)
    }
    return counts
  },
  'workers.get_work_pool_slot_holders': ({ db, args }) =>
    library.readWorkPoolSlotHolders(db, args['workPoolId'], {
      workQueueIds: args['workQueueIds'],
      limitPerQueue: args['flowRunLimit'],
    }),
  'workers.get_work_queue_slot_holders': ({ db, args: { workQueueId, ...page } }) =>
    library.readWorkQueueSlotHolders(db, workQueueId, page),
  'workers.worker_heartbeat': async (call) => {
    await heartbeat(call)
    return true
  },
  'workers.record_worker_heartbeat': async (call) => {
    const worker = await heartbeat(call)
    return call.args['returnWorker'] ? worker : undefined
  },
  'workers.read_workers': ({ db, args: { workPoolId, workerFilter, ...page } }) =>
    library.readWorkers(db, workPoolId, { ...page, status: workerFilter?.status.any }),
  'workers.read_worker_by_name': async ({ db, args }) =>
    (await library.readWorkers(db, args['workPoolId'])).find(({ name }) => name === args['workerName']),
  'workers.delete_worker': ({ db, args }) => library.deleteWorker(db, args['workPoolId'], args['workerName']),
}

/** Why a step has no counterpart here; `undefined` when it has one. */
export function withoutCounterpart(op: string, args: Arguments): string | undefined {
  if (op.startsWith('raw.') && args['queueLimit'] !== undefined) {
    return "a poll of pools has no limit for each queue: Prefect's API offers none either"
  }
  const filter: object = args['workerFilter'] ?? {}
  if ('lastHeartbeatTime' in filter || ('status' in filter && 'notAny' in (filter.status as object))) {
    return 'workers are read by status only'
  }
  return undefined
}
