import { Hono } from 'hono'
import type { Kysely } from 'kysely'
import {
  countWorkQueueActiveSlots,
  createWorkQueue,
  deleteWorkQueue,
  getRunsInWorkQueue,
  readWorkPools,
  readWorkQueue,
  readWorkQueueByName,
  readWorkQueues,
  readWorkQueueSlotHolders,
  readWorkQueueStatus,
  recordWorkQueuePolls,
  updateWorkQueue,
  type WorkQueue,
  workQueueCreateSchema,
  workQueueFilterSchema,
  type WorkQueueTables,
  workQueueUpdateSchema,
} from 'kysely-work-queues'
import { z } from 'zod'
import { filterFromJson, fromJson, page, pageNumber, readBody, readOptions, times } from './body.js'
import { found, orNothing } from './answer-error.js'
import { ID, idOf } from './path.js'
import { queueToJson, runToJson, slotToJson } from './to-json.js'

const createBody = fromJson(workQueueCreateSchema.omit({ workPoolId: true, lastPolled: true }))
const updateBody = fromJson(workQueueUpdateSchema)
const filterBody = z.object({ work_queues: filterFromJson(workQueueFilterSchema), ...page })
const pollBody = z.object({ scheduled_before: times.scheduled_before, limit: page.limit })
const concurrencyBody = z.object({ page: pageNumber, limit: page.limit })

const NOT_FOUND = 'work queue not found'

/** Routes under /work_queues: queues by id, and by name in whatever pool. */
export function workQueueRoutes(db: Kysely<WorkQueueTables>): Hono {
  const routes = new Hono()
  const show = async (queue: WorkQueue): Promise<object | undefined> => (await showQueues(db, [queue]))[0]

  routes.post('/', async (c) => {
    const queue = await createWorkQueue(db, await readBody(c, createBody))
    return c.json(await show(queue), 201)
  })

  routes.post('/filter', async (c) => {
    const { work_queues: filter, limit, offset } = await readOptions(c, filterBody)
    return c.json(await showQueues(db, await readWorkQueues(db, { filter, limit, offset })))
  })

  routes.get('/name/:name', async (c) =>
    c.json(await show(found(await orNothing(readWorkQueueByName(db, c.req.param('name'))), NOT_FOUND))),
  )

  routes.get(`/${ID}`, async (c) => c.json(await show(found(await readWorkQueue(db, idOf(c)), NOT_FOUND))))

  routes.patch(`/${ID}`, async (c) => {
    const patch = await readBody(c, updateBody)
    const id = idOf(c)
    const updated = await updateWorkQueue(db, id, patch, { emitStatusChange: sayStatus })
    found(updated || undefined, `Work Queue ${id} not found`)
    return c.body(null, 204)
  })

  routes.delete(`/${ID}`, async (c) => {
    found((await deleteWorkQueue(db, idOf(c))) || undefined, NOT_FOUND)
    return c.body(null, 204)
  })

  routes.post(`/${ID}/get_runs`, async (c) => {
    const { scheduled_before: scheduledBefore, limit } = await readOptions(c, pollBody)
    const { workQueue, runs } = await getRunsInWorkQueue(db, idOf(c), { scheduledBefore, limit })
    // A person who looks at the queue is not an agent that serves it.
    if (!/^(true|t|yes|y|on|1)$/i.test(c.req.header('x-prefect-ui') ?? '')) await recordPolls(db, [workQueue])
    return c.json(runs.map((run) => ({ ...runToJson(run), work_pool_id: null, work_pool_name: null })))
  })

  routes.get(`/${ID}/status`, async (c) => {
    const { healthCheckPolicy, ...status } = await readWorkQueueStatus(db, idOf(c))
    return c.json({
      healthy: status.healthy,
      late_runs_count: status.lateRunsCount,
      last_polled: status.lastPolled,
      health_check_policy: {
        maximum_late_runs: healthCheckPolicy.maximumLateRuns,
        maximum_seconds_since_last_polled: healthCheckPolicy.maximumSecondsSinceLastPolled,
      },
    })
  })

  routes.post(`/${ID}/concurrency_status`, async (c) => {
    const { page, limit } = await readOptions(c, concurrencyBody)
    const queue = found(await readWorkQueue(db, idOf(c)), 'Work queue not found.')
    const active = (await countWorkQueueActiveSlots(db, [queue.id])).get(queue.id) ?? 0
    const holders = await readWorkQueueSlotHolders(db, queue.id, { limit, offset: (page - 1) * limit })
    return c.json({
      active_slots: active,
      concurrency_limit: queue.concurrencyLimit,
      flow_runs: holders.map(({ flowRun }) => slotToJson(flowRun)),
      count: active,
      limit,
      page,
      pages: limit > 0 ? Math.ceil(active / limit) : 0,
    })
  })

  return routes
}

/** Prefect's server emits an event here. */
export function sayStatus({ name, status }: WorkQueue): void {
  console.log(`work queue ${name} is ${status}`)
}

/** Queues with what Prefect shows beside their columns: the pool's name, and the slots in use of those with a limit. */
export async function showQueues(db: Kysely<WorkQueueTables>, queues: readonly WorkQueue[]): Promise<object[]> {
  const pools = await readWorkPools(db, { filter: { id: { any: queues.map(({ workPoolId }) => workPoolId) } } })
  const limited = queues.filter(({ concurrencyLimit }) => concurrencyLimit !== null)
  const active = await countWorkQueueActiveSlots(
    db,
    limited.map(({ id }) => id),
  )
  return queues.map((queue) =>
    queueToJson(queue, pools.find(({ id }) => id === queue.workPoolId)?.name, active.get(queue.id)),
  )
}

/** Polled queues were polled now, and those that were not ready are: Prefect's server does this after it has answered. */
export async function recordPolls(db: Kysely<WorkQueueTables>, queues: readonly WorkQueue[]): Promise<void> {
  await recordWorkQueuePolls(db, {
    polledWorkQueueIds: queues.map(({ id }) => id),
    readyWorkQueueIds: queues.filter(({ status }) => status === 'NOT_READY').map(({ id }) => id),
  })
}
