import { DEFAULT_AGENT_WORK_POOL_TYPE } from './names.js'

/** Whether workers serve a pool: READY, NOT_READY (no worker online) or PAUSED. */
export type WorkPoolStatus = 'READY' | 'NOT_READY' | 'PAUSED'

/** Every work pool status. */
export const WORK_POOL_STATUSES: readonly WorkPoolStatus[] = ['READY', 'NOT_READY', 'PAUSED']

/**
 * The status of a pool that was just created: PAUSED when created paused, else NOT_READY until the first
 * heartbeat.
 *
 * Pools of type `prefect-agent` are NOT_READY also when paused. Source: `create_work_pool` of Prefect's
 * `models.workers`.
 *
 * @example
 * ```ts
 * initialWorkPoolStatus({ type: 'process', isPaused: true }) // 'PAUSED'
 * ```
 */
export function initialWorkPoolStatus(pool: { readonly type: string; readonly isPaused: boolean }): WorkPoolStatus {
  return pool.isPaused && pool.type !== DEFAULT_AGENT_WORK_POOL_TYPE ? 'PAUSED' : 'NOT_READY'
}

/**
 * The status that an update of a pool writes, or `undefined` when it leaves the status alone.
 *
 * Pausing writes PAUSED, also when the pool is PAUSED already; resuming writes READY with a worker ONLINE,
 * else NOT_READY. Pools of type `prefect-agent` have no workers, and an update never writes their status.
 * Source: `update_work_pool` of Prefect's `models.workers`.
 *
 * @example
 * ```ts
 * nextWorkPoolStatus({ type: 'process' }, { isPaused: false }, { hasOnlineWorker: true }) // 'READY'
 * ```
 */
export function nextWorkPoolStatus(
  current: { readonly type: string },
  patch: { readonly isPaused?: boolean | undefined },
  facts: { readonly hasOnlineWorker: boolean },
): WorkPoolStatus | undefined {
  if (patch.isPaused === undefined || current.type === DEFAULT_AGENT_WORK_POOL_TYPE) return undefined
  if (patch.isPaused) return 'PAUSED'
  return facts.hasOnlineWorker ? 'READY' : 'NOT_READY'
}
