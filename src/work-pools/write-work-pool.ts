import { sql } from 'kysely'
import { encode } from '../model/columns.js'
import { workPoolColumns } from '../model/work-pool.js'
import { newId } from '../model/ids.js'
import type { WorkPool } from '../model/work-pool.js'
import { decodeTime, timeAsText } from '../model/values.js'
import type { Scope } from '../session.js'
import { timeOfStatement } from '../sql/clock.js'

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

/**
 * Writes changes of a locked work pool. When the status is among them, also when and by which event it
 * changed.
 */
export async function writeWorkPool(
  { db, dialect }: Scope,
  before: WorkPool,
  changes: Partial<WorkPool>,
  now: Date | undefined,
): Promise<WorkPoolStatusChange | undefined> {
  const eventId = newId()
  const time = timeOfStatement(now, dialect)
  const row = encode(workPoolColumns, changes, dialect)
  const isTransition = changes.status !== undefined
  const written = await db
    .updateTable('work_pool')
    .set({
      ...row,
      updated: time,
      ...(isTransition && { last_status_event_id: eventId, last_transitioned_status_at: time }),
    })
    .where('id', '=', before.id)
    .returning(sql.raw(timeAsText('updated', dialect)).as('updated'))
    .executeTakeFirst()
  if (!isTransition || written === undefined) return undefined
  const updated = decodeTime(written.updated)
  const after = { ...before, ...changes, updated, lastStatusEventId: eventId, lastTransitionedStatusAt: updated }
  return { eventId, occurred: updated, before, after }
}
