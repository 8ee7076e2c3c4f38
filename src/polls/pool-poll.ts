import { sql } from 'kysely'
import { encodeIdList, isShortList } from '../sql/lists.js'
import { decode, decodeStored } from '../model/columns.js'
import { flowRunColumns } from '../model/flow-run.js'
import type { FlowRun } from '../model/flow-run.js'
import { encodeTime } from '../model/values.js'
import type { Scope } from '../session.js'
import type { SlotRule } from '../sql/active-runs.js'
import { runStatement } from '../sql/cached-statement.js'
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
  const { dialect } = scope
  const { limit, respectQueuePriorities, lock, ignorePoolLimits = false } = poll
  const values = {
    limit,
    workPoolIds: poll.workPoolIds && encodeIdList(poll.workPoolIds, dialect),
    workQueueIds: poll.workQueueIds && encodeIdList(poll.workQueueIds, dialect),
    scheduledBefore: poll.scheduledBefore && encodeTime(poll.scheduledBefore, dialect),
    scheduledAfter: poll.scheduledAfter && encodeTime(poll.scheduledAfter, dialect),
  }
  const given = Object.entries(values).flatMap(([name, value]) => (value === undefined ? [] : [name]))
  const short = { workPoolIds: isShortList(poll.workPoolIds ?? []), workQueueIds: isShortList(poll.workQueueIds ?? []) }
  const rows = await runStatement<Row>(
    scope,
    `poll-pools ${given.join()} ${short.workPoolIds} ${short.workQueueIds} ${respectQueuePriorities} ${lock} ${slots.states.join()} ${slots.byName} ${ignorePoolLimits}`,
    (parameter) => {
      const ifGiven = (name: keyof typeof values) => (values[name] === undefined ? undefined : parameter(name))
      const listIfGiven = (name: keyof typeof short) => {
        const value = ifGiven(name)
        return value && { value, isShort: short[name] }
      }
      const build = dialect === 'postgres' ? poolPollOnPostgres<Row> : poolPollOnSqlite<Row>
      return build(scope, {
        limit: sql`cast(${parameter('limit')} as integer)`,
        workPoolIds: listIfGiven('workPoolIds'),
        workQueueIds: listIfGiven('workQueueIds'),
        scheduledBefore: ifGiven('scheduledBefore'),
        scheduledAfter: ifGiven('scheduledAfter'),
        respectQueuePriorities,
        lock,
        slots,
        ignorePoolLimits,
      })
    },
    values,
  )
  return rows.map((row) => ({
    workPoolId: row.workPoolId,
    workQueueId: row.workQueueId,
    flowRun:
      row.run === undefined
        ? decode(flowRunColumns, row, 'run.')
        : decodeStored(flowRunColumns, JSON.parse(row.run) as object),
  }))
}

interface Row {
  readonly workPoolId: string
  readonly workQueueId: string
  /** PostgreSQL: the run as JSON. */
  readonly run?: string
}
