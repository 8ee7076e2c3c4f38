import * as z from 'zod'
import { check, countSchema, idSchema, nowShape, type NowOption } from '../model/checks.js'
import { decodeBoolean, decodeInteger } from '../model/values.js'
import type { WorkPoolStatus } from '../rules/work-pool-status.js'
import { open, type RequiredTables, type Session } from '../session.js'
import { DEFAULT_CAP, sendStats } from './asked-queues.js'
import { poolStats } from './pool-stats-text.js'
import { decodeFigures, type FigureRow, type RunFigures } from './run-figures.js'

/** How a work pool is doing, in figures. */
export interface WorkPoolStats extends RunFigures {
  workPoolId: string
  workPoolName: string
  isPaused: boolean
  status: WorkPoolStatus
  concurrencyLimit: number | null
  /** How many workers are ONLINE, as heartbeats and {@link markWorkersOffline} have left them. */
  workersOnline: number
}

/** Which pools, and how far their runs are counted. */
export interface ReadWorkPoolStatsOptions extends NowOption {
  /** Default: every pool. */
  workPoolIds?: readonly string[] | undefined
  /** How far `due`, `late`, `scheduled` and `startable` are counted. Default: 1000. */
  cap?: number | undefined
}

const optionsSchema = z.strictObject({
  workPoolIds: z.array(idSchema).optional(),
  cap: countSchema.default(DEFAULT_CAP),
  ...nowShape,
})

/**
 * Reads how work pools are doing, in figures: what a dashboard shows, and what to scale workers by. A row a
 * pool, by name.
 *
 * `startable` is how many runs a claim of the pool would take now,
 * `claimScheduledFlowRuns(db, { workPoolIds: [id], limit: cap })`: due, of queues that are not paused, within
 * the open slots of each queue and of the pool; none when the pool is paused.
 *
 * All else is about the runs that belong to the pool's queues, also to paused ones: by `workQueueId`, and in
 * the default agent pool by the queue's name alone too. Tag filters (deprecated) make no difference.
 *
 * One statement. It takes as long as there are queues, active runs, and runs up to the cap: not as many as
 * wait.
 *
 * @throws {InvalidInputError} when an option is not valid. An empty list of ids is valid, and matches
 *   nothing.
 *
 * @example
 * ```ts
 * for (const { workPoolName, startable, active, workersOnline } of await readWorkPoolStats(db)) {
 *   console.log(workPoolName, startable, active, workersOnline)
 * }
 * ```
 */
export async function readWorkPoolStats<DB extends RequiredTables>(
  session: Session<DB>,
  options: ReadWorkPoolStatsOptions = {},
): Promise<WorkPoolStats[]> {
  const asked = check(optionsSchema, options)
  return await open(session, async (scope) => {
    const rows = await sendStats<Row>(scope, 'work-pool-stats', asked, (text) => poolStats(scope, text))
    return rows.map((row) => ({
      workPoolId: row.workPoolId,
      workPoolName: row.workPoolName,
      isPaused: decodeBoolean(row.isPaused),
      status: row.status,
      ...decodeFigures(row),
      workersOnline: decodeInteger(row.workersOnline),
    }))
  })
}

interface Row extends FigureRow {
  readonly workPoolId: string
  readonly workPoolName: string
  readonly isPaused: unknown
  readonly status: WorkPoolStatus
  readonly workersOnline: unknown
}
