import { Hono } from 'hono'
import type { Kysely } from 'kysely'
import type { WorkQueueTables } from 'kysely-work-queues'
import { API_VERSION, checkApiVersion, PREFECT_VERSION } from './clients.js'
import { answerError } from './answer-error.js'
import { allowedMethods } from './path.js'
import { flowRunStateRoutes, stateHistoryRoutes } from './flow-run-states.js'
import { flowRunRoutes } from './flow-runs.js'
import { workPoolQueueRoutes } from './work-pool-queues.js'
import { workPoolRoutes } from './work-pools.js'
import { workQueueRoutes } from './work-queues.js'
import { workerRoutes } from './workers.js'

/** Prefect's routes for work queues, work pools, workers and flow runs, on any database that has the tables. */
export function createApp(db: Kysely<WorkQueueTables>): Hono {
  // Prefect's clients end some paths with a slash.
  const app = new Hono({ strict: false })
  app.get('/api/health', (c) => c.json(true))
  app.get('/api/ready', (c) => c.json({ message: 'OK' }))
  app.get('/api/version', (c) => c.json(API_VERSION))
  app.use('/api/*', checkApiVersion)
  // Clients ask which server they talk to, and warn when it is of another release than theirs.
  app.get('/api/admin/version', (c) => c.json(PREFECT_VERSION))
  app.route('/api/work_queues', workQueueRoutes(db))
  app.route('/api/work_pools', workPoolRoutes(db))
  app.route('/api/work_pools', workPoolQueueRoutes(db))
  app.route('/api/work_pools', workerRoutes(db))
  app.route('/api/flow_runs', flowRunRoutes(db))
  app.route('/api/flow_runs', flowRunStateRoutes(db))
  app.route('/api/flow_run_states', stateHistoryRoutes(db))
  app.notFound((c) => {
    const allow = allowedMethods(app, c.req.path)
    return allow.length === 0
      ? c.json({ detail: 'Not Found' }, 404)
      : c.json({ detail: 'Method Not Allowed' }, 405, { allow: allow.join(', ') })
  })
  app.onError(answerError)
  return app
}
