import { type RawBuilder, sql } from 'kysely'
import { numberOf } from '../locks.js'
import { decodeBoolean } from '../model/values.js'
import type { Scope } from '../session.js'
import { hasAnyId } from '../sql/lists.js'

// Advisory locks that are no part of the order in locks.ts, since nobody ever waits for them.

/** What distinguishes them from the gates. */
const HEARTBEATS = sql.lit(1_264_013_618)

/**
 * Says, until the transaction ends, that a heartbeat is under way in a pool. False when somebody is just
 * deciding whether the pool has an ONLINE worker: their lock of the pool's row is to be waited for. Nobody
 * waits for this lock itself.
 */
export function announceHeartbeat(workPoolId: string): RawBuilder<boolean> {
  return sql`pg_try_advisory_xact_lock_shared(${HEARTBEATS}, ${numberOf(sql`${workPoolId}`)})`
}

/**
 * Of pools whose rows are locked, those in which no heartbeat is under way: until the transaction ends, each
 * that comes waits for it. Those of the others are not committed yet, so that it cannot be seen whether their
 * pools have ONLINE workers.
 */
export async function holdOffHeartbeats(
  { db, dialect, tables }: Scope,
  workPoolIds: readonly string[],
): Promise<Set<string>> {
  if (dialect === 'sqlite') return new Set(workPoolIds)
  const { rows } = await sql<{ id: string; isQuiet: unknown }>`
    select pool.id, pg_try_advisory_xact_lock(${HEARTBEATS}, ${numberOf(sql`pool.id`)}) as "isQuiet"
    from ${tables.work_pool} as pool
    where ${hasAnyId('pool.id', workPoolIds, dialect)}
  `.execute(db)
  return new Set(rows.filter(({ isQuiet }) => decodeBoolean(isQuiet)).map(({ id }) => id))
}
