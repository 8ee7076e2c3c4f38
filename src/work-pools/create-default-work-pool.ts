import { sql } from 'kysely'
import { DEFAULT_AGENT_WORK_POOL_NAME } from '../rules/names.js'
import type { WorkQueue } from '../model/work-queue.js'
import type { Scope } from '../session.js'
import { type LockedWorkPool, lockWorkPool } from '../locks.js'
import { insertOrFindWorkPool } from './insert-or-find-work-pool.js'

/** The default agent pool, locked, and its default queue when it was this call that created them. */
export interface DefaultWorkPool extends LockedWorkPool {
  readonly createdQueue: WorkQueue | undefined
}

/** Locks the pool `default-agent-pool`, if it exists. */
export async function lockDefaultWorkPool(scope: Scope): Promise<LockedWorkPool | undefined> {
  return await lockWorkPool(scope, sql`name = ${DEFAULT_AGENT_WORK_POOL_NAME}`)
}

/**
 * Creates the pool `default-agent-pool` with its queue `default`, or locks the one that another session
 * created meanwhile.
 */
export async function createDefaultWorkPool(scope: Scope, now: Date | undefined): Promise<DefaultWorkPool> {
  const find = (): Promise<LockedWorkPool | undefined> => lockDefaultWorkPool(scope)
  const ensured = await insertOrFindWorkPool(scope, { name: DEFAULT_AGENT_WORK_POOL_NAME }, now, find)
  if ('found' in ensured) return { ...ensured.found, createdQueue: undefined }
  const { pool, defaultQueue } = ensured.inserted
  return { id: pool.id, defaultQueueId: pool.defaultQueueId, createdQueue: defaultQueue }
}
