import {
  type CompiledQuery,
  type DatabaseConnection,
  type Dialect,
  type Driver,
  Kysely,
  PostgresAdapter,
  PostgresQueryCompiler,
  SqliteAdapter,
  SqliteQueryCompiler,
} from 'kysely'
import type { WorkQueueTables } from 'kysely-work-queues'
import type { Db, PlanDatabase } from './databases.js'

/**
 * Calls a function with a session that keeps the statements it sends, and undoes what they did.
 *
 * To the function the session is no transaction, and it may open its own. Beneath, all happens in one that is rolled back.
 */
export async function record(database: PlanDatabase, call: (db: Db) => Promise<unknown>): Promise<CompiledQuery[]> {
  const queries: CompiledQuery[] = []
  await undone(database, async (trx) => {
    await call(sessionOver(trx, database.dialect, queries))
  })
  return queries
}

/** Runs something in a transaction, and rolls it back. */
export async function undone<T>({ plain }: PlanDatabase, run: (trx: Db) => Promise<T>): Promise<T> {
  const trx = await plain.startTransaction().execute()
  try {
    return await run(trx)
  } finally {
    await trx.rollback().execute()
  }
}

function sessionOver(trx: Db, dialect: PlanDatabase['dialect'], queries: CompiledQuery[]): Db {
  const connection: DatabaseConnection = {
    executeQuery: async <R>(query: CompiledQuery) => await trx.executeQuery<R>(query),
    streamQuery() {
      throw new Error('not recorded')
    },
  }
  const nothing = async (): Promise<void> => {}
  const driver: Driver = {
    init: nothing,
    acquireConnection: async () => connection,
    beginTransaction: nothing,
    commitTransaction: nothing,
    rollbackTransaction: nothing,
    releaseConnection: nothing,
    destroy: nothing,
  }
  const isPostgres = dialect === 'postgres'
  const recording: Dialect = {
    createDriver: () => driver,
    createAdapter: () => (isPostgres ? new PostgresAdapter() : new SqliteAdapter()),
    createQueryCompiler: () => (isPostgres ? new PostgresQueryCompiler() : new SqliteQueryCompiler()),
    createIntrospector: () => trx.introspection,
  }
  return new Kysely<WorkQueueTables>({ dialect: recording, log: ({ query }) => void queries.push(query) })
}
