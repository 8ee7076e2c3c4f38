import { Hono } from 'hono'
import type { Kysely } from 'kysely'
import { countFlowRuns, type FlowRunFilter, readFlowRun, readFlowRuns, type WorkQueueTables } from 'kysely-work-queues'
import { STATE_TYPES } from 'kysely-work-queues/rules'
import { z } from 'zod'
import { page, readOptions, timeSchema } from './body.js'
import { found } from './answer-error.js'
import { isObject } from './keys.js'
import { ID, idOf, toUuid } from './path.js'
import { runToJson } from './to-json.js'

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
const filter = z.preprocess(withoutNulls, criteria.nullish()).transform((given): FlowRunFilter => {
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
// Of other tables than the run's own, and orders: not yet.
const none = z.null('is not supported').optional()
const others = { flows: none, task_runs: none, deployments: none, work_pools: none, work_pool_queues: none }
const filterBody = z.object({ flow_runs: filter, ...others, sort: none, ...page })
const countBody = z.object({ flow_runs: filter, ...others })

/** Routes under /flow_runs that read. Runs are in the order of their ids. */
export function flowRunRoutes(db: Kysely<WorkQueueTables>): Hono {
  const routes = new Hono()

  routes.post('/filter', async (c) => {
    const { flow_runs: filter, limit, offset } = await readOptions(c, filterBody)
    return c.json((await readFlowRuns(db, { filter, limit, offset })).map(runToJson))
  })

  routes.post('/count', async (c) => {
    const { flow_runs: filter } = await readOptions(c, countBody)
    return c.json(await countFlowRuns(db, { filter }))
  })

  routes.get(`/${ID}`, async (c) => c.json(runToJson(found(await readFlowRun(db, idOf(c)), 'Flow run not found'))))

  return routes
}
