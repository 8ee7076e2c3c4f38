import { type RawBuilder, sql } from 'kysely'
import { WorkQueueNotFoundError } from '../errors.js'
import { decode, decodeStored } from '../model/columns.js'
import { type FlowRun, flowRunColumns } from '../model/flow-run.js'
import { encodeTime } from '../model/values.js'
import { type WorkQueue, workQueueColumns } from '../model/work-queue.js'
import type { Scope } from '../session.js'
import { type Parameter, runStatement } from '../sql/cached-statement.js'
import { readPlace, recall, remember } from '../sql/known-queues.js'
import { NO_LIMIT } from '../sql/runs.js'
import { readStoredRuns } from '../sql/stored-runs.js'
import { pollFilterQueue } from './filter-queue-poll.js'
import { pollAny, pollUnlimited } from './queue-poll.postgres.js'
import { queuePollOnSqlite } from './queue-poll.sqlite.js'
import type { QueuePoll, QueuePollText } from './queue-poll-text.js'

/** What a poll of a queue found. */
export interface RunsInWorkQueue {
  workQueue: WorkQueue
  runs: FlowRun[]
}

/** Polls a work queue, after the checks. */
export async function pollWorkQueue(scope: Scope, id: string, poll: QueuePoll): Promise<RunsInWorkQueue> {
  const found = await (scope.dialect === 'postgres' ? pollOnPostgres(scope, id, poll) : pollOnSqlite(scope, id, poll))
  if (found.workQueue.filter === null) return found
  return { workQueue: found.workQueue, runs: await pollFilterQueue(scope, found.workQueue, poll) }
}

/**
 * One statement: the short one for a queue that was seen to be what that is for, else the one for any. When
 * the short one finds that the queue has become something else, the other follows.
 */
async function pollOnPostgres(scope: Scope, id: string, poll: QueuePoll): Promise<RunsInWorkQueue> {
  const known = recall(scope, id)
  if (known !== undefined && !known.isQueueLimited && !known.takesNames && !known.hasFilter) {
    const [first, ...others] = await send(scope, id, poll, 'unlimited', pollUnlimited<UnlimitedRow>)
    const workQueue = decodeStored(workQueueColumns, JSON.parse(first.queue) as object)
    const isUnlimited = workQueue.concurrencyLimit === null && workQueue.filter === null && first.takesNames === 'false'
    if (isUnlimited) return { workQueue, runs: readStoredRuns([first, ...others]) }
  }
  const rows = await send(scope, id, poll, 'any', pollAny<AnyRow>)
  const { place, workQueue } = readPlace(rows[0].place)
  remember(scope, id, { ...place, foundNothing: known?.foundNothing ?? false })
  return { workQueue, runs: readStoredRuns(rows) }
}

interface UnlimitedRow {
  readonly queue: string
  readonly takesNames: string
  readonly run: string | null
}

interface AnyRow {
  readonly place: string
  readonly run: string | null
}

async function send<Row>(
  scope: Scope,
  id: string,
  poll: QueuePoll,
  name: string,
  build: (scope: Scope, poll: QueuePollText) => RawBuilder<Row>,
): Promise<[Row, ...Row[]]> {
  const [first, ...others] = await runStatement<Row>(
    scope,
    `poll-queue ${name} ${poll.scheduledBefore === undefined} ${poll.lock}`,
    (parameter) =>
      build(scope, {
        ...textOf(poll, parameter),
        // In a sub-select, so that a prepared statement keeps its plan: one that depends on the number is
        // made anew each time.
        limit: sql`(select cast(${parameter('limit')} as integer))`,
      }),
    valuesOf(scope, id, poll),
  )
  if (first === undefined) throw new WorkQueueNotFoundError(id)
  return [first, ...others]
}

async function pollOnSqlite(scope: Scope, id: string, poll: QueuePoll): Promise<RunsInWorkQueue> {
  const rows = await runStatement<{ 'run.id': string | null }>(
    scope,
    `poll-queue ${poll.scheduledBefore === undefined}`,
    (parameter) => queuePollOnSqlite(scope, textOf(poll, parameter)),
    valuesOf(scope, id, poll),
  )
  const [first] = rows
  if (first === undefined) throw new WorkQueueNotFoundError(id)
  return {
    workQueue: decode(workQueueColumns, first, 'queue.'),
    runs: rows.filter((row) => row['run.id'] !== null).map((row) => decode(flowRunColumns, row, 'run.')),
  }
}

function textOf({ scheduledBefore, lock }: QueuePoll, parameter: Parameter): QueuePollText {
  return {
    workQueueId: parameter('id'),
    limit: sql`cast(${parameter('limit')} as integer)`,
    scheduledBefore: scheduledBefore && parameter('scheduledBefore'),
    lock,
  }
}

function valuesOf({ dialect }: Scope, id: string, { limit, scheduledBefore }: QueuePoll): Record<string, unknown> {
  return { id, limit: limit ?? NO_LIMIT, scheduledBefore: scheduledBefore && encodeTime(scheduledBefore, dialect) }
}
