import { setTimeout } from 'node:timers/promises'
import { type Kysely, sql } from 'kysely'
import type { WorkQueueTables } from 'kysely-work-queues'
import { expect } from 'vitest'

/** Until so many sessions of this database wait for a lock; more must not. */
export async function untilWaiting(db: Kysely<WorkQueueTables>, sessions: number): Promise<void> {
  for (;;) {
    const { rows } = await sql`
      select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'
    `.execute(db)
    if (rows.length === sessions) return
    expect(rows.length).toBeLessThan(sessions)
    await setTimeout(2)
  }
}
