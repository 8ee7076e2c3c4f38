import { type RawBuilder, sql } from 'kysely'
import * as z from 'zod'
import { check } from '../model/checks.js'
import { decodeAt } from '../model/columns.js'
import { decodeTime, timeAsText } from '../model/values.js'
import { type QueueFilter, workQueueColumns } from '../model/work-queue.js'
import { open, type RequiredTables, type Scope, type Session } from '../session.js'
import { matchesQueueFilter } from '../sql/filters.js'
import type { Condition } from '../sql/lists.js'
import { handOutOrder, hasFilter, isMemberById, isMemberByName, takesNames } from '../sql/runs.js'
import { type AskedQueues, askedShape, sendStats, type StatsText } from './asked-queues.js'
import { filterAsText, firstOfEach, firstRun, idAsText, rowOfFirstRun } from './first-run.js'

/** Which queues are asked about. */
export interface ReadNextStartTimeOptions extends AskedQueues {}

const optionsSchema = z.strictObject(askedShape)

/**
 * Reads when the next run starts: the earliest start time among the SCHEDULED runs of unpaused queues in
 * unpaused pools. An idle claimer may sleep until then, or until something is created, resumed or ends.
 *
 * A time that has come says that a run is due, and not that it may start: a limit may hold it back, and then
 * the end of another run is what to wait for. Runs belong to a queue by `workQueueId`, and in the default
 * agent pool by name alone too; those that the tag filter (deprecated) of an asked queue selects count as
 * well.
 *
 * One statement, a look-up for each queue, and one statement more for each queue with a tag filter.
 *
 * @returns `null` when no such run has a start time.
 * @throws {InvalidInputError} when an option is not valid. An empty list of ids is valid, and matches
 *   nothing.
 *
 * @example
 * ```ts
 * const next = await readNextStartTime(db, { workQueueIds: [queue.id] })
 * const milliseconds = next === null ? 30_000 : Math.min(30_000, Math.max(0, next.getTime() - Date.now()))
 * ```
 */
export async function readNextStartTime<DB extends RequiredTables>(
  session: Session<DB>,
  options: ReadNextStartTimeOptions = {},
): Promise<Date | null> {
  const asked = check(optionsSchema, options)
  return await open(session, async (scope) => {
    const rows = await sendStats<Row>(scope, 'next-start-time', { ...asked, cap: 0 }, (text) => nextStart(scope, text))
    const times: Date[] = []
    for (const row of rows) {
      const filter = decodeAt(workQueueColumns.filter.decode, row.filter, 'work_queue', String(row.queueId), 'filter')
      const time = decodeStart(filter === null ? row : await selectFirstByFilter(scope, filter))
      if (time !== null) times.push(time)
    }
    return times.toSorted((a, b) => a.getTime() - b.getTime())[0] ?? null
  })
}

interface FirstRow {
  readonly flowRunId: string | null
  readonly startTime: unknown
}

interface Row extends FirstRow {
  readonly queueId: string | null
  readonly filter: unknown
}

function decodeStart({ flowRunId, startTime }: FirstRow): Date | null {
  return decodeAt(decodeTime, startTime, 'flow_run', String(flowRunId), 'next_scheduled_start_time')
}

/** The first run of all queues that are asked for, and each of their tag filters, a row for each. */
function nextStart(scope: Scope, { isAskedQueue }: StatsText): RawBuilder<Row> {
  const { dialect, tables } = scope
  const queues = sql`${tables.work_queue} as queue join ${tables.work_pool} as pool on pool.id = queue.work_pool_id`
  const isOpen: Condition = sql`${isAskedQueue} and not queue.is_paused and not pool.is_paused`
  const parts = [
    firstOfEach(scope, { queues, isAsked: isOpen, isMember: isMemberById(sql`queue.id`) }),
    firstOfEach(scope, {
      queues,
      isAsked: sql`${isOpen} and ${takesNames('pool')}`,
      isMember: isMemberByName(sql`queue.name`),
    }),
  ]
  return sql<Row>`
    select * from (
      select null as "queueId", null as filter, ${start(dialect)}
      from (${sql.join(parts, sql` union all `)}) as run
      order by ${handOutOrder}
      limit 1
    ) as first
    union all
    select ${idAsText('queue.id', dialect)} as "queueId", ${filterAsText(dialect)} as filter, null, null
    from ${queues}
    where ${isOpen} and ${hasFilter('queue')}`
}

async function selectFirstByFilter(scope: Scope, filter: QueueFilter): Promise<FirstRow> {
  const id = firstRun(scope, [matchesQueueFilter(filter, scope.dialect)])
  const { rows } = await sql<FirstRow>`
    select ${start(scope.dialect)} from (select 1 as one) as single ${rowOfFirstRun(scope, id)}
  `.execute(scope.db)
  return rows[0] ?? { flowRunId: null, startTime: null }
}

/** What is selected of the first run, under the alias `run`. */
function start(dialect: Scope['dialect']): RawBuilder<unknown> {
  return sql`
    ${idAsText('run.id', dialect)} as "flowRunId",
    ${sql.raw(timeAsText('run.next_scheduled_start_time', dialect))} as "startTime"`
}
