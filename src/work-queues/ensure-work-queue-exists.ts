import { type RawBuilder, sql } from 'kysely'
import * as z from 'zod'
import { WorkPoolNotFoundError } from '../errors.js'
import { lockWorkPool } from '../locks.js'
import { DEFAULT_WORK_QUEUE_NAME } from '../rules/names.js'
import { check, idSchema, nameSchema, type NowOption, nowShape } from '../model/checks.js'
import type { WorkQueue } from '../model/work-queue.js'
import { open, type RequiredTables, type Scope, type Session, transact } from '../session.js'
import { createDefaultWorkPool, lockDefaultWorkPool } from '../work-pools/create-default-work-pool.js'
import { insertWorkQueue } from './insert-work-queue.js'
import { findWorkQueueByName } from './read-work-queue-by-name.js'
import { findWorkQueue } from './select-work-queues.js'

/** Where {@link ensureWorkQueueExists} looks for a queue, and creates it. */
export interface EnsureWorkQueueExistsOptions extends NowOption {
  /** The pool. Default: the default agent pool. */
  workPoolId?: string | undefined
}

const optionsSchema = z.strictObject({ workPoolId: idSchema.optional(), ...nowShape })

/**
 * Reads a work queue by its name, and creates it when there is none.
 *
 * - Without `workPoolId` it reads as {@link readWorkQueueByName} does, and creates in the default agent pool,
 *   with priority 1. `default` is that pool's default queue, also when that was renamed.
 * - With `workPoolId` it reads and creates in that pool, with the first free priority, so that no other queue
 *   moves. `default` is a name like any other.
 *
 * Safe when many call it at once: all get the same queue. A call that finds the queue writes nothing.
 *
 * @throws {InvalidInputError} when the name is blank or has one of `/ % & > <`, or an option is not valid.
 * @throws {WorkPoolNotFoundError} when there is no pool `workPoolId`.
 * @throws {WorkPoolExistsError} when `default-agent-pool` is there but hidden from the session, by row-level
 *   security.
 *
 * @example
 * ```ts
 * const queue = await ensureWorkQueueExists(db, 'etl')
 * const urgent = await ensureWorkQueueExists(db, 'urgent', { workPoolId: pool.id })
 * ```
 */
export async function ensureWorkQueueExists<DB extends RequiredTables>(
  session: Session<DB>,
  name: string,
  options: EnsureWorkQueueExistsOptions = {},
): Promise<WorkQueue> {
  const queueName = check(nameSchema, name, 'name')
  const { workPoolId, now } = check(optionsSchema, options)
  const find = (scope: Scope): Promise<WorkQueue | undefined> =>
    workPoolId === undefined
      ? findWorkQueueByName(scope, queueName)
      : findWorkQueue(scope, isInPool(workPoolId, queueName))

  return await open(session, async (scope) => {
    // Outside a transaction, a plain look comes first, so that the usual call writes and locks nothing.
    // Inside one, SQLite needs the write first.
    const seen = scope.isTransaction ? undefined : await find(scope)
    if (seen !== undefined) return seen

    return await transact(scope, async (transaction) => {
      const found = await find(transaction)
      if (found !== undefined) return found
      if (workPoolId === undefined) return await ensureInDefaultPool(transaction, queueName, now)

      const pool = await lockWorkPool(transaction, sql`id = ${workPoolId}`)
      if (pool === undefined) throw new WorkPoolNotFoundError(workPoolId)
      return (await find(transaction)) ?? (await insertWorkQueue(transaction, workPoolId, { name: queueName }, now))
    })
  })
}

async function ensureInDefaultPool(scope: Scope, name: string, now: Date | undefined): Promise<WorkQueue> {
  const pool = (await lockDefaultWorkPool(scope)) ?? (await createDefaultWorkPool(scope, now))
  const ensured = await findWorkQueue(
    scope,
    name === DEFAULT_WORK_QUEUE_NAME ? sql`queue.id = ${pool.defaultQueueId}` : isInPool(pool.id, name),
  )
  return ensured ?? (await insertWorkQueue(scope, pool.id, { name, priority: 1 }, now))
}

function isInPool(workPoolId: string, name: string): RawBuilder<unknown> {
  return sql`queue.work_pool_id = ${workPoolId} and queue.name = ${name}`
}
