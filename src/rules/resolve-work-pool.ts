import { DEFAULT_WORK_QUEUE_NAME } from './names.js'

/** The default agent pool, as far as the fallback needs to know it. */
export interface DefaultWorkPool {
  readonly id: string
}

/** Where a new queue goes. */
export type WorkPoolResolution =
  /** Into the pool that was asked for. */
  | { readonly kind: 'given'; readonly workPoolId: string }
  /** Into the default agent pool, which exists. */
  | { readonly kind: 'default'; readonly workPoolId: string }
  /**
   * Into the default agent pool, which has to be created first, with its queue `default`. When that very
   * queue was asked for (`returnDefaultQueue`), it is the answer, and nothing more is created.
   */
  | { readonly kind: 'create-default'; readonly returnDefaultQueue: boolean }

/**
 * Decides which pool a new queue goes to: the one it names, else the default agent pool, which may have to be
 * created.
 *
 * Source: `create_work_queue` of Prefect's `models.work_queues`.
 *
 * @param input - The new queue's name, and the pool it asks for, if any.
 * @param defaultPool - The default agent pool, or `undefined` when there is none yet.
 *
 * @example
 * ```ts
 * resolveWorkPool({ name: 'etl' }, undefined) // { kind: 'create-default', returnDefaultQueue: false }
 * resolveWorkPool({ name: 'etl' }, { id: 'p' }) // { kind: 'default', workPoolId: 'p' }
 * ```
 */
export function resolveWorkPool(
  input: { readonly name: string; readonly workPoolId?: string | null | undefined },
  defaultPool: DefaultWorkPool | undefined,
): WorkPoolResolution {
  if (input.workPoolId !== undefined && input.workPoolId !== null) {
    return { kind: 'given', workPoolId: input.workPoolId }
  }
  if (defaultPool !== undefined) {
    return { kind: 'default', workPoolId: defaultPool.id }
  }
  return { kind: 'create-default', returnDefaultQueue: input.name === DEFAULT_WORK_QUEUE_NAME }
}
