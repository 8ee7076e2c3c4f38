import { Kysely, Migrator, PostgresDialect } from 'kysely'
import type { WorkQueueTables } from 'kysely-work-queues'
import { migrations } from 'kysely-work-queues/migrations'
import { startPostgres } from '../../test/support/start-postgres.js'
import { openPool } from '../support/pool.js'
import type { Server } from './claim-over-servers.js'

/** A database server that can be stopped and started again, with our tables. */
export interface FleetServer extends Server, AsyncDisposable {
  readonly url: string
  /** Ends it at once, with all that is under way: to its data, a crash. */
  crash(): Promise<void>
  resume(): Promise<void>
}

/** Starts a PostgreSQL server. */
export async function startServer(name: string): Promise<FleetServer> {
  // Commits are synchronous, for what was answered has to outlive a crash of the server. The machine does not crash here.
  const postgres = await startPostgres({ settings: ['fsync=off', 'max_connections=60'] })
  // Of a server that does not answer, connections are given up soon.
  const pool = openPool({ connectionString: postgres.url, max: 12, connectionTimeoutMillis: 2_000 })
  const db = new Kysely<WorkQueueTables>({ dialect: new PostgresDialect({ pool }) })
  const { error } = await new Migrator({ db, provider: { getMigrations: async () => migrations } }).migrateToLatest()
  if (error !== undefined) throw error
  return {
    name,
    db,
    url: postgres.url,
    crash: async () => await postgres.halt('at once'),
    resume: async () => await postgres.resume(),
    async [Symbol.asyncDispose]() {
      await db.destroy()
      await postgres.stop()
    },
  }
}
