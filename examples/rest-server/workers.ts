import { Hono } from 'hono'
import type { Kysely } from 'kysely'
import { deleteWorker, readWorkers, recordWorkerHeartbeat, type WorkQueueTables } from 'kysely-work-queues'
import { z } from 'zod'
import { page, readOptions } from './body.js'
import { findPool } from './by-name.js'
import { found, orNothing } from './answer-error.js'
import { workerToJson } from './to-json.js'

const heartbeatBody = z.object({ name: z.string(), heartbeat_interval_seconds: z.int().nullish() })
const statuses = z.object({ any_: z.array(z.enum(['ONLINE', 'OFFLINE'])).nullish() })
const status = statuses.nullish().transform((given) => {
  const { any_: any } = given ?? {}
  return any ?? undefined
})
const workersBody = z.object({ workers: z.object({ status }).nullish(), ...page })

/** Routes under /work_pools for the workers of a pool, each by its name. */
export function workerRoutes(db: Kysely<WorkQueueTables>): Hono {
  const routes = new Hono()

  routes.post('/:pool/workers/heartbeat', async (c) => {
    const { name, heartbeat_interval_seconds: seconds } = await readOptions(c, heartbeatBody)
    const { id } = await findPool(db, c.req.param('pool'))
    await recordWorkerHeartbeat(db, id, name, { heartbeatIntervalSeconds: seconds ?? undefined })
    return c.body(null, 204)
  })

  routes.post('/:pool/workers/filter', async (c) => {
    const { workers, limit, offset } = await readOptions(c, workersBody)
    const { id } = await findPool(db, c.req.param('pool'))
    const read = await readWorkers(db, id, { status: workers?.status, limit, offset })
    return c.json(read.map(workerToJson))
  })

  routes.delete('/:pool/workers/:worker', async (c) => {
    const { id } = await findPool(db, c.req.param('pool'))
    const deleted = await orNothing(deleteWorker(db, id, c.req.param('worker')))
    found(deleted || undefined, 'Worker not found.')
    return c.body(null, 204)
  })

  return routes
}
