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
import type { TestDatabase } from './databases.js'

/** A session that keeps the queries it sends, with their parameters. */
export interface Recorder {
  readonly db: Kysely<WorkQueueTables>
  readonly queries: CompiledQuery[]
}

/**
 * Makes a session that sends its queries through `plain`, and keeps them. It opens no transaction, unless `plain` is one: then its
 * own begin and end nothing.
 */
export function recorder({ plain, dialect }: Pick<TestDatabase, 'plain' | 'dialect'>): Recorder {
  const queries: CompiledQuery[] = []
  const connection: DatabaseConnection = {
    async executeQuery<R>(query: CompiledQuery) {
      queries.push(query)
      return await plain.executeQuery<R>(query)
    },
    streamQuery() {
      throw new Error('not recorded')
    },
  }
  const transact = async (): Promise<void> => {
    if (!plain.isTransaction) throw new Error('transactions are not recorded')
  }
  const driver: Driver = {
    init: async () => {},
    acquireConnection: async () => connection,
    beginTransaction: transact,
    commitTransaction: transact,
    rollbackTransaction: transact,
    releaseConnection: async () => {},
    destroy: async () => {},
  }
  const isPostgres = dialect === 'postgres'
  const recording: Dialect = {
    createDriver: () => driver,
    createAdapter: () => (isPostgres ? new PostgresAdapter() : new SqliteAdapter()),
    createQueryCompiler: () => (isPostgres ? new PostgresQueryCompiler() : new SqliteQueryCompiler()),
    createIntrospector: () => plain.introspection,
  }
  return { db: new Kysely<WorkQueueTables>({ dialect: recording }), queries }
}
