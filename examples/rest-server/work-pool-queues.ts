import { Hono } from 'hono'
import type { Kysely } from 'kysely'
import {
  createWorkQueue,
  deleteWorkQueue,
  readWorkQueues,
  updateWorkQueue,
  workQueueCreateSchema,
  workQueueFilterSchema,
  type WorkQueueTables,
  workQueueUpdateSchema,
} from 'kysely-work-queues'
import { z } from 'zod'
import { filterFromJson, fromJson, page, readBody, readOptions } from './body.js'
import { findPool, findQueue } from './by-name.js'
import { sayStatus, showQueues } from './work-queues.js'

// The route says which pool, and Prefect's clients do not set the time of a poll.
const createBody = fromJson(workQueueCreateSchema.omit({ workPoolId: true, lastPolled: true }))
const updateBody = fromJson(workQueueUpdateSchema)
const filterBody = z.object({ work_queues: filterFromJson(workQueueFilterSchema), ...page })

/** Routes under /work_pools for the queues of a pool, each by its name. */
export function workPoolQueueRoutes(db: Kysely<WorkQueueTables>): Hono {
  const routes = new Hono()

  routes.post('/:pool/queues', async (c) => {
    const input = await readBody(c, createBody)
    const pool = await findPool(db, c.req.param('pool'))
    const queue = await createWorkQueue(db, { ...input, workPoolId: pool.id })
    return c.json((await showQueues(db, [queue]))[0], 201)
  })

  routes.post('/:pool/queues/filter', async (c) => {
    const { work_queues: filter, limit, offset } = await readOptions(c, filterBody)
    const pool = await findPool(db, c.req.param('pool'))
    const queues = await readWorkQueues(db, { workPoolId: pool.id, filter, orderBy: 'priority', limit, offset })
    return c.json(await showQueues(db, queues))
  })

  routes.get('/:pool/queues/:queue', async (c) => {
    const queue = await findQueue(db, c.req.param('pool'), c.req.param('queue'))
    return c.json((await showQueues(db, [queue]))[0])
  })

  routes.patch('/:pool/queues/:queue', async (c) => {
    const patch = await readBody(c, updateBody)
    const { id } = await findQueue(db, c.req.param('pool'), c.req.param('queue'))
    await updateWorkQueue(db, id, patch, { emitStatusChange: sayStatus })
    return c.body(null, 204)
  })

  routes.delete('/:pool/queues/:queue', async (c) => {
    const { id } = await findQueue(db, c.req.param('pool'), c.req.param('queue'))
    await deleteWorkQueue(db, id)
    return c.body(null, 204)
  })

  return routes
}
