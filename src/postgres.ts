import { v5 } from 'uuid'
import { isOwnText } from './sql/cached-statement.js'
import { KeptByText } from './sql/kept-by-text.js'
import { replacing } from './sql/replacing.js'

/**
 * What the wrapper needs of a connection: a `query` that takes a text with values, or a named statement, as
 * that of `pg` does.
 */
export interface PreparingClient {
  /** Sends a statement. */
  readonly query: (...query: never[]) => unknown
}

/** What the wrapper needs of a pool: `pg.Pool`, or another one like it. */
export interface PreparingPool {
  /** Takes a connection out of the pool. */
  connect(): Promise<PreparingClient>
}

/**
 * Wraps a pool of `pg`, so that this library's own statements are prepared once for each connection and then
 * run by name: PostgreSQL parses and plans them no more, which is most of what a poll or a claim costs there.
 * All other statements pass as they are.
 *
 * A statement's name is made of its text, so that several versions of the library can share a pool. Answers
 * are the same. What is sent through the wrapper after `discard all` or `deallocate` is prepared anew. Where
 * the server forgot the names unseen, or a migration changed a type, the statement is sent once more without
 * a name; in a transaction the error ends that one alone. PgBouncer in transaction mode passes names from
 * version 1.21, with `max_prepared_statements` above 0.
 *
 * @param pool - A `pg.Pool`. It stays the host's: end it as before.
 * @returns The same pool to look at, to be given to Kysely's `PostgresDialect`.
 *
 * @example
 * ```ts
 * import { Pool } from 'pg'
 *
 * const pool = withPreparedStatements(new Pool())
 * const db = new Kysely<WorkQueueTables>({ dialect: new PostgresDialect({ pool }) })
 * ```
 */
export function withPreparedStatements<P extends PreparingPool>(pool: P): P {
  // Kysely knows a connection by its client, so a client always has the same wrapper.
  const wrapped = new WeakMap<PreparingClient, PreparingClient>()
  const take = async (): Promise<PreparingClient> => {
    const client = await pool.connect()
    let wrapper = wrapped.get(client)
    if (wrapper === undefined) wrapped.set(client, (wrapper = prepare(client)))
    return wrapper
  }
  // With a callback, it is somebody else's, who gets the client itself.
  const connect = (...callback: unknown[]): unknown =>
    callback.length === 0 ? take() : (pool as PoolOfOthers).connect(...callback)
  return replacing(pool, 'connect', connect)
}

/** A pool as others use it. */
interface PoolOfOthers {
  connect(...callback: unknown[]): unknown
}

/** The `query` of a client, which takes, and returns, more than a text and its rows: a cursor, a callback. */
type Query = (text: unknown, ...rest: unknown[]) => unknown

/** The client, with a `query` that gives our texts a name. */
function prepare(client: PreparingClient): PreparingClient {
  const send = client.query.bind(client) as Query
  // Grows when the server forgets the names: `pg` believes for ever that it has prepared what it once did.
  let generation = 0
  // What the server knows by name.
  const prepared = new Set<string>()
  const nameOf = (text: string): string | undefined => {
    const name = `${names.get(text)}_${generation}`
    if (prepared.has(name)) return name
    return generation < MOST_GENERATIONS && prepared.size < MOST_PREPARED ? name : undefined
  }
  const sendByName = async (text: string, values: unknown[]): Promise<unknown> => {
    const name = nameOf(text)
    if (name === undefined) return await send(text, values)
    try {
      prepared.add(name)
      return await send({ name, text, values })
    } catch (error) {
      if (!isOutdated(error)) throw error
      generation++
      if (isForgotten(error)) prepared.clear()
      try {
        return await send(text, values)
      } catch {
        // In a transaction, which the error has ended, this fails too; the first error says what happened.
        throw error
      }
    }
  }
  const query: Query = (text, ...rest) => {
    const [values] = rest
    if (typeof text === 'string' && isOwnText(text) && Array.isArray(values) && rest.length === 1) {
      return sendByName(text, values)
    }
    if (typeof text === 'string' && FORGETTING.test(text)) {
      generation++
      prepared.clear()
    }
    return send(text, ...rest)
  }
  return replacing(client, 'query', query)
}

/** What makes the server forget our names, and not merely one of the host's. */
const FORGETTING = /^\s*(?:discard\s+all\b|deallocate\s+(?:prepare\s+)?(?:all\b|"?kwq_))/i

/**
 * How many statements a connection has prepared at most: a tenant's schema has its own texts, and the server
 * keeps half a megabyte for each, on each connection. What comes later is sent as it is.
 */
const MOST_PREPARED = 200

/**
 * How often a connection's names may be forgotten. `pg` keeps each name for ever, and a host that discards
 * all time and again gains nothing by them.
 */
const MOST_GENERATIONS = 100

/** The server does not know the statement by its name, or as another: a migration has changed a table. */
function isOutdated(error: unknown): boolean {
  const { code, routine } = error as { code?: unknown; routine?: unknown }
  return isForgotten(error) || (code === '0A000' && routine === 'RevalidateCachedQuery')
}

/** The server knows no statement of this name. */
function isForgotten(error: unknown): boolean {
  return (error as { code?: unknown }).code === '26000'
}

const NAMESPACE = '0ba3cf92-0f0e-4b8e-9a0c-5d6f7a2b1c3d'

/** By text, as many as the library's statements. */
const MOST_NAMES = 2000

/** Each has at most 63 bytes, which is what PostgreSQL keeps of a name. */
const names = new KeptByText(MOST_NAMES, (text) => `kwq_${v5(text, NAMESPACE)}`)
