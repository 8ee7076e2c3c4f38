// A page that shows work pools and queues as they are, and changes them. On the PostgreSQL of DATABASE_URL, on the SQLite file that it names,
// or in memory, with something going on; LOAD=0 makes no tables and no load, and shows what is in that database.
// Run it with `npm run example:dashboard`; dashboard/README.md says more.

import { Migrator } from 'kysely'
import type { WorkQueueTables } from 'kysely-work-queues'
import { eventLog, migrations } from 'kysely-work-queues/migrations'
import { ChangeFeed, feedByEvents } from './dashboard/change-feed.js'
import { createDashboard } from './dashboard/create-dashboard.js'
import { Load } from './dashboard/load.js'
import { every, untilStopped } from './orchestrator/loop.js'
import { serveApp } from './rest-server/serve.js'
import { openDatabase } from './support/open-database.js'

const { DATABASE_URL = ':memory:', PORT = '4400', LOAD = '1' } = process.env
const hasLoad = LOAD !== '0'

const db = openDatabase<WorkQueueTables>(DATABASE_URL)
const stopped = untilStopped()
const changes = new ChangeFeed()
const tasks: Promise<void>[] = []
if (hasLoad) {
  const migrator = new Migrator({
    db,
    provider: { getMigrations: async () => ({ ...migrations, ...eventLog }) },
    allowUnorderedMigrations: true,
  })
  const { error } = await migrator.migrateToLatest()
  if (error !== undefined) throw error
  const load = await Load.setUp(db)
  tasks.push(
    every(0.5, stopped, () => load.step(new Date())),
    feedByEvents(db, changes, stopped),
  )
}

// Events that we take are gone, so of a database that is another's we take none, and pages look every two seconds.
const dashboard = createDashboard(db, hasLoad ? { changes } : {})
const server = serveApp(dashboard, Number(PORT), ({ port }) => console.log(`listening on http://127.0.0.1:${port}`))
stopped.addEventListener('abort', () => {
  server.close()
  server.closeAllConnections()
  void Promise.all(tasks).then(() => db.destroy())
})
