import {
  type DatabaseConnection,
  type DialectAdapter,
  type FunctionModule,
  type Kysely,
  type KyselyProps,
  type QueryExecutor,
  type RawBuilder,
  sql,
  TableNode,
  Transaction,
} from 'kysely'
import { UnsupportedDialectError } from './errors.js'
import type { Dialect } from './model/dialect.js'
import type { AllTables, WorkQueueTables } from './model/tables.js'

/**
 * What every function takes first: the host's Kysely instance, or its transaction, typed for the host's own
 * database.
 *
 * The type is structural and small on purpose: `Kysely<Host>`, `Transaction<Host>` and
 * `ControlledTransaction<Host>` of a host whose database extends {@link WorkQueueTables} all fit, and a
 * database without these tables does not: the compiler's message names the tables.
 */
export interface Session<DB> {
  /** Carries `DB`, so that TypeScript infers it and checks that the tables are there. */
  readonly fn: FunctionModule<DB, keyof DB>
  /** Whether the session is a transaction of the caller. */
  readonly isTransaction: boolean
}

/** Any database that has the tables of {@link WorkQueueTables}. */
export type RequiredTables = Requirement['tables']

// Looked up, not declared: a compiler that refuses a database prints an alias as its name, and this as the
// tables it asks for.
interface Requirement {
  readonly tables: { [T in keyof WorkQueueTables]: object }
}

/** An opened session: what the operations work with. */
export interface Scope {
  readonly db: Kysely<AllTables>
  readonly dialect: Dialect
  readonly isTransaction: boolean
  /** The host's schema, if it has set one. */
  readonly schema: string | undefined
  /**
   * The tables as an `sql` template needs them: in the host's schema, which Kysely adds to built queries
   * only.
   */
  readonly tables: { readonly [T in keyof AllTables]: RawBuilder<unknown> }
}

/**
 * Opens the caller's session for one call: the one place that casts it and finds out what it is. `run` makes
 * all the call's statements.
 *
 * It drops the host's plugins, which might rename keys or rewrite values (CamelCasePlugin,
 * ParseJSONResultsPlugin), and keeps its schema.
 *
 * The session may be another thing at the next call, or while this one is under way: a host may inject one
 * Proxy for 'the current transaction', and a plugin may name the schema of the current tenant. So everything
 * is asked at each call, before anything is awaited, and nothing is kept by the session's identity.
 *
 * In a transaction of the caller's, calls run one after the other, in the order made. The lock that they wait
 * for is the one that Kysely's own statements of that transaction wait for, so it is the same through a
 * Proxy, `withSchema` or a savepoint, other transactions have others, and it goes with its transaction. `run`
 * must not await the host: what the host then does with the transaction would wait for `run`.
 *
 * It takes 2 µs, 5 to 10 with plugins or a schema, 6 in a transaction (a statement on SQLite in memory takes
 * 20 at the least).
 */
export async function open<DB extends RequiredTables, T>(
  session: Session<DB>,
  run: (scope: Scope) => Promise<T>,
): Promise<T> {
  const host = session as unknown as Kysely<AllTables>
  const schema = host.getExecutor().plugins.length === 0 ? undefined : schemaOf(host)
  const bare = host.withoutPlugins()
  looks.get(bare.getExecutor().adapter)?.()
  // `withSchema` is a plugin too, so `withoutPlugins` has dropped it.
  const db = schema === undefined ? bare : bare.withSchema(schema)
  const { isTransaction } = db
  const scope = { db, dialect: dialectOf(bare), isTransaction, schema, tables: tablesIn(schema) }
  if (!isTransaction) return await run(scope)
  const executor = db.getExecutor()
  return await executor.provideConnection((connection) => run({ ...scope, db: holding(executor, connection) }))
}

// By the adapter, as `dialects` is.
const looks = new WeakMap<DialectAdapter, () => void>()

/**
 * Has `look` called at each call on the instance from now on: by it, those look around who wait in the
 * process for another call, which may hang.
 */
export function atEachCall({ db }: Pick<Scope, 'db'>, look: () => void): void {
  looks.set(db.getExecutor().adapter, look)
}

/** Opens the caller's session for a call that writes, all of it in one transaction. */
export async function write<DB extends RequiredTables, T>(
  session: Session<DB>,
  run: (scope: Scope) => Promise<T>,
): Promise<T> {
  return await open(session, (scope) => transact(scope, run))
}

/**
 * Writes in the caller's transaction, or in a new one that commits when `run` returns.
 *
 * On SQLite it begins with a write: a transaction that reads first and writes later fails with
 * SQLITE_BUSY_SNAPSHOT when another connection wrote in between, and no busy timeout helps. One that begins
 * with a write waits for its turn.
 *
 * The caller gets the error that came first. Kysely's `transaction().execute` throws that of a rollback that
 * fails after it, and it does fail when the session was terminated or when SQLite, out of disk, has rolled
 * back by itself.
 */
export async function transact<T>(scope: Scope, run: (scope: Scope) => Promise<T>): Promise<T> {
  const begun = async (inside: Scope): Promise<T> => {
    if (scope.dialect === 'sqlite') await takeWriteLock(inside)
    return await run(inside)
  }
  if (scope.isTransaction) return await begun(scope)
  // Some 0.28 do not give back the connection of a controlled transaction that could not begin or roll back.
  // `connection` always does.
  return await scope.db.connection().execute(async (connection) => {
    const transaction = await connection.startTransaction().execute()
    try {
      const result = await begun({ ...scope, db: transaction, isTransaction: true })
      await transaction.commit().execute()
      return result
    } catch (error) {
      try {
        await transaction.rollback().execute()
      } catch {
        // `error` says what happened; that nothing could be undone follows from it.
      }
      throw error
    }
  })
}

/** The transaction of `executor` for whoever holds its connection, and so need not wait for it. */
function holding(executor: QueryExecutor, connection: DatabaseConnection): Kysely<AllTables> {
  const held = executor.withConnectionProvider({ provideConnection: async (consumer) => await consumer(connection) })
  return new Transaction<AllTables>({ ...UNUSED, executor: held })
}

/** What Kysely needs to begin transactions and to end the session. Those who hold a connection do neither. */
const UNUSED = { config: {}, dialect: {}, driver: {} } as Omit<KyselyProps, 'executor'>

/**
 * Takes SQLite's one write lock: any `update` does, also one of no row. The column is in no index and no
 * foreign key, and no trigger of the event log is about it: SQLite prepares the statement in 3 µs, one of
 * `work_pool.id` in 12.
 */
export async function takeWriteLock({ db, tables }: Pick<Scope, 'db' | 'tables'>): Promise<void> {
  await sql`update ${tables.worker} set created = created where 0 = 1`.execute(db)
}

/** The schema that the host's plugins put our tables in, if any. */
function schemaOf(db: Kysely<AllTables>): string | undefined {
  const from = db.selectFrom('work_queue').selectAll().toOperationNode().from?.froms[0]
  return from !== undefined && TableNode.is(from) ? from.table.schema?.name : undefined
}

function tablesIn(schema: string | undefined): Scope['tables'] {
  return schema === undefined ? TABLES : nameTables((name) => sql.id(schema, name))
}

function nameTables(table: (name: string) => RawBuilder<unknown>): Scope['tables'] {
  return {
    work_pool: table('work_pool'),
    work_queue: table('work_queue'),
    worker: table('worker'),
    flow_run: table('flow_run'),
    flow_run_state: table('flow_run_state'),
    flow_run_lease: table('flow_run_lease'),
    work_queue_event: table('work_queue_event'),
  }
}

const TABLES = nameTables((name) => sql.id(name))

/** The dialect of the caller's session, for what asks nothing of the database. */
export function dialectOfSession<DB extends RequiredTables>(session: Session<DB>): Dialect {
  return dialectOf((session as unknown as Kysely<AllTables>).withoutPlugins())
}

// By the adapter, which an instance, its transactions and all their views share, and which a Proxy cannot
// stand in for.
const dialects = new WeakMap<DialectAdapter, Dialect>()

/**
 * Tells the dialect by how it compiles a parameter and an identifier: public API, right for every driver and
 * for copies of Kysely.
 */
function dialectOf(db: Kysely<AllTables>): Dialect {
  const { adapter } = db.getExecutor()
  let dialect = dialects.get(adapter)
  if (dialect === undefined) {
    dialect = toDialect(sql`select ${1} as ${sql.id('a')}`.compile(db).sql)
    dialects.set(adapter, dialect)
  }
  return dialect
}

function toDialect(compiled: string): Dialect {
  if (compiled.includes('$1')) return 'postgres'
  if (compiled.includes('`')) throw new UnsupportedDialectError('mysql')
  if (compiled.includes('@1')) throw new UnsupportedDialectError('mssql')
  if (compiled.includes('?')) return 'sqlite'
  throw new UnsupportedDialectError('unknown')
}
