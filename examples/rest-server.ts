// An HTTP server with Prefect's own routes for work queues and work pools, so that Prefect's clients and command line talk to it.
// On the PostgreSQL of DATABASE_URL, else on a SQLite file. Run it with `npm run example examples/rest-server.ts`, then
// `PREFECT_API_URL=http://127.0.0.1:4200/api prefect work-queue ls`.

import { Migrator } from 'kysely'
import type { WorkQueueTables } from 'kysely-work-queues'
import { migrations } from 'kysely-work-queues/migrations'
import { createApp } from './rest-server/app.js'
import { serveApp } from './rest-server/serve.js'
import { openDatabase } from './support/open-database.js'

const { DATABASE_URL, SQLITE_FILE = 'work-queues.db', PORT = '4200' } = process.env

const db = openDatabase<WorkQueueTables>(DATABASE_URL ?? SQLITE_FILE)
const { error } = await new Migrator({ db, provider: { getMigrations: async () => migrations } }).migrateToLatest()
if (error !== undefined) throw error

const server = serveApp(createApp(db), Number(PORT), ({ port }) =>
  console.log(`listening on http://127.0.0.1:${port}/api`),
)
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => server.close(() => void db.destroy()))
