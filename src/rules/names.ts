/**
 * The name of the work pool that takes the queues created without a pool.
 *
 * Source: `DEFAULT_AGENT_WORK_POOL_NAME` of Prefect's `models.workers`.
 */
export const DEFAULT_AGENT_WORK_POOL_NAME = 'default-agent-pool'

/** The type of the default agent pool, and of pools created without a type. */
export const DEFAULT_AGENT_WORK_POOL_TYPE = 'prefect-agent'

/** The name of the queue that every work pool is created with. */
export const DEFAULT_WORK_QUEUE_NAME = 'default'

/** The description of the queue that every work pool is created with. */
export const DEFAULT_WORK_QUEUE_DESCRIPTION = "The work pool's default queue."
