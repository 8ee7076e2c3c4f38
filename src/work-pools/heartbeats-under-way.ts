import { type RawBuilder, sql } from 'kysely'
import { numberOf } from '../sql/advisory-locks.js'
import type { Scope } from '../session.js'
import { hasAnyId } from '../sql/lists.js'

// Advisory locks that are no part of the order in locks.ts, since nobody ever waits for them.

/** What distinguishes them from the gates, and from each other. */
const HEARTBEATS = sql.lit(1_264_013_618)
const DECISIONS = sql.lit(1_264_013_619)

/**
 * Says, until the transaction ends, that a heartbeat is under way in a pool. False when somebody is just
 * deciding whether the pool has an ONLINE worker: their lock of the pool's row is to be waited for. Nobody
 * waits for this lock itself.
 */
export function announceHeartbeat(workPoolId: string): RawBuilder<boolean> {
  return sql`pg_try_advisory_xact_lock_shared(${HEARTBEATS}, ${numberOf(sql`${workPoolId}`)})`
}

/**
 * Whether heartbeats are under way in a pool. Those that are, are not committed yet, so that it cannot be
 * seen whether the pool has ONLINE workers. `unknown`: another decision is, about this pool or one that has
 * the same number.
 */
export type Heartbeats = 'none' | 'under way' | 'unknown'

/**
 * Asks for pools whose rows are locked. Where there are none, each heartbeat that comes waits for the pool
 * until the transaction ends.
 *
 * A decision is told from heartbeats by a lock of its own: one that has ended lets its pool's row go before
 * its advisory locks, and who waited for the row may meet those still.
 */
export async function holdOffHeartbeats(
  { db, dialect, tables }: Scope,
  workPoolIds: readonly string[],
): Promise<Map<string, Heartbeats>> {
  if (dialect === 'sqlite') return new Map(workPoolIds.map((id) => [id, 'none']))
  const number = numberOf(sql`pool.id`)
  const { rows } = await sql<{ id: string; heartbeats: Heartbeats }>`
    select pool.id, case
        when not pg_try_advisory_xact_lock(${DECISIONS}, ${number}) then 'unknown'
        when pg_try_advisory_xact_lock(${HEARTBEATS}, ${number}) then 'none'
        else 'under way'
      end as heartbeats
    from ${tables.work_pool} as pool
    where ${hasAnyId('pool.id', workPoolIds, dialect)}
  `.execute(db)
  return new Map(rows.map(({ id, heartbeats }) => [id, heartbeats]))
}
