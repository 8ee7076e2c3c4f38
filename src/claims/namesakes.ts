import { sql } from 'kysely'
import { WORK_QUEUE_SLOT_STATES } from '../rules/states.js'
import { hasFilter, NO_LIMIT } from '../sql/runs.js'
import { decodeInteger } from '../model/values.js'
import type { Scope } from '../session.js'
import { activeOfQueue } from '../slots/active-of-queue.js'

// A run that is known by the name of a queue alone belongs to every queue of that name, in whatever pool, and once it is
// claimed it occupies a slot of each. A queue with a tag filter goes by that instead.

/** The ids of the queues of one name. */
export async function readNamesakes({ db, tables }: Scope, name: string): Promise<string[]> {
  const { rows } = await sql<{ id: string }>`
    select queue.id from ${tables.work_queue} as queue where queue.name = ${name} and not ${hasFilter('queue')}
  `.execute(db)
  return rows.map(({ id }) => id)
}

/** How many slots are open in each of the queues of one name, as far as they have limits. */
export async function readOpenSlotsOfNamesakes(scope: Scope, name: string): Promise<number> {
  const { db, dialect, tables } = scope
  const greatest = dialect === 'postgres' ? sql`greatest` : sql`max`
  const active = activeOfQueue(scope, { states: WORK_QUEUE_SLOT_STATES, byName: true })
  const { rows } = await sql<{ open: unknown }>`
    select min(${greatest}(0, queue.concurrency_limit - ${active})) as open
    from ${tables.work_queue} as queue
    where queue.name = ${name} and not ${hasFilter('queue')} and queue.concurrency_limit is not null
  `.execute(db)
  const open = rows[0]?.open ?? null
  return open === null ? NO_LIMIT : decodeInteger(open)
}
