import { type RawBuilder, sql } from 'kysely'
import { encodeIdList, sizeOf } from '../sql/lists.js'
import { decode } from '../model/columns.js'
import { flowRunColumns } from '../model/flow-run.js'
import type { FlowRun } from '../model/flow-run.js'
import { encodeTime } from '../model/values.js'
import type { Scope } from '../session.js'
import type { SlotRule } from '../sql/active-runs.js'
import { type Parameter, runStatement } from '../sql/cached-statement.js'
import { timeOfStatement } from '../sql/clock.js'
import { readStoredRun } from '../sql/stored-runs.js'
import type { PoolPollText } from './pool-poll-parts.js'
import { poolPollOnPostgres } from './pool-poll.postgres.js'
import { poolPollOnSqlite } from './pool-poll.sqlite.js'

/** What a poll of work pools asks for. */
export interface PoolPoll {
  readonly workPoolIds?: readonly string[] | undefined
  readonly workQueueIds?: readonly string[] | undefined
  readonly scheduledBefore?: Date | undefined
  readonly scheduledAfter?: Date | undefined
  readonly limit: number
  readonly respectQueuePriorities: boolean
  readonly lock: boolean
  /**
   * Only runs that are due when the statement begins, by the database's clock or on SQLite the process's, in
   * place of `scheduledBefore`. Default: false.
   */
  readonly isDueNow?: boolean | undefined
  /** Default: false. */
  readonly ignorePoolLimits?: boolean | undefined
}

/** A run that may start, and where it was found. */
export interface ScheduledFlowRun {
  workPoolId: string
  workQueueId: string
  flowRun: FlowRun
}

/** How many runs a poll of pools returns at most, unless it asks for another number. */
export const DEFAULT_POOL_POLL_LIMIT = 1000

/** Polls work pools, after the checks. */
export async function pollPools(scope: Scope, poll: PoolPoll, slots: SlotRule): Promise<ScheduledFlowRun[]> {
  const build = scope.dialect === 'postgres' ? poolPollOnPostgres<Row> : poolPollOnSqlite<Row>
  const rows = await sendPoolPoll(scope, 'poll-pools', poll, slots, { build: (text) => build(scope, text) })
  return rows.map((row) => ({
    workPoolId: row.workPoolId,
    workQueueId: row.workQueueId,
    flowRun: row.run === undefined ? decode(flowRunColumns, row, 'run.') : readStoredRun(row.run),
  }))
}

/**
 * Sends a statement that polls work pools, and may do more with what it finds. Its text depends on which
 * options are given.
 */
export async function sendPoolPoll<Row>(
  scope: Scope,
  name: string,
  poll: PoolPoll,
  slots: SlotRule,
  {
    build,
    values: more = {},
  }: {
    readonly build: (text: PoolPollText, parameter: Parameter) => RawBuilder<Row>
    /** Values of further parameters. */
    readonly values?: Readonly<Record<string, unknown>>
  },
): Promise<Row[]> {
  const { dialect } = scope
  const { limit, respectQueuePriorities, lock, isDueNow = false, ignorePoolLimits = false } = poll
  const isDueByDatabase = isDueNow && dialect === 'postgres'
  const scheduledBefore = isDueNow && !isDueByDatabase ? new Date() : poll.scheduledBefore
  const values = {
    limit,
    workPoolIds: poll.workPoolIds && encodeIdList(poll.workPoolIds, dialect),
    workQueueIds: poll.workQueueIds && encodeIdList(poll.workQueueIds, dialect),
    scheduledBefore: scheduledBefore && encodeTime(scheduledBefore, dialect),
    scheduledAfter: poll.scheduledAfter && encodeTime(poll.scheduledAfter, dialect),
  }
  const given = Object.entries(values).flatMap(([key, value]) => (value === undefined ? [] : [key]))
  const sizes = { workPoolIds: sizeOf(poll.workPoolIds ?? []), workQueueIds: sizeOf(poll.workQueueIds ?? []) }
  return await runStatement<Row>(
    scope,
    `${name} ${given.join()} ${sizes.workPoolIds} ${sizes.workQueueIds} ${respectQueuePriorities} ${lock} ${slots.states.join()} ${slots.byName} ${isDueNow} ${ignorePoolLimits}`,
    (parameter) => {
      const ifGiven = (key: keyof typeof values) => (values[key] === undefined ? undefined : parameter(key))
      const listIfGiven = (key: keyof typeof sizes) => {
        const value = ifGiven(key)
        return value && { value, size: sizes[key] }
      }
      return build(
        {
          limit: sql`cast(${parameter('limit')} as integer)`,
          workPoolIds: listIfGiven('workPoolIds'),
          workQueueIds: listIfGiven('workQueueIds'),
          scheduledBefore: isDueByDatabase ? timeOfStatement(undefined, dialect) : ifGiven('scheduledBefore'),
          scheduledAfter: ifGiven('scheduledAfter'),
          respectQueuePriorities,
          lock,
          slots,
          ignorePoolLimits,
        },
        parameter,
      )
    },
    { ...values, ...more },
  )
}

interface Row {
  readonly workPoolId: string
  readonly workQueueId: string
  /** PostgreSQL: the run as JSON. */
  readonly run?: string
}
