import { type RawBuilder, sql } from 'kysely'
import * as z from 'zod'
import { check, idSchema, type PageOptions, pageShape } from '../model/checks.js'
import { decode, selection } from '../model/columns.js'
import { type FlowRunLease, flowRunLeaseColumns, holderSchema } from '../model/flow-run-lease.js'
import { open, type RequiredTables, type Scope, type Session } from '../session.js'
import { leaseHolds, runOfLease } from '../sql/leases.js'
import { and, asked, type Condition, isAmongIds, encodeIdList } from '../sql/lists.js'
import { requireTable } from '../sql/optional-tables.js'
import { page, takesNames } from '../sql/runs.js'

/** Which leases to read. */
export interface ReadLeasesOptions extends PageOptions {
  /** Only leases of this holder. Default: of any. */
  holder?: string | undefined
  /** Only leases of runs that belong to one of these queues. Default: of any. */
  workQueueIds?: readonly string[] | undefined
  /** Only leases of runs that belong to a queue of one of these pools. Default: of any. */
  workPoolIds?: readonly string[] | undefined
}

const optionsSchema = z.strictObject({
  holder: holderSchema.optional(),
  workQueueIds: z.array(idSchema).optional(),
  workPoolIds: z.array(idSchema).optional(),
  ...pageShape,
})

/**
 * Reads the leases that hold, by run id: in whose name each run was claimed, and until when. One that has
 * expired holds until it is released, or its run's slot is free. A lease whose run ended, or was claimed
 * anew, is void and not among them.
 *
 * A run belongs to a queue as for claims: by its `workQueueId`, or without one by the queue's name in the
 * default agent pool.
 *
 * @throws {InvalidInputError} when an option is not valid. An empty list of ids is valid, and matches
 *   nothing.
 * @throws {MissingTableError} when there is no table of leases.
 *
 * @example
 * ```ts
 * for (const { flowRunId, holder, expiresAt } of await readLeases(db, { workPoolIds: [pool.id] })) {
 *   console.log(flowRunId, 'is held by', holder, 'until', expiresAt)
 * }
 * ```
 */
export async function readLeases<DB extends RequiredTables>(
  session: Session<DB>,
  options: ReadLeasesOptions = {},
): Promise<FlowRunLease[]> {
  const { holder, workQueueIds, workPoolIds, ...range } = check(optionsSchema, options)
  return await open(session, async (scope) => {
    await requireTable(scope, 'flow_run_lease', 'read')
    const { db, dialect, tables } = scope
    const conditions: Condition[] = [leaseHolds(scope)]
    if (holder !== undefined) conditions.push(sql`lease.holder = ${holder}`)
    if (workQueueIds !== undefined) conditions.push(belongsTo(scope, 'queue.id', workQueueIds))
    if (workPoolIds !== undefined) conditions.push(belongsTo(scope, 'queue.work_pool_id', workPoolIds))
    const { rows } = await sql<object>`
      select lease.flow_run_id as id, ${selection(flowRunLeaseColumns, dialect, 'lease')}
      from ${tables.flow_run_lease} as lease ${runOfLease(scope)}
      where ${and(conditions)}
      order by lease.flow_run_id asc
      ${page(range)}
    `.execute(db)
    return rows.map((row) => decode(flowRunLeaseColumns, row))
  })
}

/** The run belongs to a queue whose column has one of the ids. */
function belongsTo({ dialect, tables }: Scope, column: string, ids: readonly string[]): Condition {
  const isOne = isAmongIds(column, sql`${encodeIdList(ids, dialect)}`, dialect)
  const queues = (what: RawBuilder<unknown>, isTaken: RawBuilder<unknown>): RawBuilder<unknown> => sql`
    select ${what} from ${tables.work_queue} as queue
    join ${tables.work_pool} as pool on pool.id = queue.work_pool_id
    where ${isOne} and ${isTaken}`
  return sql`(
    ${asked(sql`run.work_queue_id in (${queues(sql`queue.id`, sql`1 = 1`)})`)}
    or run.work_queue_id is null
      and ${asked(sql`run.work_queue_name in (${queues(sql`queue.name`, takesNames('pool'))})`)}
  )`
}
