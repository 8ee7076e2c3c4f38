import { type Kysely, sql } from 'kysely'
import type { WorkQueueTables } from 'kysely-work-queues'
import type { TestDatabase } from '../support/databases.js'
import { untilWaiting } from './until-waiting.js'

/** The advisory lock that is the gate. */
const GATE = 4711

const TABLES = ['work_pool', 'work_queue', 'worker', 'flow_run', 'flow_run_state', 'flow_run_lease']

/**
 * Halts a call in the middle of a statement: after its snapshot was taken, where it first reads a run.
 *
 * The call is made on a session in whose schema our tables are views. The one of the runs asks for a lock,
 * which is held here until `meanwhile` is done. PostgreSQL only, in the schema `public`.
 */
export async function haltAtRuns<T, M>(
  database: TestDatabase,
  call: (gated: Kysely<WorkQueueTables>) => Promise<T>,
  meanwhile: () => Promise<M>,
): Promise<[T, M]> {
  const { plain } = database
  await makeViews(plain)
  return await plain.connection().execute(async (keeper) => {
    await sql`select pg_advisory_lock(${sql.lit(GATE)})`.execute(keeper)
    const halted = call(database.connect().withSchema('gated'))
    // Whoever fails first is told; the other is not left without a listener.
    halted.catch(() => {})
    try {
      await untilWaiting(plain, 1)
      const outcome = await meanwhile()
      await sql`select pg_advisory_unlock(${sql.lit(GATE)})`.execute(keeper)
      return [await halted, outcome]
    } finally {
      await sql`select pg_advisory_unlock_all()`.execute(keeper)
    }
  })
}

async function makeViews(db: Kysely<WorkQueueTables>): Promise<void> {
  await sql`create schema gated`.execute(db)
  await sql`
    create function gated.is_open() returns boolean language plpgsql volatile as $$
    begin
      perform pg_advisory_xact_lock_shared(${sql.lit(GATE)});
      return true;
    end $$`.execute(db)
  for (const table of TABLES) {
    const gate = table === 'flow_run' ? sql`where gated.is_open()` : sql``
    await sql`create view ${sql.id('gated', table)} as select * from ${sql.id('public', table)} ${gate}`.execute(db)
  }
}
