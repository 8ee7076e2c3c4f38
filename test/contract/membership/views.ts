import {
  countWorkQueueActiveSlots,
  explainWorkQueue,
  getRunsInWorkQueue,
  readWorkQueueSlotHolders,
  readWorkQueueStatus,
} from 'kysely-work-queues'
import type { Contract } from '../../support/describe-databases.js'

// A run belongs to the queue of its id; without one, to the queue of its name in the default agent pool, and to no other.

export const now = new Date('2035-01-01T12:00:00.000Z')
export const waiting = { state_name: 'Late', next_scheduled_start_time: now }
export const running = { state_type: 'RUNNING' }
export const ids = (runs: readonly { readonly id: string }[]): string[] => runs.map(({ id }) => id).toSorted()

/** Which runs a queue has, as each function that looks at its runs sees it: waiting ones, all late, and running ones. */
export async function viewsOf({ db }: Contract, id: string): Promise<Record<string, unknown>> {
  const poll = { scheduledBefore: now }
  const { due, scheduled, late, active } = await explainWorkQueue(db, id, { now })
  return {
    polled: ids((await getRunsInWorkQueue(db, id, poll)).runs),
    polledInTransaction: ids((await db.transaction().execute((trx) => getRunsInWorkQueue(trx, id, poll))).runs),
    late: (await readWorkQueueStatus(db, id, { now })).lateRunsCount,
    active: (await countWorkQueueActiveSlots(db, [id])).get(id),
    holders: ids((await readWorkQueueSlotHolders(db, id)).map(({ flowRun }) => flowRun)),
    explained: { due, scheduled, late, active },
  }
}

/** The same, as it has to be. */
export function viewsOfRuns(waits: readonly string[], runs: readonly string[]): Record<string, unknown> {
  return {
    polled: waits.toSorted(),
    polledInTransaction: waits.toSorted(),
    late: waits.length,
    active: runs.length,
    holders: runs.toSorted(),
    explained: { due: waits.length, scheduled: waits.length, late: waits.length, active: runs.length },
  }
}
