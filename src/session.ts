import { type FunctionModule, type Kysely, type RawBuilder, sql, TableNode } from 'kysely'
import { UnsupportedDialectError } from './errors.js'
import type { Dialect } from './model/dialect.js'
import type { WorkQueueTables } from './model/tables.js'

/**
 * What every function takes first: the host's Kysely instance, or its transaction, typed for the host's own database.
 *
 * The type is structural and small on purpose: `Kysely<Host>`, `Transaction<Host>` and `ControlledTransaction<Host>` of a
 * host whose database extends {@link WorkQueueTables} all fit, and a database without these tables does not: the compiler's message
 * names the tables.
 */
export interface Session<DB> {
  /** Carries `DB`, so that TypeScript infers it and checks that the tables are there. */
  readonly fn: FunctionModule<DB, keyof DB>
  /** Whether the session is a transaction of the caller. */
  readonly isTransaction: boolean
}

/** Any database that has the tables of {@link WorkQueueTables}. */
export type RequiredTables = Requirement['tables']

// Looked up, not declared: a compiler that refuses a database prints an alias as its name, and this as the tables it asks for.
interface Requirement {
  readonly tables: { [T in keyof WorkQueueTables]: object }
}

/** An opened session: what the operations work with. */
export interface Scope {
  readonly db: Kysely<WorkQueueTables>
  readonly dialect: Dialect
  readonly isTransaction: boolean
  /** The host's schema, if it has set one. */
  readonly schema: string | undefined
  /** The tables as an `sql` template needs them: in the host's schema, which Kysely adds to built queries only. */
  readonly tables: { readonly [T in keyof WorkQueueTables]: RawBuilder<unknown> }
}

// Opening takes two compilations, about 10 µs. What it finds never changes for a session, so it is kept as long as the session
// itself lives, and not longer.
const opened = new WeakMap<object, Scope>()

/**
 * Opens the caller's session: the one place that casts it and tells its dialect.
 *
 * It drops the host's plugins, which might rename keys or rewrite values (CamelCasePlugin, ParseJSONResultsPlugin), and keeps its
 * schema.
 */
export function open<DB extends RequiredTables>(session: Session<DB>): Scope {
  let scope = opened.get(session)
  if (scope === undefined) {
    const host = session as unknown as Kysely<WorkQueueTables>
    const schema = schemaOf(host)
    const bare = host.withoutPlugins()
    // `withSchema` is a plugin too, so `withoutPlugins` has dropped it.
    const db = schema === undefined ? bare : bare.withSchema(schema)
    scope = { db, dialect: dialectOf(db), isTransaction: session.isTransaction, schema, tables: tablesIn(schema) }
    opened.set(session, scope)
  }
  return scope
}

/**
 * Runs a writing operation in the caller's transaction, or in one of its own that commits when `run` returns.
 *
 * On SQLite it begins with a write: a transaction that reads first and writes later fails with SQLITE_BUSY_SNAPSHOT when another
 * connection wrote in between, and no busy timeout helps. One that begins with a write waits for its turn.
 */
export async function write<DB extends RequiredTables, T>(
  session: Session<DB>,
  run: (scope: Scope) => Promise<T>,
): Promise<T> {
  const outer = open(session)
  const inside = async (scope: Scope): Promise<T> => {
    if (scope.dialect === 'sqlite') await takeWriteLock(scope)
    return await run(scope)
  }
  if (outer.isTransaction) return await inside(outer)
  return await outer.db.transaction().execute((db) => inside({ ...outer, db, isTransaction: true }))
}

/** Takes SQLite's one write lock: any `update` does, also one of no row. */
async function takeWriteLock({ db }: Scope): Promise<void> {
  await db
    .updateTable('work_pool')
    .set((eb) => ({ id: eb.ref('id') }))
    .where(sql.lit(0), '=', sql.lit(1))
    .execute()
}

/** The schema that the host's plugins put our tables in, if any. */
function schemaOf(db: Kysely<WorkQueueTables>): string | undefined {
  const from = db.selectFrom('work_queue').selectAll().toOperationNode().from?.froms[0]
  return from !== undefined && TableNode.is(from) ? from.table.schema?.name : undefined
}

function tablesIn(schema: string | undefined): Scope['tables'] {
  const table = (name: string): RawBuilder<unknown> => (schema === undefined ? sql.id(name) : sql.id(schema, name))
  return {
    work_pool: table('work_pool'),
    work_queue: table('work_queue'),
    worker: table('worker'),
    flow_run: table('flow_run'),
    flow_run_state: table('flow_run_state'),
  }
}

/** Tells the dialect by how it compiles a parameter and an identifier: public API, right for every driver and for copies of Kysely. */
function dialectOf(db: Kysely<WorkQueueTables>): Dialect {
  const compiled = sql`select ${1} as ${sql.id('a')}`.compile(db).sql
  if (compiled.includes('$1')) return 'postgres'
  if (compiled.includes('`')) throw new UnsupportedDialectError('mysql')
  if (compiled.includes('@1')) throw new UnsupportedDialectError('mssql')
  if (compiled.includes('?')) return 'sqlite'
  throw new UnsupportedDialectError('unknown')
}
