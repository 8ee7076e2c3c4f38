import {
  bulkUpdateWorkQueuePriorities,
  cancelFlowRun,
  claimRunsInWorkQueue,
  createFlowRun,
  createFlowRuns,
  createWorkPool,
  createWorkQueue,
  deleteWorker,
  deleteWorkPool,
  deleteWorkQueue,
  ensureWorkPoolExists,
  ensureWorkQueueExists,
  markFlowRunsCancelled,
  markLateFlowRuns,
  markWorkersOffline,
  markWorkPoolsNotReady,
  markWorkQueuesNotReady,
  pruneFlowRuns,
  pruneWorkers,
  recordWorkerHeartbeat,
  recordWorkQueuePolls,
  releaseExpiredLeases,
  renewLeases,
  retryFlowRun,
  runUpkeep,
  setFlowRunState,
  setFlowRunStates,
  updateWorkPool,
  updateWorkQueue,
  type WorkQueueUpdate,
} from 'kysely-work-queues'
import type { TestDatabase } from '../../support/databases.js'
import { testId } from '../../support/factory.js'
import type { Command } from './commands.js'
import type { Tables } from './named-tables.js'

/** What a call came to: its value or its error, and what it reported on the way. */
export interface Outcome {
  readonly value?: unknown
  readonly error?: object
  readonly emitted: unknown[]
}

/** Makes a call on a database, whose tables were just read. */
export async function perform(
  database: TestDatabase,
  { pools, queues, runs }: Tables,
  command: Command,
  step: number,
  now: Date,
): Promise<Outcome> {
  const { db } = database
  const emitted: unknown[] = []
  const emitStatusChange = (change: unknown): unknown => emitted.push(change)
  const secondsAgo = (seconds: number): Date => new Date(now.getTime() - seconds * 1000)
  const call = async (): Promise<unknown> => {
    switch (command.kind) {
      case 'createWorkPool': {
        const { name, type, isPaused, concurrencyLimit } = command
        return await createWorkPool(db, { name, type, isPaused, concurrencyLimit }, { now })
      }
      case 'updateWorkPool':
        return await updateWorkPool(db, pick(pools, command.pool), command.patch, { emitStatusChange, now })
      case 'deleteWorkPool':
        return await deleteWorkPool(db, pick(pools, command.pool))
      case 'createWorkQueue': {
        const workPoolId = command.pool === undefined ? undefined : pick(pools, command.pool)
        return await createWorkQueue(db, { ...toQueue(command.values), name: command.name, workPoolId }, { now })
      }
      case 'updateWorkQueue': {
        const patch = { name: command.name, ...toQueue(command.values) }
        return await updateWorkQueue(db, pick(queues, command.queue), patch, { emitStatusChange, now })
      }
      case 'deleteWorkQueue':
        return await deleteWorkQueue(db, pick(queues, command.queue), {
          waitingRuns:
            typeof command.waiting === 'number' ? { moveTo: pick(queues, command.waiting) } : command.waiting,
          now,
        })
      case 'ensureWorkQueueExists': {
        const workPoolId = command.pool === undefined ? undefined : pick(pools, command.pool)
        return await ensureWorkQueueExists(db, command.name, { workPoolId, now })
      }
      case 'ensureWorkPoolExists':
        return await ensureWorkPoolExists(db, { name: command.name, isPaused: command.isPaused }, { now })
      case 'bulkUpdateWorkQueuePriorities': {
        // Queues of other pools are among them, and are to be ignored.
        const asked = command.queues.map((queue, n) => [pick(queues, queue), command.priorities[n] ?? 1] as const)
        return await bulkUpdateWorkQueuePriorities(db, pick(pools, command.pool), new Map(asked), { now })
      }
      case 'recordWorkQueuePolls': {
        const polledWorkQueueIds = command.polled.map((queue) => pick(queues, queue))
        const readyWorkQueueIds = command.ready.map((queue) => pick(queues, queue))
        return await recordWorkQueuePolls(db, { polledWorkQueueIds, readyWorkQueueIds, emitStatusChange, now })
      }
      case 'createFlowRun': {
        const { workQueueName, start, tags } = command
        const workQueueId = command.queue === undefined ? null : pick(queues, command.queue)
        const nextScheduledStartTime = start === null ? null : secondsAgo(start)
        const run = {
          name: `new ${step}`,
          flowId: testId(1, 4),
          workQueueId,
          workQueueName,
          nextScheduledStartTime,
          tags,
        }
        return command.alone ? await createFlowRun(db, run, { now }) : await createFlowRuns(db, [run], { now })
      }
      case 'setFlowRunState':
        return await setFlowRunState(db, pick(runs, command.run), command.state, {
          expectedStateTypes: command.expectedStateTypes,
          now,
        })
      case 'setFlowRunStates': {
        const changes = new Map(command.changes.map(({ run, state }) => [pick(runs, run), state]))
        return await setFlowRunStates(
          db,
          Array.from(changes, ([id, state]) => ({ id, ...state })),
          { now },
        )
      }
      case 'claimRunsInWorkQueue': {
        const { limit, lease } = command
        return await claimRunsInWorkQueue(db, pick(queues, command.queue), {
          limit,
          ...lease,
          scheduledBefore: null,
          now,
        })
      }
      case 'renewLeases': {
        const flowRunIds = command.runs?.map((n) => pick(runs, n))
        return await renewLeases(db, command.holder, { leaseSeconds: command.seconds, flowRunIds, now })
      }
      case 'releaseExpiredLeases': {
        const { runningTo, maxReleases, limit } = command
        return await releaseExpiredLeases(db, { runningTo, maxReleases, limit, now })
      }
      case 'cancelFlowRun':
        return await cancelFlowRun(db, pick(runs, command.run), { now })
      case 'retryFlowRun':
        return await retryFlowRun(db, pick(runs, command.run), { now })
      case 'recordWorkerHeartbeat': {
        const { name, heartbeatIntervalSeconds } = command
        const options = { heartbeatIntervalSeconds, emitStatusChange, now }
        return await recordWorkerHeartbeat(db, pick(pools, command.pool), name, options)
      }
      case 'deleteWorker':
        return await deleteWorker(db, pick(pools, command.pool), command.name)
      case 'markLateFlowRuns':
        return await markLateFlowRuns(db, { scheduledBefore: secondsAgo(15), limit: command.limit, now })
      case 'markWorkersOffline':
        return await markWorkersOffline(db, { inactivityHeartbeatMultiple: command.inactivityHeartbeatMultiple, now })
      case 'markWorkPoolsNotReady':
        return await markWorkPoolsNotReady(db, { emitStatusChange, now })
      case 'markFlowRunsCancelled':
        return await markFlowRunsCancelled(db, { cancellingBefore: secondsAgo(15), limit: command.limit, now })
      case 'pruneWorkers':
        return await pruneWorkers(db, { lastHeartbeatBefore: secondsAgo(60), limit: command.limit })
      case 'pruneFlowRuns': {
        const { limit, seconds, states } = command
        const before = secondsAgo(seconds)
        const finishedBefore = states === undefined ? before : Object.fromEntries(states.map((one) => [one, before]))
        const workQueueIds = command.queues?.map((n) => pick(queues, n))
        return await pruneFlowRuns(db, { finishedBefore, workQueueIds, limit })
      }
      case 'runUpkeep': {
        const pruning = { pruneWorkersAfterSeconds: 60, pruneFlowRunsAfterSeconds: 60 }
        return await runUpkeep(db, { ...(command.prunes && pruning), cancellingAfterSeconds: 60, now })
      }
      case 'markWorkQueuesNotReady':
        return await markWorkQueuesNotReady(db, { lastPolledBefore: secondsAgo(60), emitStatusChange, now })
    }
  }
  const toQueue = ({ lastPolled, tags, ...rest }: QueueValues): WorkQueueUpdate => ({
    ...rest,
    lastPolled: typeof lastPolled === 'number' ? secondsAgo(lastPolled) : lastPolled,
    filter: tags && { tags },
  })
  try {
    return { value: await call(), emitted }
  } catch (error) {
    // Errors of ours have fields; an error of the database is none that any of these calls may end in.
    const { name, message } = error as Error
    if (!('code' in (error as object)) || !/^[A-Z]\w+Error$/.test(name)) throw error
    return { error: { ...(error as object), name, message }, emitted }
  }
}

type QueueValues = Extract<Command, { kind: 'createWorkQueue' }>['values']

/** The id of the n-th row, or one that no row has when there are fewer by far. */
export function pick(rows: readonly { readonly id: string }[], n: number): string {
  return n >= 10 ? testId(404, 404) : (rows[n % Math.max(1, rows.length)]?.id ?? testId(404, 404))
}
