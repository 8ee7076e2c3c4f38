// Which flow runs a body asks for.

import type { Kysely } from 'kysely'
import {
  type FlowRunFilter,
  readWorkPools,
  readWorkQueues,
  workPoolFilterSchema,
  workQueueFilterSchema,
  type WorkQueueTables,
} from 'kysely-work-queues'
import { STATE_TYPES } from 'kysely-work-queues/rules'
import { z } from 'zod'
import { filterFromJson, timeSchema } from './body.js'
import { isObject } from './keys.js'
import { toUuid } from './path.js'

// Clients say null for each criterion that they do not set.
const withoutNulls = (value: unknown): unknown =>
  isObject(value)
    ? Object.fromEntries(
        Object.entries(value).flatMap(([key, member]) => (member === null ? [] : [[key, withoutNulls(member)]])),
      )
    : value

const anyOf = <T>(schema: z.ZodType<T>): z.ZodType<{ any: T[] | undefined } | undefined> =>
  z
    .strictObject({ any_: z.array(schema).optional() })
    .transform(({ any_: any }) => ({ any }))
    .optional()
const anyId = anyOf(z.preprocess(toUuid, z.guid('must be a UUID')))
const allOf = z
  .strictObject({ operator: z.literal('and_').optional(), all_: z.array(z.string()).optional() })
  .transform(({ all_: all }) => ({ all }))
const between = z
  .strictObject({ before_: timeSchema, after_: timeSchema })
  .transform(({ before_: before, after_: after }) => ({ before, after }))
const state = z.strictObject({
  operator: z.literal('and_').optional(),
  type: anyOf(z.enum(STATE_TYPES)),
  name: anyOf(z.string()),
})

/** What the library can filter by. A criterion that it has not is refused, since runs without it would be too many. */
const criteria = z.strictObject({
  operator: z.literal('and_').optional(),
  id: anyId,
  name: anyOf(z.string()),
  deployment_id: anyId,
  work_queue_name: anyOf(z.string()),
  state: state.optional(),
  tags: allOf.optional(),
  next_scheduled_start_time: between.optional(),
})

/** The criteria of flow runs themselves. */
export const flowRunFilter = z.preprocess(withoutNulls, criteria.nullish()).transform((given): FlowRunFilter => {
  const { id, name, tags } = given ?? {}
  return {
    id,
    name,
    deploymentId: given?.deployment_id,
    workQueueName: given?.work_queue_name,
    stateType: given?.state?.type,
    stateName: given?.state?.name,
    tags,
    nextScheduledStartTime: given?.next_scheduled_start_time,
  }
})

const none = z.null('is not supported').optional()

/** The criteria of a run and of the rows beside it: flows by their id, pools and queues by all that they have. */
export const runCriteria = {
  flow_runs: flowRunFilter,
  flows: z.preprocess(withoutNulls, z.strictObject({ operator: z.literal('and_').optional(), id: anyId }).nullish()),
  work_pools: filterFromJson(workPoolFilterSchema),
  work_pool_queues: filterFromJson(workQueueFilterSchema),
  // Of tables that are not the library's.
  task_runs: none,
  deployments: none,
}

type Criteria = z.output<z.ZodObject<typeof runCriteria>>

/** The library's filter: of pools and queues, it takes the ids of queues. */
export async function toRunFilter(db: Kysely<WorkQueueTables>, asked: Criteria): Promise<FlowRunFilter> {
  const filter: FlowRunFilter = { ...asked.flow_runs, flowId: asked.flows?.id }
  if (asked.work_pools === undefined && asked.work_pool_queues === undefined) return filter
  const pools = await readWorkPools(db, { filter: asked.work_pools })
  const poolIds = new Set(pools.map(({ id }) => id))
  const queues = await readWorkQueues(db, { filter: asked.work_pool_queues })
  const any = queues.filter(({ workPoolId }) => poolIds.has(workPoolId)).map(({ id }) => id)
  return { ...filter, workQueueId: { any } }
}
