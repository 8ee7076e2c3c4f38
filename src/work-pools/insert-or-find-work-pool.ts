import { WorkPoolExistsError } from '../errors.js'
import type { WorkPoolCreate } from '../model/work-pool.js'
import type { Scope } from '../session.js'
import { insertWorkPool, type NewWorkPool } from './insert-work-pool.js'

/** How often a pool may be deleted by others just after they created it. */
const MOST_ATTEMPTS = 5

/**
 * Inserts a work pool with its default queue, or finds the one that has the name, also when another session
 * inserts it meanwhile.
 *
 * @throws {WorkPoolExistsError} when it is there but cannot be found.
 */
export async function insertOrFindWorkPool<T>(
  scope: Scope,
  input: WorkPoolCreate,
  now: Date | undefined,
  find: () => Promise<T | undefined>,
): Promise<{ readonly inserted: NewWorkPool } | { readonly found: T }> {
  // Another round is needed only when a pool that was in the way is deleted before it can be found. One that
  // stays in the way is there for others, and hidden from this session (row-level security).
  for (let attempt = 1; attempt <= MOST_ATTEMPTS; attempt++) {
    const inserted = await insertWorkPool(scope, input, now)
    if (inserted !== undefined) return { inserted }
    const found = await find()
    if (found !== undefined) return { found }
  }
  throw new WorkPoolExistsError(input.name)
}
