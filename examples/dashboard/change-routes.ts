import { Hono } from 'hono'
import {
  bulkUpdateWorkQueuePriorities,
  type RequiredTables,
  type Session,
  updateWorkPool,
  updateWorkQueue,
  workPoolUpdateSchema,
  workQueueUpdateSchema,
} from 'kysely-work-queues'
import { z } from 'zod'
import { found } from '../rest-server/answer-error.js'
import { readBody } from '../rest-server/body.js'

// The library's own schemas, of what the page may change.
const queueBody = workQueueUpdateSchema.pick({ isPaused: true, concurrencyLimit: true, priority: true })
const poolBody = workPoolUpdateSchema.pick({ isPaused: true, concurrencyLimit: true })
const prioritiesBody = z.record(z.string(), workQueueUpdateSchema.shape.priority.unwrap())

/**
 * What the page changes. All are PATCH: a page of another origin cannot send it without being allowed to, and nothing here allows it.
 *
 * @param hasChanged - Is called after each change.
 */
export function changeRoutes<DB extends RequiredTables>(db: Session<DB>, hasChanged: () => void): Hono {
  const routes = new Hono()

  routes.patch('/queues/:id', async (c) => {
    const patch = await readBody(c, queueBody)
    const isThere = await updateWorkQueue(db, c.req.param('id'), patch)
    found(isThere || undefined, 'This work queue does not exist any more.')
    hasChanged()
    return c.body(null, 204)
  })

  routes.patch('/pools/:id', async (c) => {
    await updateWorkPool(db, c.req.param('id'), await readBody(c, poolBody))
    hasChanged()
    return c.body(null, 204)
  })

  // By queue id, all at once.
  routes.patch('/pools/:id/priorities', async (c) => {
    await bulkUpdateWorkQueuePriorities(db, c.req.param('id'), await readBody(c, prioritiesBody))
    hasChanged()
    return c.body(null, 204)
  })

  return routes
}
