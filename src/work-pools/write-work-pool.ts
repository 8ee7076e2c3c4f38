import { encode } from '../model/columns.js'
import { workPoolColumns } from '../model/work-pool.js'
import { newId } from '../model/ids.js'
import type { WorkPool } from '../model/work-pool.js'
import type { Scope } from '../session.js'

/** A change of a work pool's status, as `emitStatusChange` is told of it. */
export interface WorkPoolStatusChange {
  /** The new `lastStatusEventId`. */
  eventId: string
  /** The new `lastTransitionedStatusAt`. */
  occurred: Date
  before: WorkPool
  after: WorkPool
}

/** Is told of a pool whose status was written. */
export type EmitWorkPoolStatusChange = (change: WorkPoolStatusChange) => unknown

/** Writes changes of a locked work pool. When the status is among them, also when and by which event it changed. */
export async function writeWorkPool(
  { db, dialect }: Scope,
  before: WorkPool,
  changes: Partial<WorkPool>,
  now: Date,
): Promise<WorkPoolStatusChange | undefined> {
  const eventId = newId()
  const written: Partial<WorkPool> = { ...changes, updated: now }
  if (changes.status !== undefined) {
    written.lastStatusEventId = eventId
    written.lastTransitionedStatusAt = now
  }
  const row = encode(workPoolColumns, written, dialect)
  await db.updateTable('work_pool').set(row).where('id', '=', before.id).execute()
  return changes.status === undefined ? undefined : { eventId, occurred: now, before, after: { ...before, ...written } }
}
