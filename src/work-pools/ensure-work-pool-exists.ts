import { sql } from 'kysely'
import { check, type NowOption, nowOptionSchema } from '../model/checks.js'
import { type WorkPool, type WorkPoolCreate, workPoolCreateSchema } from '../model/work-pool.js'
import { open, type RequiredTables, type Session, transact } from '../session.js'
import { insertOrFindWorkPool } from './insert-or-find-work-pool.js'
import { selectWorkPools } from './select-work-pools.js'

/** A work pool that is there now. */
export interface EnsuredWorkPool {
  workPool: WorkPool
  /** False when there was a pool of the name, which `workPool` then is, as it was. */
  created: boolean
}

/**
 * Reads a work pool by its name, and creates it as {@link createWorkPool} does when there is none.
 *
 * A pool that exists is left as it is, whatever else the input says. Safe when many call it at once: all get
 * the same pool, and one of them created it. A call that finds the pool writes nothing.
 *
 * @param options - `now`: what time it is. Default: the clock.
 * @throws {InvalidInputError} when the input is not valid.
 * @throws {WorkPoolExistsError} when the pool is there but hidden from the session, by row-level security.
 *
 * @example
 * ```ts
 * const { workPool, created } = await ensureWorkPoolExists(db, { name: 'kubernetes', type: 'kubernetes' })
 * ```
 */
export async function ensureWorkPoolExists<DB extends RequiredTables>(
  session: Session<DB>,
  input: WorkPoolCreate,
  options: NowOption = {},
): Promise<EnsuredWorkPool> {
  const pool = check(workPoolCreateSchema, input)
  const { now } = check(nowOptionSchema, options)

  return await open(session, async (scope) => {
    const find = async (inside = scope): Promise<WorkPool | undefined> =>
      (await selectWorkPools(inside, sql`pool.name = ${pool.name}`))[0]
    // Outside a transaction, a plain look comes first, so that the usual call writes and locks nothing.
    // Inside one, SQLite needs the write first.
    const seen = scope.isTransaction ? undefined : await find()
    if (seen !== undefined) return { workPool: seen, created: false }

    return await transact(scope, async (transaction) => {
      const there = await find(transaction)
      if (there !== undefined) return { workPool: there, created: false }
      const ensured = await insertOrFindWorkPool(transaction, pool, now, () => find(transaction))
      return 'inserted' in ensured
        ? { workPool: ensured.inserted.pool, created: true }
        : { workPool: ensured.found, created: false }
    })
  })
}
