// The server, a program: takes runs over HTTP, and does all upkeep on one timer. Several may serve one database.

import { serve } from '@hono/node-server'
import { runUpkeep } from 'kysely-work-queues'
import { migrate, openDatabase } from './host-database.js'
import { every, untilStopped } from './loop.js'
import { notify } from './notify.js'
import { createRoutes } from './orchestrator-routes.js'
import { setUp } from './set-up.js'

const { DATABASE_URL = 'orchestrator.db', PORT = '4300', UPKEEP_SECONDS = '5' } = process.env
const DAY = 24 * 60 * 60

const db = openDatabase(DATABASE_URL)
await migrate(db)
const workPool = await setUp(db)

const stopped = untilStopped()
const http = serve({ fetch: createRoutes(db, workPool).fetch, port: Number(PORT), hostname: '127.0.0.1' }, ({ port }) =>
  console.log(`listening on http://127.0.0.1:${port}`),
)
await Promise.all([
  every(Number(UPKEEP_SECONDS), stopped, () =>
    runUpkeep(db, {
      // A worker that died lets its leases expire. What it ran is run again, unless it kills whoever runs it.
      runningTo: 'SCHEDULED',
      maxReleases: 3,
      pruneFlowRunsAfterSeconds: 30 * DAY,
      pruneWorkersAfterSeconds: DAY,
    }),
  ),
  every(1, stopped, () => notify(db)),
])
http.close()
await db.destroy()
