import { sql } from 'kysely'
import * as z from 'zod'
import { DEFAULT_AGENT_WORK_POOL_NAME } from '../rules/names.js'
import { check, nameSchema } from '../model/checks.js'
import type { WorkQueue } from '../model/work-queue.js'
import { open, type RequiredTables, type Scope, type Session } from '../session.js'
import { findWorkQueue } from './select-work-queues.js'

/** Where {@link readWorkQueueByName} looks. */
export interface ReadWorkQueueByNameOptions {
  /** The pool's name. Default: the default agent pool when it exists, else any pool. */
  workPoolName?: string | undefined
}

const optionsSchema = z.strictObject({ workPoolName: nameSchema.optional() })

/**
 * Reads a work queue by its name.
 *
 * Without `workPoolName` it looks in the pool `default-agent-pool`; only when that pool does not exist, in
 * every pool, and of several queues of the name it takes the one with the lowest id.
 *
 * @returns The queue, or `undefined` when there is none.
 * @throws {InvalidInputError} when a name is blank or has one of `/ % & > <`.
 *
 * @example
 * ```ts
 * const queue = await readWorkQueueByName(db, 'high', { workPoolName: 'kubernetes' })
 * ```
 */
export async function readWorkQueueByName<DB extends RequiredTables>(
  session: Session<DB>,
  name: string,
  options: ReadWorkQueueByNameOptions = {},
): Promise<WorkQueue | undefined> {
  const workQueueName = check(nameSchema, name, 'name')
  const { workPoolName } = check(optionsSchema, options)
  return await open(session, (scope) => findWorkQueueByName(scope, workQueueName, workPoolName))
}

/** {@link readWorkQueueByName} after its checks. */
export async function findWorkQueueByName(
  scope: Scope,
  name: string,
  workPoolName?: string,
): Promise<WorkQueue | undefined> {
  const pool = sql`(select pool.id from ${scope.tables.work_pool} as pool
    where pool.name = ${workPoolName ?? DEFAULT_AGENT_WORK_POOL_NAME})`
  const inPool =
    workPoolName === undefined
      ? sql`queue.work_pool_id = coalesce(${pool}, queue.work_pool_id)`
      : sql`queue.work_pool_id = ${pool}`
  return await findWorkQueue(scope, sql`queue.name = ${name} and ${inPool}`, sql`order by queue.id limit 1`)
}
