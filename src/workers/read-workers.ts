import { sql } from 'kysely'
import * as z from 'zod'
import { check, idSchema, type PageOptions, pageShape } from '../model/checks.js'
import { decode, selection } from '../model/columns.js'
import { workerColumns } from '../model/worker.js'
import { and, type Condition, isOneOf } from '../sql/lists.js'
import { page } from '../sql/runs.js'
import type { Worker, WorkerStatus } from '../model/worker.js'
import { open, type RequiredTables, type Session } from '../session.js'

/** Which workers to read. */
export interface ReadWorkersOptions extends PageOptions {
  /** Only workers of this status, or of one of these. Default: of any. */
  status?: WorkerStatus | readonly WorkerStatus[] | undefined
}

const status = z.enum(['ONLINE', 'OFFLINE'])
const optionsSchema = z.strictObject({ status: z.union([status, z.array(status)]).optional(), ...pageShape })

/**
 * Reads the workers of a pool, newest heartbeat first. A pool that does not exist has none.
 *
 * @throws {InvalidInputError} when an argument is not valid.
 *
 * @example
 * ```ts
 * const online = await readWorkers(db, pool.id, { status: 'ONLINE' })
 * ```
 */
export async function readWorkers<DB extends RequiredTables>(
  session: Session<DB>,
  workPoolId: string,
  options: ReadWorkersOptions = {},
): Promise<Worker[]> {
  const poolId = check(idSchema, workPoolId, 'workPoolId')
  const { status, limit, offset } = check(optionsSchema, options)
  return await open(session, async ({ db, dialect, tables }) => {
    const conditions: Condition[] = [sql`worker.work_pool_id = ${poolId}`]
    if (status !== undefined) conditions.push(isOneOf('worker.status', [status].flat()))
    const { rows } = await sql<object>`
    select ${selection(workerColumns, dialect, 'worker')}
    from ${tables.worker} as worker
    where ${and(conditions)}
    order by worker.last_heartbeat_time desc, worker.id asc
    ${page({ limit, offset })}
  `.execute(db)
    return rows.map((row) => decode(workerColumns, row))
  })
}
