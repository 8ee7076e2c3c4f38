import * as z from 'zod'
import { check, countSchema, nowShape, type NowOption } from '../model/checks.js'
import { decodeAt } from '../model/columns.js'
import { decodeBoolean, decodeInteger, decodeTime } from '../model/values.js'
import { workQueueColumns } from '../model/work-queue.js'
import type { WorkQueueStatus } from '../rules/work-queue-status.js'
import { open, type RequiredTables, type Session } from '../session.js'
import { type AskedQueues, askedShape, DEFAULT_CAP, sendStats } from './asked-queues.js'
import { selectByFilter } from './filter-queue.js'
import { queueStats } from './queue-stats-text.js'
import { decodeFigures, type FigureRow, type RunFigures } from './run-figures.js'

/** How a work queue is doing, in figures. */
export interface WorkQueueStats extends RunFigures {
  workQueueId: string
  workQueueName: string
  workPoolId: string
  workPoolName: string
  priority: number
  isPaused: boolean
  status: WorkQueueStatus
  concurrencyLimit: number | null
  lastPolled: Date | null
}

/** Which queues, and how far their runs are counted. */
export interface ReadWorkQueueStatsOptions extends AskedQueues, NowOption {
  /** How far `due`, `late`, `scheduled` and `startable` are counted. Default: 1000. */
  cap?: number | undefined
}

const optionsSchema = z.strictObject({ ...askedShape, cap: countSchema.default(DEFAULT_CAP), ...nowShape })

/**
 * Reads how work queues are doing, in figures: what a dashboard shows, and what to scale by. A row a queue,
 * by pool name, priority and id.
 *
 * `startable` is how many runs a claim of that queue alone would take now,
 * `claimScheduledFlowRuns(db, { workQueueIds: [id], limit: cap })`: due, within the open slots of queue and
 * pool, none when one of them is paused. What is due beyond that is blocked, and more workers would not help.
 * Queues share the open slots of their pool, so the pool's `startable` may be less than the sum of theirs.
 *
 * All else is about the runs that belong to the queue: by `workQueueId`, and in the default agent pool by
 * name alone too. Such runs by name, and those that wait for a retry in their process, are due and not
 * startable: claims of pools do not take them, {@link claimRunsInWorkQueue} does. A queue with a tag filter
 * (deprecated) has the figures of the runs that its filter selects, as claims of it count them; its
 * `startable` is that of a claim by its pool all the same.
 *
 * One statement, and one more for each queue with a tag filter. It takes as long as there are queues, active
 * runs, and runs up to the cap: not as many as wait.
 *
 * @throws {InvalidInputError} when an option is not valid. An empty list of ids is valid, and matches
 *   nothing.
 *
 * @example
 * ```ts
 * for (const { workQueueName, startable, due, oldestDueTime } of await readWorkQueueStats(db)) {
 *   console.log(workQueueName, startable, 'of', due, 'due since', oldestDueTime)
 * }
 * ```
 */
export async function readWorkQueueStats<DB extends RequiredTables>(
  session: Session<DB>,
  options: ReadWorkQueueStatsOptions = {},
): Promise<WorkQueueStats[]> {
  const asked = check(optionsSchema, options)
  return await open(session, async (scope) => {
    const rows = await sendStats<Row>(scope, 'work-queue-stats', asked, (text) => queueStats(scope, text))
    const stats: WorkQueueStats[] = []
    for (const row of rows) {
      const filter = decodeAt(workQueueColumns.filter.decode, row.filter, 'work_queue', row.workQueueId, 'filter')
      const byFilter = filter === null ? {} : await selectByFilter(scope, filter, asked)
      stats.push({ ...decodePlace(row), ...decodeFigures({ ...row, ...byFilter }) })
    }
    return stats
  })
}

interface Row extends FigureRow {
  readonly workQueueId: string
  readonly workQueueName: string
  readonly workPoolId: string
  readonly workPoolName: string
  readonly priority: unknown
  readonly isPaused: unknown
  readonly status: WorkQueueStatus
  readonly lastPolled: unknown
  readonly filter: unknown
}

function decodePlace({ workQueueId, workQueueName, workPoolId, workPoolName, priority, isPaused, ...row }: Row) {
  return {
    workQueueId,
    workQueueName,
    workPoolId,
    workPoolName,
    priority: decodeInteger(priority),
    isPaused: decodeBoolean(isPaused),
    status: row.status,
    lastPolled: decodeAt(decodeTime, row.lastPolled, 'work_queue', workQueueId, 'last_polled'),
  }
}
