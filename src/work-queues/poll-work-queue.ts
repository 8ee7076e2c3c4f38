import { sql } from 'kysely'
import { WorkQueueNotFoundError } from '../errors.js'
import { decode, flowRunColumns, selection, workQueueColumns } from '../schema/columns.js'
import type { FlowRun, WorkQueue } from '../schema/records.js'
import type { Scope } from '../session.js'
import { type FilterQueuePoll, pollFilterQueue } from './poll-filter-queue.js'
import { activeRuns, allowance, dueRuns, type QueuePoll } from './poll-statement.js'

/** What a poll of a queue found. */
export interface RunsInWorkQueue {
  workQueue: WorkQueue
  runs: FlowRun[]
}

/** Polls a work queue, after the checks. */
export async function pollWorkQueue(scope: Scope, id: string, poll: FilterQueuePoll): Promise<RunsInWorkQueue> {
  const found = await pollByMembership(scope, id, poll)
  if (found.workQueue.filter === null) return found
  return { workQueue: found.workQueue, runs: await pollFilterQueue(scope, found.workQueue, poll) }
}

async function pollByMembership(scope: Scope, id: string, poll: QueuePoll): Promise<RunsInWorkQueue> {
  const { db, dialect, tables } = scope
  const queue = { id: sql`${id}`, name: sql`(select name from queue)` }
  const { rows } = await sql<{ 'run.id': string | null }>`
    with
      queue as materialized (select * from ${tables.work_queue} where id = ${id}),
      active as materialized (${activeRuns(scope, queue, sql`(select concurrency_limit from queue)`)}),
      allowed as materialized (${allowance(poll.limit)})
    select
      ${selection(workQueueColumns, dialect, 'queue', 'queue.')},
      ${selection(flowRunColumns, dialect, 'run', 'run.')}
    from queue
    left join (${dueRuns(scope, queue, poll)}) as run on 1 = 1
    order by run.next_scheduled_start_time asc nulls last, run.id asc
  `.execute(db)

  const [first] = rows
  if (first === undefined) throw new WorkQueueNotFoundError(id)
  return {
    workQueue: decode(workQueueColumns, first, 'queue.'),
    runs: rows.filter((row) => row['run.id'] !== null).map((row) => decode(flowRunColumns, row, 'run.')),
  }
}
