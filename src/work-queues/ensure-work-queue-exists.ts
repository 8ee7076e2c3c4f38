import { sql } from 'kysely'
import { DEFAULT_WORK_QUEUE_NAME } from '../rules/names.js'
import { check, nameSchema, type NowOption, nowOptionSchema } from '../model/checks.js'
import type { WorkQueue } from '../model/work-queue.js'
import { open, type RequiredTables, type Session, transact } from '../session.js'
import { createDefaultWorkPool, lockDefaultWorkPool } from '../work-pools/create-default-work-pool.js'
import { insertWorkQueue } from './insert-work-queue.js'
import { findWorkQueueByName } from './read-work-queue-by-name.js'
import { findWorkQueue } from './select-work-queues.js'

/**
 * Reads a work queue by its name, as {@link readWorkQueueByName} does, and creates it when there is none: in
 * the default agent pool, with priority 1.
 *
 * `default` is the default pool's default queue, also when that was renamed. Safe when many call it at once:
 * all get the same queue. A call that finds the queue writes nothing.
 *
 * @param options - `now`: what time it is. Default: the clock.
 * @throws {InvalidInputError} when the name is blank or has one of `/ % & > <`.
 * @throws {WorkPoolExistsError} when `default-agent-pool` is there but hidden from the session, by row-level
 *   security.
 *
 * @example
 * ```ts
 * const queue = await ensureWorkQueueExists(db, 'etl')
 * ```
 */
export async function ensureWorkQueueExists<DB extends RequiredTables>(
  session: Session<DB>,
  name: string,
  options: NowOption = {},
): Promise<WorkQueue> {
  const queueName = check(nameSchema, name, 'name')
  const { now } = check(nowOptionSchema, options)

  return await open(session, async (scope) => {
    // Outside a transaction, a plain look comes first, so that the usual call writes and locks nothing.
    // Inside one, SQLite needs the write first.
    if (!scope.isTransaction) {
      const found = await findWorkQueueByName(scope, queueName)
      if (found !== undefined) return found
    }

    return await transact(scope, async (transaction) => {
      const found = await findWorkQueueByName(transaction, queueName)
      if (found !== undefined) return found

      const pool = (await lockDefaultWorkPool(transaction)) ?? (await createDefaultWorkPool(transaction, now))
      const ensured = await findWorkQueue(
        transaction,
        queueName === DEFAULT_WORK_QUEUE_NAME
          ? sql`queue.id = ${pool.defaultQueueId}`
          : sql`queue.work_pool_id = ${pool.id} and queue.name = ${queueName}`,
      )
      return ensured ?? (await insertWorkQueue(transaction, pool.id, { name: queueName, priority: 1 }, now))
    })
  })
}
