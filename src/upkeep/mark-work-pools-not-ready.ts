import { type SqlBool, sql } from 'kysely'
import * as z from 'zod'
import { holdOffHeartbeats } from '../work-pools/heartbeats-under-way.js'
import { check } from '../model/checks.js'
import { and, hasAnyId } from '../sql/lists.js'
import type { WorkPool } from '../model/work-pool.js'
import { type RequiredTables, type Scope, type Session, write } from '../session.js'
import { selectWorkPools } from '../work-pools/select-work-pools.js'
import { type WorkPoolStatusOptions, workPoolStatusShape } from '../work-pools/update-work-pool.js'
import { type WorkPoolStatusChange, writeWorkPool } from '../work-pools/write-work-pool.js'
import { hasOnlineWorker } from '../sql/online-workers.js'
import { emitEach } from '../work-queues/emit-each.js'

const optionsSchema = z.strictObject(workPoolStatusShape)

/**
 * Marks work pools NOT_READY that are READY but have no worker ONLINE.
 *
 * A host calls it on a timer, after {@link markWorkersOffline}; several servers may. `emitStatusChange` is
 * awaited once for each pool, also when it failed for another. A pool with a heartbeat under way counts as
 * one with a worker. The next heartbeat of a worker turns the pool READY again.
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
    const pools = await lockIdlePools(scope)
    const written: WorkPoolStatusChange[] = []
    for (const pool of pools) {
      const change = await writeWorkPool(scope, pool, { status: 'NOT_READY' }, now)
      if (change !== undefined) written.push(change)
    }
    return written
  })
  await emitEach(changes, emitStatusChange)
  return changes.map(({ after }) => after)
}

/** READY pools without an ONLINE worker, locked, in id order. */
async function lockIdlePools(scope: Scope): Promise<WorkPool[]> {
  const { dialect } = scope
  const isIdle = sql<SqlBool>`pool.status = 'READY' and not ${hasOnlineWorker(scope)}`
  const inOrder = sql`order by pool.id asc`
  if (dialect === 'sqlite') return await selectWorkPools(scope, isIdle, inOrder)
  const seen = await selectWorkPools(scope, isIdle, sql`${inOrder} for no key update of pool`)
  if (seen.length === 0) return []
  const heartbeats = await holdOffHeartbeats(
    scope,
    seen.map(({ id }) => id),
  )
  const ids = [...heartbeats.keys()].filter((id) => heartbeats.get(id) === 'none')
  // A worker whose heartbeat was just committed is seen only by the next statement.
  return await selectWorkPools(scope, and([isIdle, hasAnyId('pool.id', ids, dialect)]), inOrder)
}
