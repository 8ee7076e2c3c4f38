import type { CompiledQuery, DatabaseConnection, Dialect, Driver, QueryResult } from 'kysely'

/** Stands before every statement, `begin`, `commit` and `rollback` too: runs it, or another in its place, or does not. */
export type Intercept = (
  statement: string,
  run: (instead?: CompiledQuery) => Promise<QueryResult<unknown>>,
) => Promise<QueryResult<unknown>>

/** A dialect whose every statement goes through `intercept`. */
export function intercepted(dialect: Dialect, intercept: Intercept): Dialect {
  return {
    createAdapter: () => dialect.createAdapter(),
    createQueryCompiler: () => dialect.createQueryCompiler(),
    createIntrospector: (db) => dialect.createIntrospector(db),
    createDriver: () => new InterceptedDriver(dialect.createDriver(), intercept),
  }
}

class InterceptedConnection implements DatabaseConnection {
  readonly inner: DatabaseConnection
  readonly #intercept: Intercept

  constructor(inner: DatabaseConnection, intercept: Intercept) {
    this.inner = inner
    this.#intercept = intercept
  }

  async executeQuery<R>(query: CompiledQuery): Promise<QueryResult<R>> {
    const run = (instead: CompiledQuery = query): Promise<QueryResult<unknown>> => this.inner.executeQuery(instead)
    return (await this.#intercept(query.sql, run)) as QueryResult<R>
  }

  streamQuery(): never {
    throw new Error('the library streams nothing')
  }
}

class InterceptedDriver implements Driver {
  readonly #inner: Driver
  readonly #intercept: Intercept

  constructor(inner: Driver, intercept: Intercept) {
    this.#inner = inner
    this.#intercept = intercept
  }

  init(): Promise<void> {
    return this.#inner.init()
  }

  async acquireConnection(): Promise<DatabaseConnection> {
    return new InterceptedConnection(await this.#inner.acquireConnection(), this.#intercept)
  }

  // Kysely's drivers send `begin` and the like through the connection that they are given, so these are intercepted too.
  beginTransaction(connection: DatabaseConnection, settings: Parameters<Driver['beginTransaction']>[1]): Promise<void> {
    return this.#inner.beginTransaction(connection, settings)
  }

  commitTransaction(connection: DatabaseConnection): Promise<void> {
    return this.#inner.commitTransaction(connection)
  }

  rollbackTransaction(connection: DatabaseConnection): Promise<void> {
    return this.#inner.rollbackTransaction(connection)
  }

  releaseConnection(connection: DatabaseConnection): Promise<void> {
    return this.#inner.releaseConnection(connection instanceof InterceptedConnection ? connection.inner : connection)
  }

  destroy(): Promise<void> {
    return this.#inner.destroy()
  }
}
