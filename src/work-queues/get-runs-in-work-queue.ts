import { sql } from 'kysely'
import { z } from 'zod'
import { WorkQueueNotFoundError } from '../errors.js'
import { check, countSchema, idSchema, timeSchema } from '../schema/checks.js'
import { decode, flowRunColumns, selection, workQueueColumns } from '../schema/columns.js'
import type { FlowRun, WorkQueue } from '../schema/records.js'
import { open, type RequiredTables, type Scope, type Session } from '../session.js'
import { pollFilterQueue } from './poll-filter-queue.js'
import { activeRuns, allowance, dueRuns } from './poll-statement.js'

/** Which runs a poll asks for. */
export interface GetRunsInWorkQueueOptions {
  /** How many at most. Default: as many as are due and may start. */
  limit?: number | undefined
  /** Only runs that are due at this time. Default: every SCHEDULED run. */
  scheduledBefore?: Date | undefined
}

/** What a poll of a queue found. */
export interface RunsInWorkQueue {
  workQueue: WorkQueue
  runs: FlowRun[]
}

const optionsSchema = z.strictObject({ limit: countSchema.optional(), scheduledBefore: timeSchema.optional() })

/**
 * Polls a work queue: reads the runs that may start now, and changes nothing.
 *
 * These are the queue's SCHEDULED runs, due at `scheduledBefore` if that is given, by next scheduled start (those without one
 * last), then by id; none when the queue is paused; at most the open slots when it has a concurrency limit (PENDING, RUNNING and
 * CANCELLING runs occupy); at most `limit`. A run belongs to the queue by `workQueueId`, or without one by `workQueueName`.
 *
 * One statement, which outside a transaction writes and locks nothing: the next poll returns the same runs again. Inside a
 * PostgreSQL transaction the runs are locked (`for update skip locked`), so that polls in other transactions pass over them.
 *
 * A queue with a `filter` (deprecated) takes instead the runs with all of its tags and of one of its deployments, whatever their
 * queue, and counts PENDING and RUNNING runs of the same filter against its limit. That takes a second statement.
 *
 * @throws {InvalidInputError} when an argument is not valid.
 * @throws {WorkQueueNotFoundError} when there is no such queue.
 *
 * @example
 * ```ts
 * const { runs } = await getRunsInWorkQueue(db, queue.id, { scheduledBefore: new Date(), limit: 10 })
 * ```
 */
export async function getRunsInWorkQueue<DB extends RequiredTables>(
  session: Session<DB>,
  id: string,
  options: GetRunsInWorkQueueOptions = {},
): Promise<RunsInWorkQueue> {
  const workQueueId = check(idSchema, id, 'id')
  const poll = check(optionsSchema, options)
  const scope = open(session)

  const found = await pollByMembership(scope, workQueueId, poll)
  if (found.workQueue.filter === null) return found
  return { workQueue: found.workQueue, runs: await pollFilterQueue(scope, found.workQueue, poll) }
}

async function pollByMembership(
  scope: Scope,
  id: string,
  { limit, scheduledBefore }: GetRunsInWorkQueueOptions,
): Promise<RunsInWorkQueue> {
  const { db, dialect, tables } = scope
  const queue = { id: sql`${id}`, name: sql`(select name from queue)` }
  const { rows } = await sql<{ 'run.id': string | null }>`
    with
      queue as materialized (select * from ${tables.work_queue} where id = ${id}),
      active as materialized (${activeRuns(scope, queue, sql`(select concurrency_limit from queue)`)}),
      allowed as materialized (${allowance(limit)})
    select
      ${selection(workQueueColumns, dialect, 'queue', 'queue.')},
      ${selection(flowRunColumns, dialect, 'run', 'run.')}
    from queue
    left join (${dueRuns(scope, queue, scheduledBefore)}) as run on 1 = 1
    order by run.next_scheduled_start_time asc nulls last, run.id asc
  `.execute(db)

  const [first] = rows
  if (first === undefined) throw new WorkQueueNotFoundError(id)
  return {
    workQueue: decode(workQueueColumns, first, 'queue.'),
    runs: rows.filter((row) => row['run.id'] !== null).map((row) => decode(flowRunColumns, row, 'run.')),
  }
}
