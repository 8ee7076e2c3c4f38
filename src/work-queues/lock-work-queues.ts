import { sql } from 'kysely'
import { hasAnyId } from '../sql/lists.js'
import type { Scope } from '../session.js'

/**
 * Locks work queues until the transaction ends, in id order, so that two sessions that need several of the same never wait for
 * each other in a circle. While they are locked `for update`, runs can be added to them; while they are locked `for delete`, not.
 *
 * On SQLite the transaction has the one write lock already.
 */
export async function lockWorkQueues(
  { db, dialect, tables }: Scope,
  ids: readonly string[],
  purpose: 'update' | 'delete' = 'update',
): Promise<void> {
  if (dialect === 'sqlite' || ids.length === 0) return
  await sql`
    select queue.id from ${tables.work_queue} as queue
    where ${hasAnyId('queue.id', ids, dialect)}
    order by queue.id
    ${purpose === 'update' ? sql`for no key update` : sql`for update`}
  `.execute(db)
}
