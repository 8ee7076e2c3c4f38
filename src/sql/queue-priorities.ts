import { sql } from 'kysely'
import { InvalidInputError } from '../errors.js'
import { type PrioritizedQueue, rebalancePriorities } from '../rules/rebalance-priorities.js'
import { MAX_INTEGER } from '../model/checks.js'
import { pairs } from './map-table.js'
import { decodeInteger } from '../model/values.js'
import type { Scope } from '../session.js'
import { timeOfStatement } from './clock.js'

/** The priorities in a pool. The pool must be locked: otherwise they may change before they are written. */
export async function readPriorities({ db, tables }: Scope, workPoolId: string): Promise<PrioritizedQueue[]> {
  const { rows } = await sql<{ id: string; priority: unknown }>`
    select queue.id, queue.priority from ${tables.work_queue} as queue where queue.work_pool_id = ${workPoolId}
  `.execute(db)
  return rows.map(({ id, priority }) => ({ id, priority: decodeInteger(priority) }))
}

/**
 * {@link rebalancePriorities}, refused when it would push a queue past what the databases store.
 *
 * @throws {InvalidInputError} before anything is written.
 */
export function rebalance(
  queues: readonly PrioritizedQueue[],
  newPriorities: ReadonlyMap<string, number>,
  path: string,
): Map<string, number> {
  const changes = rebalancePriorities(queues, newPriorities)
  for (const priority of changes.values()) {
    if (priority > MAX_INTEGER) {
      throw new InvalidInputError([{ path, message: `would move a queue past priority ${MAX_INTEGER}` }])
    }
  }
  return changes
}

/** Writes changed priorities, in one statement. The queues must be locked. */
export async function writePriorities(
  { db, dialect, tables }: Scope,
  changes: ReadonlyMap<string, number>,
  now: Date | undefined,
): Promise<void> {
  if (changes.size === 0) return
  await sql`
    with change as materialized (${pairs(changes, 'integer', dialect)})
    update ${tables.work_queue} as queue
    set priority = change.value, updated = ${timeOfStatement(now, dialect)}
    from change
    where queue.id = change.id
  `.execute(db)
}
