import { type RawBuilder, sql } from 'kysely'
import type { Condition } from './lists.js'

// The advisory locks of PostgreSQL that calls take, as SQL: what they are for, and in which order, says
// locks.ts.

/** What distinguishes gates from other advisory locks. Any number that no host is likely to use. */
export const GATES: RawBuilder<number> = sql.lit(1_264_013_617)

/** The advisory lock of a pool: its number among those of its kind. */
export function numberOf(workPoolId: RawBuilder<unknown>): RawBuilder<unknown> {
  return sql`hashtext(cast(${workPoolId} as text)) & 127`
}

/** Passes the gate of a pool, as a condition of the statement that then locks the row. */
export function passesGate(workPoolId: RawBuilder<unknown>): Condition {
  return sql`pg_advisory_xact_lock_shared(${GATES}, ${numberOf(workPoolId)}) is not null`
}

/** Passes the gates of pools, by number, as a query; `pools` is one of their ids. */
export function passGates(pools: RawBuilder<unknown>): RawBuilder<unknown> {
  return sql`
    select pg_advisory_xact_lock_shared(${GATES}, gate.number) as passed
    from (select distinct ${numberOf(sql`asked.id`)} as number from (${pools}) as asked order by 1) as gate`
}

/** Stands in line for the limit of a pool or queue, as a condition of the statement that locks the row. */
export function standsInLine(ownerId: RawBuilder<unknown>): Condition {
  return sql`pg_advisory_xact_lock(hashtextextended(cast(${ownerId} as text), ${GATES})) is not null`
}
