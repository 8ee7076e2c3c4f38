import { sql } from 'kysely'
import { WorkPoolExistsError } from '../errors.js'
import { DEFAULT_AGENT_WORK_POOL_NAME } from '../rules/names.js'
import type { WorkQueue } from '../model/work-queue.js'
import type { Scope } from '../session.js'
import { insertWorkPool } from './insert-work-pool.js'
import { type LockedWorkPool, lockWorkPool } from '../locks.js'

/** The default agent pool, locked, and its default queue when it was this call that created them. */
export interface DefaultWorkPool extends LockedWorkPool {
  readonly createdQueue: WorkQueue | undefined
}

/** Locks the pool `default-agent-pool`, if it exists. */
export async function lockDefaultWorkPool(scope: Scope): Promise<LockedWorkPool | undefined> {
  return await lockWorkPool(scope, sql`name = ${DEFAULT_AGENT_WORK_POOL_NAME}`)
}

/** How often the pool may be deleted by others just after they created it. */
const MOST_ATTEMPTS = 5

/**
 * Creates the pool `default-agent-pool` with its queue `default`, or locks the one that another session
 * created meanwhile.
 */
export async function createDefaultWorkPool(scope: Scope, now: Date | undefined): Promise<DefaultWorkPool> {
  // Another round is needed only when a pool that was in the way is deleted before it can be locked. One that
  // stays in the way is there for others, and hidden from this session (row-level security).
  for (let attempt = 1; attempt <= MOST_ATTEMPTS; attempt++) {
    const inserted = await insertWorkPool(scope, { name: DEFAULT_AGENT_WORK_POOL_NAME }, now)
    if (inserted !== undefined) {
      const { id, defaultQueueId } = inserted.pool
      return { id, defaultQueueId, createdQueue: inserted.defaultQueue }
    }
    const pool = await lockDefaultWorkPool(scope)
    if (pool !== undefined) return { ...pool, createdQueue: undefined }
  }
  throw new WorkPoolExistsError(DEFAULT_AGENT_WORK_POOL_NAME)
}
