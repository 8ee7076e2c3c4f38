import { Hono } from 'hono'
import {
  cancelFlowRun,
  countFlowRunsByState,
  createFlowRun,
  DefaultWorkQueueError,
  explainFlowRun,
  explainWorkQueue,
  FlowRunNotFoundError,
  FlowRunStateConflictError,
  flowRunCreateSchema,
  formatExplanation,
  formatPrometheus,
  InvalidInputError,
  isRetryable,
  readFlowRun,
  readFlowRuns,
  readFlowRunStates,
  readLeases,
  readWorkers,
  readWorkPoolStats,
  readWorkQueueByName,
  readWorkQueueStats,
  retryFlowRun,
  updateWorkQueue,
  type WorkPool,
  type WorkQueue,
  WorkQueueNotFoundError,
  workQueueUpdateSchema,
} from 'kysely-work-queues'
import { z } from 'zod'
import type { Host } from './host-database.js'

// The library's own schemas, at the boundary: of runs what a client may say, by the name of their queue, and a key that makes a
// request safe to send twice.
const runBody = flowRunCreateSchema
  .pick({ name: true, parameters: true, tags: true, nextScheduledStartTime: true })
  .extend({ queue: z.string(), key: z.string().optional() })
const queueBody = workQueueUpdateSchema.pick({ isPaused: true, concurrencyLimit: true, priority: true })

/** All runs are of one flow here. A key is unique in it. */
const FLOW_ID = '00000000-0000-7000-8000-000000000001'

/** Errors, and the status that answers them. */
const STATUS_OF = [
  [z.ZodError, 422],
  [InvalidInputError, 422],
  [FlowRunNotFoundError, 404],
  [WorkQueueNotFoundError, 404],
  [FlowRunStateConflictError, 409],
  [DefaultWorkQueueError, 409],
] as const

/** The host's HTTP API. */
export function createRoutes(db: Host, { id: workPoolId, name: workPoolName }: WorkPool): Hono {
  const app = new Hono()
  const findQueue = async (name: string): Promise<WorkQueue> => {
    const queue = await readWorkQueueByName(db, name, { workPoolName })
    if (queue === undefined) throw new WorkQueueNotFoundError(name)
    return queue
  }

  app.get('/health', (c) => c.json({ ok: true }))

  app.post('/runs', async (c) => {
    const { queue, key, ...run } = runBody.parse(await c.req.json())
    const { id: workQueueId } = await findQueue(queue)
    const { flowRun, created } = await createFlowRun(db, { ...run, workQueueId, flowId: FLOW_ID, idempotencyKey: key })
    return c.json(flowRun, created ? 201 : 200)
  })

  // Newest first.
  app.get('/runs', async (c) => {
    const queue = c.req.query('queue')
    const filter = queue === undefined ? {} : { memberOf: (await findQueue(queue)).id }
    return c.json(await readFlowRuns(db, { filter, orderBy: 'created', descending: true, limit: 50 }))
  })

  app.get('/runs/:id', async (c) => {
    const flowRun = await readFlowRun(db, c.req.param('id'))
    if (flowRun === undefined) throw new FlowRunNotFoundError(c.req.param('id'))
    const why = flowRun.stateType === 'SCHEDULED' ? formatExplanation(await explainFlowRun(db, flowRun.id)) : null
    return c.json({ flowRun, history: await readFlowRunStates(db, flowRun.id), why })
  })

  app.post('/runs/:id/cancel', async (c) => c.json(await cancelFlowRun(db, c.req.param('id'), { message: 'asked to' })))
  app.post('/runs/:id/retry', async (c) => c.json(await retryFlowRun(db, c.req.param('id'))))

  app.patch('/queues/:name', async (c) => {
    const { id } = await findQueue(c.req.param('name'))
    await updateWorkQueue(db, id, queueBody.parse(await c.req.json()))
    return c.json(await findQueue(c.req.param('name')))
  })

  app.get('/queues/:name/why', async (c) => {
    const { id } = await findQueue(c.req.param('name'))
    return c.text(formatExplanation(await explainWorkQueue(db, id)))
  })

  app.get('/stats', async (c) => {
    const [pool] = await readWorkPoolStats(db, { workPoolIds: [workPoolId] })
    const queues = await readWorkQueueStats(db, { workPoolIds: [workPoolId] })
    return c.json({ pool, queues, runs: await countFlowRunsByState(db) })
  })

  app.get('/metrics', async (c) => {
    const pools = await readWorkPoolStats(db, { workPoolIds: [workPoolId] })
    return c.text(formatPrometheus([...pools, ...(await readWorkQueueStats(db, { workPoolIds: [workPoolId] }))]))
  })

  app.get('/workers', async (c) =>
    c.json({ workers: await readWorkers(db, workPoolId), leases: await readLeases(db, { workPoolIds: [workPoolId] }) }),
  )

  app.onError((error, c) => {
    const status = STATUS_OF.find(([type]) => error instanceof type)?.[1] ?? (isRetryable(error) ? 503 : 500)
    if (status === 500) console.error(error)
    return c.json({ error: error.message }, status)
  })
  return app
}
