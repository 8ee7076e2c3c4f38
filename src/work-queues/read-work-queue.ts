import { sql } from 'kysely'
import { check, idSchema } from '../model/checks.js'
import type { WorkQueue } from '../model/work-queue.js'
import { open, type RequiredTables, type Session } from '../session.js'
import { findWorkQueue } from './select-work-queues.js'

/**
 * Reads a work queue by its id.
 *
 * @returns The queue, or `undefined` when there is none with this id.
 * @throws {InvalidInputError} when the id is not a UUID.
 *
 * @example
 * ```ts
 * const queue = await readWorkQueue(db, id)
 * ```
 */
export async function readWorkQueue<DB extends RequiredTables>(
  session: Session<DB>,
  id: string,
): Promise<WorkQueue | undefined> {
  const workQueueId = check(idSchema, id, 'id')
  return await open(session, (scope) => findWorkQueue(scope, sql`queue.id = ${workQueueId}`))
}
