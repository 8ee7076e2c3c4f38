import { sql } from 'kysely'
import { z } from 'zod'
import { check } from '../schema/checks.js'
import type { WorkPool } from '../schema/records.js'
import { type RequiredTables, type Session, write } from '../session.js'
import { selectWorkPools } from '../work-pools/select-work-pools.js'
import { type WorkPoolStatusOptions, workPoolStatusShape } from '../work-pools/update-work-pool.js'
import { type WorkPoolStatusChange, writeWorkPool } from '../work-pools/write-work-pool.js'

const optionsSchema = z.strictObject(workPoolStatusShape)

/**
 * Marks work pools NOT_READY that are READY but have no worker ONLINE.
 *
 * A host calls it on a timer, after {@link markWorkersOffline}; several servers may. `emitStatusChange` is awaited once for each
 * pool. The next heartbeat of a worker turns the pool READY again.
 *
 * Source: Prefect's service `foreman`.
 *
 * @returns The pools as they now are, by id.
 * @throws {InvalidInputError} when an option is not valid.
 *
 * @example
 * ```ts
 * const pools = await markWorkPoolsNotReady(db)
 * ```
 */
export async function markWorkPoolsNotReady<DB extends RequiredTables>(
  session: Session<DB>,
  options: WorkPoolStatusOptions = {},
): Promise<WorkPool[]> {
  const { now, emitStatusChange } = check(optionsSchema, options)
  const changes = await write(session, async (scope) => {
    const { tables, dialect } = scope
    const pools = await selectWorkPools(
      scope,
      sql`pool.status = 'READY' and not exists (
        select 1 from ${tables.worker} as worker where worker.work_pool_id = pool.id and worker.status = 'ONLINE')`,
      sql`order by pool.id asc ${dialect === 'postgres' ? sql`for no key update of pool` : sql``}`,
    )
    const written: WorkPoolStatusChange[] = []
    for (const pool of pools) {
      const change = await writeWorkPool(scope, pool, { status: 'NOT_READY' }, now)
      if (change !== undefined) written.push(change)
    }
    return written
  })
  for (const change of changes) await emitStatusChange?.(change)
  return changes.map(({ after }) => after)
}
