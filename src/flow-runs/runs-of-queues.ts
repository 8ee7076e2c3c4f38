import { sql } from 'kysely'
import type { Scope } from '../session.js'
import { timeOfStatement } from '../sql/clock.js'
import type { Condition } from '../sql/lists.js'
import { isScheduled } from '../sql/runs.js'
import { BATCH_SIZE, changeStates } from './change-states.js'

// What becomes of the runs of queues that are deleted, selected by a condition on the alias `run`.

/**
 * Locks the runs until the transaction ends, in id order. Whoever changes all of them in one statement locks
 * them in an order of its own. Those that have ended too: others may be about to change them as well.
 */
export async function lockRuns({ db, dialect, tables }: Scope, isAmong: Condition): Promise<void> {
  if (dialect === 'sqlite') return
  await sql`
    select count(*) from (
      select run.id from ${tables.flow_run} as run
      where ${isAmong}
      order by run.id
      for no key update
    ) as run
  `.execute(db)
}

/** Makes those of locked runs that are SCHEDULED CANCELLED. */
export async function cancelRuns(scope: Scope, isAmong: Condition, now: Date | undefined): Promise<void> {
  const { db, tables } = scope
  const { rows } = await sql<{ id: string }>`
    select run.id from ${tables.flow_run} as run where (${isAmong}) and ${isScheduled} order by run.id
  `.execute(db)
  // Not by `changeAllStates`, which keeps all that it has changed: a queue may have a million of them.
  for (let i = 0; i < rows.length; i += BATCH_SIZE) {
    const changes = rows
      .slice(i, i + BATCH_SIZE)
      .map(({ id }) => ({ id, type: 'CANCELLED', message: MESSAGE }) as const)
    await changeStates(scope, changes, { now })
  }
}

const MESSAGE = 'Its work queue was deleted.'

/** Gives those of locked runs that are SCHEDULED to another queue, which is held. */
export async function moveRuns(
  { db, dialect, tables }: Scope,
  isAmong: Condition,
  queue: { readonly id: string; readonly name: string },
  now: Date | undefined,
): Promise<void> {
  await sql`
    update ${tables.flow_run} as run
    set work_queue_id = ${queue.id}, work_queue_name = ${queue.name}, updated = ${timeOfStatement(now, dialect)}
    where (${isAmong}) and ${isScheduled}
  `.execute(db)
}
