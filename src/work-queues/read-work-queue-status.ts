import { type RawBuilder, sql } from 'kysely'
import { WorkQueueNotFoundError } from '../errors.js'
import { DEFAULT_HEALTH_CHECK_POLICY, evaluateHealth, type WorkQueueHealthPolicy } from '../rules/evaluate-health.js'
import { decodeAt } from '../model/columns.js'
import { check, idSchema, type NowOption, nowOptionSchema } from '../model/checks.js'
import { clockAsText } from '../sql/clock.js'
import { isLate, membership } from '../sql/runs.js'
import { decodeInteger, decodeTime, timeAsText } from '../model/values.js'
import { open, type RequiredTables, type Session } from '../session.js'

/** How a work queue is doing. */
export interface WorkQueueStatusDetail {
  /** Whether the queue has no late runs and was polled at most 60 s ago. */
  healthy: boolean
  /** How many of the queue's runs have the state name `Late`. */
  lateRunsCount: number
  lastPolled: Date | null
  /** What `healthy` was judged by. */
  healthCheckPolicy: WorkQueueHealthPolicy
}

/**
 * Judges the health of a work queue: healthy when it has no late runs and was polled at most 60.000 s ago. A
 * poll in the future is recent. One statement.
 *
 * @param options - `now`: what time it is. Default: the clock.
 * @throws {InvalidInputError} when the id is not a UUID.
 * @throws {WorkQueueNotFoundError} when there is no such queue.
 *
 * @example
 * ```ts
 * const { healthy, lateRunsCount } = await readWorkQueueStatus(db, queue.id)
 * ```
 */
export async function readWorkQueueStatus<DB extends RequiredTables>(
  session: Session<DB>,
  id: string,
  options: NowOption = {},
): Promise<WorkQueueStatusDetail> {
  const workQueueId = check(idSchema, id, 'id')
  const { now } = check(nowOptionSchema, options)
  return await open(session, async ({ db, dialect, tables }) => {
    const lateRuns = membership(tables, sql`${workQueueId}`).map(
      (isMember): RawBuilder<unknown> =>
        sql`(select count(*) from ${tables.flow_run} as run where ${isMember} and ${isLate})`,
    )
    const { rows } = await sql<{ clock: unknown; lastPolled: unknown; lateRunsCount: unknown }>`
    select ${clockAsText(dialect)} as clock, ${sql.raw(timeAsText('queue.last_polled', dialect))} as "lastPolled", ${sql.join(lateRuns, sql` + `)} as "lateRunsCount"
    from ${tables.work_queue} as queue
    where queue.id = ${workQueueId}
  `.execute(db)

    const [row] = rows
    if (row === undefined) throw new WorkQueueNotFoundError(workQueueId)
    const lastPolled = decodeAt(decodeTime, row.lastPolled, 'work_queue', workQueueId, 'last_polled')
    const lateRunsCount = decodeInteger(row.lateRunsCount)
    const healthCheckPolicy = { ...DEFAULT_HEALTH_CHECK_POLICY }
    return {
      healthy: evaluateHealth(healthCheckPolicy, { lateRunsCount, lastPolled }, now ?? decodeTime(row.clock)),
      lateRunsCount,
      lastPolled,
      healthCheckPolicy,
    }
  })
}
