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

/** A session that keeps the queries it sends, with their parameters. Outside transactions only. */
export interface Recorder {
  readonly db: Kysely<WorkQueueTables>
  readonly queries: CompiledQuery[]
}

/** Makes a session that sends its queries through `plain`, and keeps them. */
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
  const refuse = async (): Promise<void> => {
    throw new Error('transactions are not recorded')
  }
  const driver: Driver = {
    init: async () => {},
    acquireConnection: async () => connection,
    beginTransaction: refuse,
    commitTransaction: refuse,
    rollbackTransaction: refuse,
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
