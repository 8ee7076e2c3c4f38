import { decodeAt } from '../model/columns.js'
import { decodeBoolean, decodeInteger, decodeTime } from '../model/values.js'
import { openSlots } from '../rules/open-slots.js'

/** How many runs wait and run in a queue, or in a pool, and how many may start. */
export interface RunFigures {
  /** SCHEDULED runs whose start time has come; counted no further than `cap`. */
  due: number
  /** Runs with the state name `Late`; counted no further than `cap`. */
  late: number
  /** SCHEDULED runs, due or not; counted no further than `cap`. */
  scheduled: number
  /** PENDING, RUNNING and CANCELLING runs: those that occupy slots for a claim. All are counted. */
  active: number
  /** How many more runs the limit lets in, of queue or pool by itself; `null` without a limit. */
  openSlots: number | null
  /** How many runs a claim would take now; no more than `cap`. */
  startable: number
  /** The start time of the run that is due longest; `null` when none is due. */
  oldestDueTime: Date | null
  /** The earliest start time of a SCHEDULED run, come or not; `null` when none has one. */
  nextStartTime: Date | null
}

/** The figures as they are selected. */
export interface FigureRow {
  readonly concurrencyLimit: unknown
  readonly due: unknown
  readonly late: unknown
  readonly scheduled: unknown
  readonly active: unknown
  readonly startable: unknown
  readonly firstRunId: string | null
  readonly nextStartTime: unknown
  readonly isFirstDue: unknown
}

export function decodeFigures(row: FigureRow): RunFigures & { concurrencyLimit: number | null } {
  const concurrencyLimit = row.concurrencyLimit === null ? null : decodeInteger(row.concurrencyLimit)
  const active = decodeInteger(row.active)
  const open = openSlots(concurrencyLimit, active)
  const nextStartTime = decodeAt(
    decodeTime,
    row.nextStartTime,
    'flow_run',
    String(row.firstRunId),
    'next_scheduled_start_time',
  )
  return {
    concurrencyLimit,
    due: decodeInteger(row.due),
    late: decodeInteger(row.late),
    scheduled: decodeInteger(row.scheduled),
    active,
    openSlots: open === Infinity ? null : open,
    startable: decodeInteger(row.startable),
    oldestDueTime: decodeBoolean(row.isFirstDue) ? nextStartTime : null,
    nextStartTime,
  }
}
