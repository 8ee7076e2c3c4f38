import { sql } from 'kysely'
import { WorkQueueNotFoundError } from '../errors.js'
import { decode, selection } from '../model/columns.js'
import { flowRunColumns } from '../model/flow-run.js'
import { workQueueColumns } from '../model/work-queue.js'
import { handOutOrder, NO_LIMIT } from '../sql/runs.js'
import type { FlowRun } from '../model/flow-run.js'
import type { WorkQueue } from '../model/work-queue.js'
import { encodeTime } from '../model/values.js'
import type { Scope } from '../session.js'
import { runStatement } from '../sql/cached-statement.js'
import { type FilterQueuePoll, pollFilterQueue } from './filter-queue-poll.js'
import { allowance, dueRuns, type QueuePoll } from './queue-poll-statement.js'

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
  const { dialect, tables } = scope
  const { limit, scheduledBefore, lock } = poll
  const shape = `poll-work-queue ${scheduledBefore === undefined} ${lock}`
  const rows = await runStatement<{ 'run.id': string | null }>(
    scope,
    shape,
    (parameter) => {
      const id = parameter('id')
      const due = dueRuns(scope, id, scheduledBefore && parameter('scheduledBefore'), lock)
      return sql`
        with allowed as materialized (${allowance(scope, id, sql`cast(${parameter('limit')} as integer)`)})
        select
          ${selection(workQueueColumns, dialect, 'queue', 'queue.')},
          ${selection(flowRunColumns, dialect, 'run', 'run.')}
        from ${tables.work_queue} as queue
        ${
          dialect === 'postgres'
            ? sql`left join (${due}) as run on true`
            : sql`left join (${due}) as picked on true left join ${tables.flow_run} as run on run.id = picked.id`
        }
        where queue.id = ${id}
        order by ${handOutOrder}`
    },
    {
      id,
      limit: limit ?? NO_LIMIT,
      scheduledBefore: scheduledBefore && encodeTime(scheduledBefore, dialect),
    },
  )

  const [first] = rows
  if (first === undefined) throw new WorkQueueNotFoundError(id)
  return {
    workQueue: decode(workQueueColumns, first, 'queue.'),
    runs: rows.filter((row) => row['run.id'] !== null).map((row) => decode(flowRunColumns, row, 'run.')),
  }
}
