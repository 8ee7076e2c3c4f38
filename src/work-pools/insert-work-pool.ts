import { sql } from 'kysely'
import {
  DEFAULT_AGENT_WORK_POOL_TYPE,
  DEFAULT_WORK_QUEUE_DESCRIPTION,
  DEFAULT_WORK_QUEUE_NAME,
} from '../rules/names.js'
import { initialWorkPoolStatus } from '../rules/work-pool-status.js'
import { encode } from '../model/columns.js'
import { workPoolColumns } from '../model/work-pool.js'
import { workQueueColumns } from '../model/work-queue.js'
import { newId } from '../model/ids.js'
import type { WorkPoolCreate } from '../model/work-pool.js'
import type { WorkPool } from '../model/work-pool.js'
import type { WorkQueue } from '../model/work-queue.js'
import { decodeTime, timeAsText } from '../model/values.js'
import type { Scope } from '../session.js'
import { timeOfStatement } from '../sql/clock.js'

/** A work pool and the queue it was created with. */
export interface NewWorkPool {
  readonly pool: WorkPool
  readonly defaultQueue: WorkQueue
}

/** Inserts a work pool with its default queue; `undefined`, and nothing done, when the name is taken. */
export async function insertWorkPool(
  { db, dialect }: Scope,
  input: WorkPoolCreate,
  now: Date | undefined,
): Promise<NewWorkPool | undefined> {
  const type = input.type ?? DEFAULT_AGENT_WORK_POOL_TYPE
  const isPaused = input.isPaused ?? false
  const defaultQueueId = newId()
  const pool: Omit<WorkPool, 'created' | 'updated'> = {
    id: newId(),
    name: input.name,
    description: input.description ?? null,
    type,
    baseJobTemplate: input.baseJobTemplate ?? {},
    isPaused,
    concurrencyLimit: input.concurrencyLimit ?? null,
    defaultQueueId,
    status: initialWorkPoolStatus({ type, isPaused }),
    lastTransitionedStatusAt: null,
    lastStatusEventId: null,
    storageConfiguration: input.storageConfiguration ?? {},
  }
  const defaultQueue: Omit<WorkQueue, 'created' | 'updated'> = {
    id: defaultQueueId,
    name: DEFAULT_WORK_QUEUE_NAME,
    description: DEFAULT_WORK_QUEUE_DESCRIPTION,
    isPaused: false,
    concurrencyLimit: null,
    priority: 1,
    workPoolId: pool.id,
    filter: null,
    lastPolled: null,
    status: 'NOT_READY',
  }

  // The pool and its default queue refer to each other, so the pool's reference comes last.
  const time = timeOfStatement(now, dialect)
  const inserted = await db
    .insertInto('work_pool')
    .values({ ...encode(workPoolColumns, { ...pool, defaultQueueId: null }, dialect), created: time, updated: time })
    .onConflict((conflict) => conflict.column('name').doNothing())
    .returning(sql.raw(timeAsText('created', dialect)).as('created'))
    .executeTakeFirst()
  if (inserted === undefined) return undefined
  const created = decodeTime(inserted.created)
  const times = { created, updated: created }
  await db
    .insertInto('work_queue')
    .values(encode(workQueueColumns, { ...defaultQueue, ...times }, dialect))
    .execute()
  await db.updateTable('work_pool').set({ default_queue_id: defaultQueueId }).where('id', '=', pool.id).execute()
  return { pool: { ...pool, ...times }, defaultQueue: { ...defaultQueue, ...times } }
}
