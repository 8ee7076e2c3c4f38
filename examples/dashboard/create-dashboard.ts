import { Hono } from 'hono'
import { compress } from 'hono/compress'
import { etag, RETAINED_304_HEADERS } from 'hono/etag'
import type { RequiredTables, Session } from 'kysely-work-queues'
import { answerError } from '../rest-server/answer-error.js'
import type { ChangeFeed } from './change-feed.js'
import { changeRoutes } from './change-routes.js'
import { readDetailOfQueue, readDetailOfRun } from './read-details.js'
import { readOverview } from './read-overview.js'
import { servePage } from './serve-page.js'
import { SharedReads } from './shared-reads.js'
import { streamChanges } from './stream-changes.js'

/** How a dashboard is served. */
export interface DashboardOptions {
  /** Tells the pages when to look again. Without, they look every two seconds. */
  readonly changes?: ChangeFeed | undefined
  /** What time it is. Default: the clock. */
  readonly now?: (() => Date) | undefined
}

/** How long an answer is good enough for the next page that asks. */
const FRESH_MS = 200

// Pages load what is here, and nothing from elsewhere.
const POLICY = "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'; object-src 'none'"

// Said beside an answer, so that one in which nothing changed is the same as before, and not sent again.
const retainedHeaders = [...RETAINED_304_HEADERS, 'x-server-time', 'x-has-changes']

/**
 * The dashboard: its page, and what the page asks for. A host mounts it where it likes, behind its own login: whoever reaches it may pause
 * queues.
 */
export function createDashboard<DB extends RequiredTables>(
  db: Session<DB>,
  { changes, now }: DashboardOptions = {},
): Hono {
  const app = new Hono()
  const reads = new SharedReads<unknown>(FRESH_MS)
  // Before any page hears of it, so that none is answered with what was read before.
  changes?.listen(() => reads.forget())

  app.use(async (c, next) => {
    c.header('content-security-policy', POLICY)
    c.header('x-content-type-options', 'nosniff')
    c.header('referrer-policy', 'no-referrer')
    await next()
  })

  app.get('/api/overview', compress(), etag({ retainedHeaders }), async (c) => {
    const time = now?.()
    const openPoolIds = (c.req.query('open') ?? '').split(',')
    const overview = await readOverview(db, reads, { openPoolIds, now: time })
    c.header('x-server-time', (time ?? new Date()).toISOString())
    c.header('x-has-changes', String(changes !== undefined))
    c.header('cache-control', 'no-cache')
    return c.json(overview)
  })
  app.get('/api/changes', (c) => (changes === undefined ? c.body(null, 204) : streamChanges(c, changes)))
  app.get('/api/queues/:id', async (c) => c.json(await readDetailOfQueue(db, c.req.param('id'), now?.())))
  app.get('/api/runs/:id', async (c) => c.json(await readDetailOfRun(db, c.req.param('id'), now?.())))
  app.route(
    '/api',
    changeRoutes(db, () => {
      reads.forget()
      changes?.tell()
    }),
  )
  app.all('/api/*', (c) => c.json({ detail: 'Not Found' }, 404))
  app.get('/*', etag(), servePage)
  app.onError(answerError)
  return app
}
