import { type Context, Hono } from 'hono'
import type { Kysely } from 'kysely'
import {
  countWorkPoolActiveSlots,
  countWorkPools,
  countWorkQueues,
  createWorkPool,
  deleteWorkPool,
  getScheduledFlowRuns,
  readWorkPools,
  readWorkPoolSlotHolders,
  readWorkQueues,
  updateWorkPool,
  type WorkPool,
  workPoolCreateSchema,
  workPoolFilterSchema,
  workPoolUpdateSchema,
  type WorkQueueTables,
} from 'kysely-work-queues'
import { z } from 'zod'
import { filterFromJson, fromJson, page, pageNumber, readBody, readOptions, times, withDefault } from './body.js'
import { findPool, findQueue, refuseReserved } from './by-name.js'
import { isOlderThanResultStorage } from './clients.js'
import { checkJobTemplate } from './job-template.js'
import { poolToJson, runToJson, slotToJson } from './to-json.js'
import { recordPolls } from './work-queues.js'

const createBody = fromJson(workPoolCreateSchema, checkJobTemplate)
const updateBody = fromJson(workPoolUpdateSchema.omit({ status: true }), checkJobTemplate)
const filter = filterFromJson(workPoolFilterSchema)
const filterBody = z.object({ work_pools: filter, ...page })
const countBody = z.object({ work_pools: filter })
const pollBody = z.object({ work_queue_names: z.array(z.string()).nullish(), ...times, limit: page.limit })
const concurrencyBody = z.object({
  page: pageNumber,
  limit: page.limit,
  flow_run_limit: withDefault(z.int().min(0).max(200), 10),
})

/** Routes under /work_pools for the pools themselves, each by its name. */
export function workPoolRoutes(db: Kysely<WorkQueueTables>): Hono {
  const routes = new Hono()

  const show = async (c: Context, pools: readonly WorkPool[]): Promise<object[]> => {
    const limited = pools.filter(({ concurrencyLimit }) => concurrencyLimit !== null)
    const active = await countWorkPoolActiveSlots(
      db,
      limited.map(({ id }) => id),
    )
    return pools.map((pool) => poolToJson(pool, active.get(pool.id), isOlderThanResultStorage(c)))
  }

  routes.post('/', async (c) => {
    const input = await readBody(c, createBody)
    refuseReserved(input.name, 'created')
    return c.json((await show(c, [await createWorkPool(db, input)]))[0], 201)
  })

  routes.post('/filter', async (c) => {
    const { work_pools: filter, limit, offset } = await readOptions(c, filterBody)
    return c.json(await show(c, await readWorkPools(db, { filter, limit, offset })))
  })

  routes.post('/count', async (c) => {
    const { work_pools: filter } = await readOptions(c, countBody)
    return c.json(await countWorkPools(db, { filter }))
  })

  routes.get('/:pool', async (c) => c.json((await show(c, [await findPool(db, c.req.param('pool'))]))[0]))

  routes.patch('/:pool', async (c) => {
    const { isPaused, concurrencyLimit, ...others } = await readBody(c, updateBody)
    const name = c.req.param('pool')
    if (Object.keys(others).length > 0) refuseReserved(name, 'updated, but to pause them or to limit their concurrency')
    const { id } = await findPool(db, name)
    await updateWorkPool(
      db,
      id,
      { ...others, isPaused, concurrencyLimit },
      {
        // Prefect's server emits an event here.
        emitStatusChange: ({ after }) => console.log(`work pool ${after.name} is ${after.status}`),
      },
    )
    return c.body(null, 204)
  })

  routes.delete('/:pool', async (c) => {
    refuseReserved(c.req.param('pool'), 'deleted')
    const { id } = await findPool(db, c.req.param('pool'))
    await deleteWorkPool(db, id)
    return c.body(null, 204)
  })

  routes.post('/:pool/get_scheduled_flow_runs', async (c) => {
    const poll = await readOptions(c, pollBody)
    const pool = await findPool(db, c.req.param('pool'))
    const names = poll.work_queue_names ?? []
    const asked = await Promise.all(names.map((name) => findQueue(db, pool.name, name)))
    const scheduled = await getScheduledFlowRuns(db, {
      workPoolIds: [pool.id],
      workQueueIds: names.length > 0 ? asked.map(({ id }) => id) : undefined,
      scheduledBefore: poll.scheduled_before,
      scheduledAfter: poll.scheduled_after,
      limit: poll.limit,
    })
    await recordPolls(db, names.length > 0 ? asked : await readWorkQueues(db, { workPoolId: pool.id }))
    return c.json(
      scheduled.map(({ workPoolId, workQueueId, flowRun }) => ({
        work_pool_id: workPoolId,
        work_queue_id: workQueueId,
        flow_run: runToJson(flowRun),
      })),
    )
  })

  routes.post('/:pool/concurrency_status', async (c) => {
    const { page, limit, flow_run_limit: limitPerQueue } = await readOptions(c, concurrencyBody)
    const pool = await findPool(db, c.req.param('pool'))
    const workPoolId = pool.id
    const queues = await readWorkQueues(db, { workPoolId, orderBy: 'priority', limit, offset: (page - 1) * limit })
    const count = await countWorkQueues(db, { workPoolId })
    const active = await countWorkPoolActiveSlots(db, [workPoolId])
    // All of them, so that they are counted as polls of the pool count them. No more run at once than the workers can.
    const holders = await readWorkPoolSlotHolders(db, workPoolId, { workQueueIds: queues.map(({ id }) => id) })
    const runsOfQueue = new Map(queues.map(({ id }): [string | null, object[]] => [id, []]))
    for (const { flowRun } of holders) runsOfQueue.get(flowRun.workQueueId)?.push(slotToJson(flowRun))
    return c.json({
      active_slots: active.get(workPoolId) ?? 0,
      concurrency_limit: pool.concurrencyLimit,
      queues: queues.map((queue) => {
        const runs = runsOfQueue.get(queue.id) ?? []
        return {
          queue_id: queue.id,
          queue_name: queue.name,
          active_slots: runs.length,
          concurrency_limit: queue.concurrencyLimit,
          flow_runs: runs.slice(0, limitPerQueue),
          flow_run_count: runs.length,
        }
      }),
      count,
      limit,
      page,
      pages: limit > 0 ? Math.ceil(count / limit) : 0,
    })
  })

  return routes
}
