import { sql } from 'kysely'
import * as z from 'zod'
import { lockWorkPool, lockWorkQueues } from '../locks.js'
import { check, idSchema, type NowOption, nowOptionSchema, prioritySchema } from '../model/checks.js'
import { isMap } from '../rules/rebalance-priorities.js'
import { type RequiredTables, type Session, write } from '../session.js'
import { readPriorities, rebalance, writePriorities } from '../sql/queue-priorities.js'

const newPrioritiesSchema = z
  .record(z.string(), prioritySchema)
  .refine(
    (priorities) => new Set(Object.values(priorities)).size === Object.keys(priorities).length,
    'must not ask for one priority twice',
  )
  .refine(
    (priorities) =>
      new Set(Object.keys(priorities).map((id) => id.toLowerCase())).size === Object.keys(priorities).length,
    'must not ask for two priorities of one queue',
  )
  .pipe(z.record(idSchema, prioritySchema))

/**
 * Gives some of a pool's work queues new priorities, all at once.
 *
 * The asked ones are exactly as asked. The others keep their order; those in the way move down (never up), as
 * few and as little as possible; afterwards all priorities in the pool are unique and positive, whatever they
 * were. Ids of other pools and of no queue are ignored, and so is a pool that does not exist.
 *
 * @param newPriorities - Queue id to priority (from 1), as a map or a record.
 * @param options - `now`: what time it is. Default: the clock.
 * @throws {InvalidInputError} when an id or a priority is not valid, two queues ask for one priority, or a
 * queue would have to move past priority 2^31 - 1.
 *
 * @example
 * ```ts
 * await bulkUpdateWorkQueuePriorities(db, pool.id, { [urgent.id]: 1, [normal.id]: 2 })
 * ```
 */
export async function bulkUpdateWorkQueuePriorities<DB extends RequiredTables>(
  session: Session<DB>,
  workPoolId: string,
  newPriorities: ReadonlyMap<string, number> | Readonly<Record<string, number>>,
  options: NowOption = {},
): Promise<void> {
  const poolId = check(idSchema, workPoolId, 'workPoolId')
  const record = isMap(newPriorities) ? Object.fromEntries(newPriorities) : newPriorities
  const targets = new Map(Object.entries(check(newPrioritiesSchema, record, 'newPriorities')))
  const { now } = check(nowOptionSchema, options)

  await write(session, async (scope) => {
    const pool = await lockWorkPool(scope, sql`id = ${poolId}`)
    if (pool === undefined) return
    const changes = rebalance(await readPriorities(scope, pool.id), targets, 'newPriorities')
    await lockWorkQueues(scope, [...changes.keys()])
    await writePriorities(scope, changes, now)
  })
}
