import { type RawBuilder, sql } from 'kysely'
import type { QueueFilter } from '../model/work-queue.js'
import { timeAsText } from '../model/values.js'
import { WORK_QUEUE_SLOT_STATES } from '../rules/states.js'
import type { Scope } from '../session.js'
import { activeRuns, holdsSlot } from '../sql/active-runs.js'
import { timeOfStatement } from '../sql/clock.js'
import { matchesQueueFilter } from '../sql/filters.js'
import type { Condition } from '../sql/lists.js'
import { handOutOrder, hasStartTime, isDue, isLate, isScheduled } from '../sql/runs.js'
import { countUpTo } from './count-up-to.js'
import { firstRun, idAsText, rowOfFirstRun } from './first-run.js'
import type { FigureRow } from './run-figures.js'

/** What the runs that a tag filter selects are, of the figures. */
type FilterRow = Omit<FigureRow, 'concurrencyLimit' | 'startable'>

/**
 * The figures of the runs that a tag filter selects. Every filter selects by lists of its own, so this is a
 * statement for each; a poll of the queue costs as much. Its late runs are looked for among the SCHEDULED
 * ones: by deployment, no index has the others.
 */
export async function selectByFilter(
  { db, dialect, tables }: Scope,
  filter: QueueFilter,
  { cap, now: given }: { cap: number; now?: Date | undefined },
): Promise<FilterRow> {
  const members = [matchesQueueFilter(filter, dialect)]
  const now = timeOfStatement(given, dialect)
  const count = (condition: Condition): RawBuilder<unknown> =>
    // No index has the runs of many deployments in order. PostgreSQL is asked for it nevertheless: else it
    // hopes to find as many sooner in a scan.
    countUpTo(
      { dialect, tables },
      members,
      { condition, order: dialect === 'postgres' ? sql`order by ${handOutOrder}` : sql`` },
      sql.lit(cap),
    )
  const holds = holdsSlot({ states: WORK_QUEUE_SLOT_STATES })
  const { rows } = await sql<FilterRow>`
    select
      ${count(isDue(now))} as due,
      ${count(sql`${isScheduled} and ${isLate}`)} as late,
      ${count(isScheduled)} as scheduled,
      ${activeRuns({ dialect, tables }, { members, holds, upTo: undefined })} as active,
      ${idAsText('run.id', dialect)} as "firstRunId",
      ${sql.raw(timeAsText('run.next_scheduled_start_time', dialect))} as "nextStartTime",
      case when ${hasStartTime(now)} then 1 else 0 end as "isFirstDue"
    from (select 1 as one) as single
    ${rowOfFirstRun({ dialect, tables }, firstRun({ dialect, tables }, members))}
  `.execute(db)
  return rows[0] as FilterRow
}
