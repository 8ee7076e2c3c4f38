import { sql } from 'kysely'
import { WorkQueueExistsError } from '../errors.js'
import { firstFreePriority } from '../rules/first-free-priority.js'
import { initialWorkQueueStatus } from '../rules/work-queue-status.js'
import { encode } from '../model/columns.js'
import { workQueueColumns } from '../model/work-queue.js'
import { newId } from '../model/ids.js'
import type { QueueFilterInput, WorkQueueCreate } from '../model/work-queue.js'
import type { QueueFilter, WorkQueue } from '../model/work-queue.js'
import { decodeTime, timeAsText } from '../model/values.js'
import type { Scope } from '../session.js'
import { timeOfStatement } from '../sql/clock.js'
import { lockWorkQueues } from '../locks.js'
import { readPriorities, rebalance, writePriorities } from '../sql/queue-priorities.js'

/**
 * Inserts a work queue into a locked pool and moves the queues in its way.
 *
 * @throws {InvalidInputError} when a queue would have to move past the largest priority.
 * @throws {WorkQueueExistsError} when the name is taken. Nothing was done in either case.
 */
export async function insertWorkQueue(
  scope: Scope,
  workPoolId: string,
  input: WorkQueueCreate,
  now: Date | undefined,
): Promise<WorkQueue> {
  const others = await readPriorities(scope, workPoolId)
  const id = newId()
  const priority = input.priority ?? firstFreePriority(others.map((queue) => queue.priority))
  const changes = rebalance([...others, { id, priority }], new Map([[id, priority]]), 'priority')

  const queue: Omit<WorkQueue, 'created' | 'updated'> = {
    id,
    name: input.name,
    description: input.description ?? '',
    isPaused: input.isPaused ?? false,
    concurrencyLimit: input.concurrencyLimit ?? null,
    priority,
    workPoolId,
    filter: input.filter ? toQueueFilter(input.filter) : null,
    lastPolled: input.lastPolled ?? null,
    status: initialWorkQueueStatus(input),
  }
  const time = timeOfStatement(now, scope.dialect)
  const inserted = await scope.db
    .insertInto('work_queue')
    .values({ ...encode(workQueueColumns, queue, scope.dialect), created: time, updated: time })
    .onConflict((conflict) => conflict.columns(['work_pool_id', 'name']).doNothing())
    .returning(sql.raw(timeAsText('created', scope.dialect)).as('created'))
    .executeTakeFirst()
  if (inserted === undefined) throw new WorkQueueExistsError(input.name, workPoolId)
  await lockWorkQueues(scope, [...changes.keys()])
  await writePriorities(scope, changes, now)
  const created = decodeTime(inserted.created)
  return { ...queue, created, updated: created }
}

/** A tag filter as it is stored: both keys, `null` where absent. */
export function toQueueFilter({ tags, deploymentIds }: QueueFilterInput): QueueFilter {
  return { tags: tags ?? null, deploymentIds: deploymentIds ?? null }
}
