import { Hono } from 'hono'
import { HTTPException } from 'hono/http-exception'
import type { ContentfulStatusCode } from 'hono/utils/http-status'
import type { Kysely } from 'kysely'
import { InvalidInputError, isRetryable, WorkQueueError, type WorkQueueTables } from 'kysely-work-queues'
import { ZodError } from 'zod'
import { toSnakeCase } from './wire.js'
import { workPoolRoutes } from './work-pools.js'
import { workQueueRoutes } from './work-queues.js'

/** Prefect's routes for work queues and work pools, on any database that has the tables. */
export function createApp(db: Kysely<WorkQueueTables>): Hono {
  // Prefect's clients end some paths with a slash.
  const app = new Hono({ strict: false })
  app.get('/api/health', (c) => c.json(true))
  // Clients ask which server they talk to, and warn when it is of another release than theirs.
  app.get('/api/admin/version', (c) => c.json('3.8.8'))
  app.route('/api/work_queues', workQueueRoutes(db))
  app.route('/api/work_pools', workPoolRoutes(db))
  app.notFound((c) => c.json({ detail: 'Not Found' }, 404))
  app.onError((error, c) => {
    const { status, detail } = toResponse(error)
    if (status === 500) console.error(error)
    return status === 422
      ? c.json({ exception_message: 'Invalid request received.', exception_detail: detail }, status)
      : c.json({ detail }, status)
  })
  return app
}

/** The status of each typed error, by the code that the error has for that. */
const STATUS_OF_CODE: Record<string, ContentfulStatusCode> = {
  WORK_QUEUE_NOT_FOUND: 404,
  WORK_POOL_NOT_FOUND: 404,
  FLOW_RUN_NOT_FOUND: 404,
  WORK_QUEUE_EXISTS: 409,
  WORK_POOL_EXISTS: 409,
  DEFAULT_WORK_QUEUE: 409,
  INVALID_INPUT: 422,
}

function toResponse(error: Error): { status: ContentfulStatusCode; detail: unknown } {
  if (error instanceof HTTPException) return { status: error.status, detail: error.message }
  if (error instanceof ZodError) {
    return { status: 422, detail: error.issues.map(({ path, message }) => issue(path.join('.'), message)) }
  }
  if (error instanceof InvalidInputError) {
    return { status: 422, detail: error.issues.map(({ path, message }) => issue(path, message)) }
  }
  if (error instanceof WorkQueueError) return { status: STATUS_OF_CODE[error.code] ?? 500, detail: error.message }
  // Prefect's clients try again on 503.
  if (isRetryable(error)) return { status: 503, detail: 'Service Unavailable' }
  return { status: 500, detail: 'Internal Server Error' }
}

function issue(path: string, message: string): { loc: string[]; msg: string } {
  return { loc: ['body', ...path.split('.').map(toSnakeCase)], msg: message }
}
