import { addMilliseconds } from 'date-fns'
import type { Kysely } from 'kysely'
import {
  createWorkQueue,
  readFlowRun,
  readFlowRuns,
  type Reason,
  recordWorkerHeartbeat,
  recordWorkQueuePolls,
  releaseExpiredLeases,
  setFlowRunState,
  updateWorkPool,
  updateWorkQueue,
  type WorkQueueTables,
} from 'kysely-work-queues'

type Session = Kysely<WorkQueueTables>

/** What tells a reason from another one of its kind. */
export function keyOf(reason: Reason): string {
  const { kind } = reason
  const owner = 'workQueueId' in reason ? reason.workQueueId : 'workPoolId' in reason ? reason.workPoolId : ''
  return kind === 'behind' ? `behind in ${reason.scope}` : `${kind} ${owner}`
}

/** Removes what a reason names, as its reader would, and returns what time it is then. */
export async function remove(db: Session, runId: string, reason: Reason, now: Date): Promise<Date> {
  switch (reason.kind) {
    case 'lease-expired':
      await releaseExpiredLeases(db, { runningTo: 'SCHEDULED', now })
      return now
    case 'leased':
    case 'not-scheduled':
      await setFlowRunState(db, runId, { type: 'SCHEDULED' }, { now })
      return now
    case 'no-queue':
      await giveQueue(db, runId, reason.workQueueName, now)
      return now
    case 'not-due':
      if (reason.until !== null) return reason.until
      await setFlowRunState(db, runId, { type: 'SCHEDULED', scheduledTime: now }, { now })
      return now
    case 'not-in-filter':
      await updateWorkQueue(db, reason.workQueueId, { filter: null }, { now })
      return now
    case 'retried-in-process':
      await db.updateTable('flow_run').set({ empirical_policy: '{}' }).where('id', '=', runId).execute()
      return now
    case 'queue-paused':
      await updateWorkQueue(db, reason.workQueueId, { isPaused: false }, { now })
      return now
    case 'pool-paused':
      await updateWorkPool(db, reason.workPoolId, { isPaused: false }, { now })
      return now
    case 'queue-full':
      await updateWorkQueue(db, reason.workQueueId, { concurrencyLimit: 1000 }, { now })
      return now
    case 'pool-full':
      await updateWorkPool(db, reason.workPoolId, { concurrencyLimit: 1000 }, { now })
      return now
    case 'behind':
      await finishOthers(db, runId, now)
      return now
    case 'not-polled':
      await recordWorkQueuePolls(db, { polledWorkQueueIds: [reason.workQueueId], readyWorkQueueIds: [], now })
      return now
    case 'no-worker':
      await recordWorkerHeartbeat(db, reason.workPoolId, 'worker', { now })
      return now
    case 'nothing-due':
    case 'handed-out':
      throw new Error(`${reason.kind} does not keep a run`)
  }
}

async function giveQueue(db: Session, runId: string, name: string | null, now: Date): Promise<void> {
  const queue = await createWorkQueue(db, { name: name ?? 'given' }, { now })
  if (name !== null) return
  await db.updateTable('flow_run').set({ work_queue_id: queue.id }).where('id', '=', runId).execute()
}

/** Finishes every other run that is due. */
async function finishOthers(db: Session, runId: string, now: Date): Promise<void> {
  const run = await readFlowRun(db, runId)
  const due = await readFlowRuns(db, {
    filter: { stateType: { any: ['SCHEDULED'] }, nextScheduledStartTime: { before: addMilliseconds(now, 1) } },
  })
  for (const { id } of due) if (id !== run?.id) await setFlowRunState(db, id, { type: 'COMPLETED' }, { now })
}
