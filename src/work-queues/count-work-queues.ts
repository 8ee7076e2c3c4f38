import { sql } from 'kysely'
import * as z from 'zod'
import { check } from '../model/checks.js'
import { decodeInteger } from '../model/values.js'
import { open, type RequiredTables, type Session } from '../session.js'
import { isSelected, type WorkQueueSelection, workQueueSelectionShape } from './read-work-queues.js'

const optionsSchema = z.strictObject(workQueueSelectionShape)

/**
 * Counts work queues.
 *
 * @throws {InvalidInputError} when an option is not valid.
 *
 * @example
 * ```ts
 * const count = await countWorkQueues(db, { workPoolId: pool.id })
 * ```
 */
export async function countWorkQueues<DB extends RequiredTables>(
  session: Session<DB>,
  options: WorkQueueSelection = {},
): Promise<number> {
  const selection = check(optionsSchema, options)
  return await open(session, async ({ db, dialect, tables }) => {
    const { rows } = await sql<{ count: unknown }>`
    select count(*) as count from ${tables.work_queue} as queue where ${isSelected(selection, dialect)}
  `.execute(db)
    return decodeInteger(rows[0]?.count)
  })
}
