import { Hono } from 'hono'
import type { Kysely } from 'kysely'
import {
  countWorkPoolActiveSlots,
  countWorkPools,
  createWorkPool,
  createWorkQueue,
  deleteWorker,
  deleteWorkPool,
  deleteWorkQueue,
  getScheduledFlowRuns,
  readWorkers,
  readWorkPoolByName,
  readWorkPools,
  readWorkQueueByName,
  readWorkQueues,
  recordWorkerHeartbeat,
  updateWorkPool,
  updateWorkQueue,
  type WorkPool,
  workPoolCreateSchema,
  workPoolFilterSchema,
  workPoolUpdateSchema,
  type WorkQueue,
  workQueueCreateSchema,
  workQueueFilterSchema,
  type WorkQueueTables,
  workQueueUpdateSchema,
} from 'kysely-work-queues'
import { z } from 'zod'
import { filterFromJson, found, fromJson, page, poolToJson, readBody, runToJson, times, workerToJson } from './wire.js'
import { recordPolls, showQueues } from './work-queues.js'

const createBody = fromJson(workPoolCreateSchema)
const updateBody = fromJson(workPoolUpdateSchema)
const filter = filterFromJson(workPoolFilterSchema)
const filterBody = z.object({ work_pools: filter, ...page })
const countBody = z.object({ work_pools: filter })
const queueCreateBody = fromJson(workQueueCreateSchema)
const queueUpdateBody = fromJson(workQueueUpdateSchema)
const queueFilterBody = z.object({ work_queues: filterFromJson(workQueueFilterSchema), ...page })
const pollBody = z.object({ work_queue_names: z.array(z.string()).nullish(), ...times, limit: page.limit })
const heartbeatBody = z.object({ name: z.string(), heartbeat_interval_seconds: z.int().nullish() })
const statuses = z.object({ any_: z.array(z.enum(['ONLINE', 'OFFLINE'])).nullish() })
const status = statuses.nullish().transform((given) => {
  const { any_: any } = given ?? {}
  return any ?? undefined
})
const workersBody = z.object({ workers: z.object({ status }).nullish(), ...page })

/** Routes under /work_pools: pools, their queues and their workers, each by name. */
export function workPoolRoutes(db: Kysely<WorkQueueTables>): Hono {
  const routes = new Hono({ strict: false })

  const findPool = async (name: string): Promise<WorkPool> =>
    found(await readWorkPoolByName(db, name), `Work pool "${name}" not found.`)
  const findQueue = async (workPoolName: string, name: string): Promise<WorkQueue> =>
    found(await readWorkQueueByName(db, name, { workPoolName }), `Work pool queue '${workPoolName}/${name}' not found.`)
  const show = async (pools: readonly WorkPool[]): Promise<object[]> => {
    const limited = pools.filter(({ concurrencyLimit }) => concurrencyLimit !== null)
    const active = await countWorkPoolActiveSlots(
      db,
      limited.map(({ id }) => id),
    )
    return pools.map((pool) => poolToJson(pool, active.get(pool.id)))
  }

  routes.post('/', async (c) => {
    const pool = await createWorkPool(db, await readBody(c, createBody))
    return c.json((await show([pool]))[0], 201)
  })

  routes.post('/filter', async (c) => {
    const { work_pools: filter, limit, offset } = await readBody(c, filterBody)
    return c.json(await show(await readWorkPools(db, { filter, limit, offset })))
  })

  routes.post('/count', async (c) => {
    const { work_pools: filter } = await readBody(c, countBody)
    return c.json(await countWorkPools(db, { filter }))
  })

  routes.get('/:pool', async (c) => c.json((await show([await findPool(c.req.param('pool'))]))[0]))

  routes.patch('/:pool', async (c) => {
    const { id } = await findPool(c.req.param('pool'))
    await updateWorkPool(db, id, await readBody(c, updateBody), {
      // Prefect's server emits an event here.
      emitStatusChange: ({ after }) => console.log(`work pool ${after.name} is ${after.status}`),
    })
    return c.body(null, 204)
  })

  routes.delete('/:pool', async (c) => {
    const { id } = await findPool(c.req.param('pool'))
    await deleteWorkPool(db, id)
    return c.body(null, 204)
  })

  routes.post('/:pool/get_scheduled_flow_runs', async (c) => {
    const poll = await readBody(c, pollBody)
    const pool = await findPool(c.req.param('pool'))
    const names = poll.work_queue_names ?? []
    const queues =
      names.length === 0
        ? await readWorkQueues(db, { workPoolId: pool.id })
        : await Promise.all(names.map((name) => findQueue(pool.name, name)))
    const scheduled = await getScheduledFlowRuns(db, {
      workPoolIds: [pool.id],
      workQueueIds: queues.map(({ id }) => id),
      scheduledBefore: poll.scheduled_before,
      scheduledAfter: poll.scheduled_after,
      limit: poll.limit,
    })
    await recordPolls(db, queues)
    return c.json(
      scheduled.map(({ workPoolId, workQueueId, flowRun }) => ({
        work_pool_id: workPoolId,
        work_queue_id: workQueueId,
        flow_run: runToJson(flowRun),
      })),
    )
  })

  routes.post('/:pool/queues', async (c) => {
    const input = await readBody(c, queueCreateBody)
    const pool = await findPool(c.req.param('pool'))
    const queue = await createWorkQueue(db, { ...input, workPoolId: pool.id })
    return c.json((await showQueues(db, [queue]))[0], 201)
  })

  routes.post('/:pool/queues/filter', async (c) => {
    const { work_queues: filter, limit, offset } = await readBody(c, queueFilterBody)
    const pool = await findPool(c.req.param('pool'))
    const queues = await readWorkQueues(db, { workPoolId: pool.id, filter, orderBy: 'priority', limit, offset })
    return c.json(await showQueues(db, queues))
  })

  routes.get('/:pool/queues/:queue', async (c) => {
    const queue = await findQueue(c.req.param('pool'), c.req.param('queue'))
    return c.json((await showQueues(db, [queue]))[0])
  })

  routes.patch('/:pool/queues/:queue', async (c) => {
    const { id } = await findQueue(c.req.param('pool'), c.req.param('queue'))
    await updateWorkQueue(db, id, await readBody(c, queueUpdateBody))
    return c.body(null, 204)
  })

  routes.delete('/:pool/queues/:queue', async (c) => {
    const { id } = await findQueue(c.req.param('pool'), c.req.param('queue'))
    await deleteWorkQueue(db, id)
    return c.body(null, 204)
  })

  routes.post('/:pool/workers/heartbeat', async (c) => {
    const { name, heartbeat_interval_seconds: seconds } = await readBody(c, heartbeatBody)
    const { id } = await findPool(c.req.param('pool'))
    await recordWorkerHeartbeat(db, id, name, { heartbeatIntervalSeconds: seconds ?? undefined })
    return c.body(null, 204)
  })

  routes.post('/:pool/workers/filter', async (c) => {
    const { workers, limit, offset } = await readBody(c, workersBody)
    const { id } = await findPool(c.req.param('pool'))
    const read = await readWorkers(db, id, { status: workers?.status, limit, offset })
    return c.json(read.map(workerToJson))
  })

  routes.delete('/:pool/workers/:worker', async (c) => {
    const { id } = await findPool(c.req.param('pool'))
    found((await deleteWorker(db, id, c.req.param('worker'))) || undefined, 'Worker not found.')
    return c.body(null, 204)
  })

  return routes
}
