import { type Kysely, sql } from 'kysely'
import { open, type RequiredTables, type Scope, type Session, transact } from '../../session.js'
import { createTestSession } from '../create-test-session.js'
import type { CheckedOptions } from './options-schema.js'
import type { PollingHistory } from './history.js'
import { simulate } from './simulate.js'

/** Simulates in the session that is given, or in one of its own. */
export async function simulateIn(
  session: Session<RequiredTables> | undefined,
  options: CheckedOptions,
): Promise<PollingHistory> {
  if (session === undefined) return await simulateApart(options)
  // One call of the library's, however many it makes: nothing else comes between, and all is done in one and
  // the same session.
  return await open(session, (scope) => simulateInScope(scope, session, options))
}

/** Simulates with each seed, and undoes it: what is in the session is the same for each, and afterwards. */
export async function simulateSeeds(
  session: Session<RequiredTables> | undefined,
  options: Omit<CheckedOptions, 'seed'>,
  seeds: readonly number[],
): Promise<PollingHistory[]> {
  const histories: PollingHistory[] = []
  if (session === undefined) {
    for (const seed of seeds) histories.push(await simulateApart({ ...options, seed }))
    return histories
  }
  return await open(session, async (scope) => {
    for (const seed of seeds) {
      const undone = scope.isTransaction ? undoneToSavepoint : undoneByRollback
      histories.push(await undone(scope, (inside) => simulateInScope(inside, session, { ...options, seed })))
    }
    return histories
  })
}

async function simulateApart(options: CheckedOptions): Promise<PollingHistory> {
  const session = await createTestSession()
  try {
    return await simulate(session as Session<RequiredTables>, session, options)
  } finally {
    await session.destroy()
  }
}

async function simulateInScope(
  { db, isTransaction }: Scope,
  session: Session<RequiredTables>,
  options: CheckedOptions,
): Promise<PollingHistory> {
  const host = session as unknown as Kysely<any>
  // In a transaction, a claim of the host's must not wait for the simulation that waits for it.
  const held = (): Kysely<any> =>
    host.getExecutor().plugins.reduce((bare, plugin) => bare.withPlugin(plugin), (db as Kysely<any>).withoutPlugins())
  return await simulate(db as Session<RequiredTables>, isTransaction ? held() : host, options)
}

async function undoneByRollback<T>(scope: Scope, run: (inside: Scope) => Promise<T>): Promise<T> {
  let result: { readonly value: T } | undefined
  const undo = new Error('undone')
  try {
    await transact(scope, async (inside) => {
      result = { value: await run(inside) }
      throw undo
    })
  } catch (error) {
    if (error !== undo || result === undefined) throw error
  }
  return (result as { readonly value: T }).value
}

async function undoneToSavepoint<T>(scope: Scope, run: (inside: Scope) => Promise<T>): Promise<T> {
  await sql`savepoint simulation`.execute(scope.db)
  try {
    return await run(scope)
  } finally {
    await sql`rollback to savepoint simulation`.execute(scope.db)
    await sql`release savepoint simulation`.execute(scope.db)
  }
}
