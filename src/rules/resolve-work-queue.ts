import { DEFAULT_AGENT_WORK_POOL_NAME } from './names.js'

/** What a flow run says of its queue. */
export interface WorkQueueOfFlowRun {
  readonly workQueueId: string | null
  readonly workQueueName: string | null
}

/** Where a flow run belongs. */
export type WorkQueueResolution =
  /** To the queue of this id, whatever name the run has. */
  | { readonly kind: 'by-id'; readonly workQueueId: string }
  /** To the queue of this name in this pool, if there is one, and to no other. */
  | { readonly kind: 'by-name'; readonly workQueueName: string; readonly workPoolName: string }
  /** To no queue. */
  | { readonly kind: 'none' }

/**
 * Decides which queue a flow run belongs to: the one of its id; without an id, the one of its name in the
 * default agent pool, where names without a pool live. So it belongs to one queue at most, and never to a
 * queue that only has the name of another.
 *
 * Prefect differs: there a name alone counts in every pool.
 *
 * @example
 * ```ts
 * resolveWorkQueue({ workQueueId: null, workQueueName: 'etl' })
 * // { kind: 'by-name', workQueueName: 'etl', workPoolName: 'default-agent-pool' }
 * ```
 */
export function resolveWorkQueue({ workQueueId, workQueueName }: WorkQueueOfFlowRun): WorkQueueResolution {
  if (workQueueId !== null) return { kind: 'by-id', workQueueId }
  if (workQueueName !== null) return { kind: 'by-name', workQueueName, workPoolName: DEFAULT_AGENT_WORK_POOL_NAME }
  return { kind: 'none' }
}

/**
 * Whether a flow run belongs to this queue, by {@link resolveWorkQueue}.
 *
 * @example
 * ```ts
 * const queue = { id: 'q', name: 'etl', workPoolName: 'kubernetes' }
 * belongsToWorkQueue({ workQueueId: null, workQueueName: 'etl' }, queue) // false
 * ```
 */
export function belongsToWorkQueue(
  run: WorkQueueOfFlowRun,
  queue: { readonly id: string; readonly name: string; readonly workPoolName: string },
): boolean {
  const place = resolveWorkQueue(run)
  if (place.kind === 'by-id') return place.workQueueId === queue.id
  return place.kind === 'by-name' && place.workQueueName === queue.name && place.workPoolName === queue.workPoolName
}
