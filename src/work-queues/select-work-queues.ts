import { type RawBuilder, sql } from 'kysely'
import { decode, selection } from '../model/columns.js'
import { workQueueColumns } from '../model/work-queue.js'
import type { WorkQueue } from '../model/work-queue.js'
import type { Scope } from '../session.js'

/**
 * The work queues that a condition on the alias `queue` selects.
 *
 * @param rest - What follows the condition: order, limit, lock.
 */
export async function selectWorkQueues(
  { db, dialect, tables }: Scope,
  condition: RawBuilder<unknown>,
  rest: RawBuilder<unknown> = sql``,
): Promise<WorkQueue[]> {
  const { rows } = await sql<object>`
    select ${selection(workQueueColumns, dialect, 'queue')}
    from ${tables.work_queue} as queue
    where ${condition}
    ${rest}
  `.execute(db)
  return rows.map((row) => decode(workQueueColumns, row))
}

/** The first of the work queues that a condition on the alias `queue` selects. */
export async function findWorkQueue(
  scope: Scope,
  condition: RawBuilder<unknown>,
  rest?: RawBuilder<unknown>,
): Promise<WorkQueue | undefined> {
  const [queue] = await selectWorkQueues(scope, condition, rest)
  return queue
}
