import { sql } from 'kysely'
import * as z from 'zod'
import { check, idSchema, type PageOptions, pageShape } from '../model/checks.js'
import { and, asked, type Condition } from '../sql/lists.js'
import type { Dialect } from '../model/dialect.js'
import { byName, page } from '../sql/runs.js'
import { type WorkQueueFilter, workQueueFilterSchema } from '../model/work-queue.js'
import { matchesWorkQueueFilter } from '../sql/filters.js'
import type { WorkQueue } from '../model/work-queue.js'
import { open, type RequiredTables, type Session } from '../session.js'
import { selectWorkQueues } from './select-work-queues.js'

/** Which work queues to read. */
export interface WorkQueueSelection {
  /** Default: every queue. */
  filter?: WorkQueueFilter | undefined
  /** Only queues of this pool. Default: of every pool. */
  workPoolId?: string | undefined
}

/** Which work queues to read, and in what order. */
export interface ReadWorkQueuesOptions extends WorkQueueSelection, PageOptions {
  /** Default: `name`. Ties are broken by id. */
  orderBy?: 'name' | 'priority' | undefined
}

export const workQueueSelectionShape: {
  filter: z.ZodOptional<z.ZodType<WorkQueueFilter>>
  workPoolId: z.ZodOptional<z.ZodType<string>>
} = { filter: workQueueFilterSchema.optional(), workPoolId: idSchema.optional() }

const optionsSchema = z.strictObject({
  ...workQueueSelectionShape,
  orderBy: z.enum(['name', 'priority']).optional(),
  ...pageShape,
})

/**
 * Reads work queues, ordered by name (byte order, the same on both databases) or by priority.
 *
 * @throws {InvalidInputError} when an option is not valid.
 *
 * @example
 * ```ts
 * const queues = await readWorkQueues(db, { filter: { name: { startsWith: ['etl-'] } }, limit: 20 })
 * const polled = await readWorkQueues(db, { workPoolId: pool.id, orderBy: 'priority' })
 * ```
 */
export async function readWorkQueues<DB extends RequiredTables>(
  session: Session<DB>,
  options: ReadWorkQueuesOptions = {},
): Promise<WorkQueue[]> {
  const { orderBy, limit, offset, ...selection } = check(optionsSchema, options)
  return await open(session, async (scope) => {
    const order = orderBy === 'priority' ? sql`queue.priority asc` : byName('queue', scope.dialect)
    return await selectWorkQueues(
      scope,
      isSelected(selection, scope.dialect),
      sql`order by ${order}, queue.id asc ${page({ limit, offset })}`,
    )
  })
}

/** The selected work queues, as a condition on the alias `queue`. */
export function isSelected({ filter, workPoolId }: WorkQueueSelection, dialect: Dialect): Condition {
  const conditions: Condition[] = []
  if (workPoolId !== undefined) {
    const isOfPool: Condition = sql`queue.work_pool_id = ${workPoolId}`
    // By their ids they are found, and a pool may have many others.
    conditions.push(filter?.operator !== 'or' && filter?.id?.any !== undefined ? asked(isOfPool) : isOfPool)
  }
  if (filter !== undefined) conditions.push(matchesWorkQueueFilter(filter, dialect))
  return and(conditions)
}
