import { type RawBuilder, sql } from 'kysely'
import * as z from 'zod'
import { check, type PageOptions, pageShape } from '../model/checks.js'
import { decode, selection } from '../model/columns.js'
import type { Dialect } from '../model/dialect.js'
import { type FlowRun, flowRunColumns } from '../model/flow-run.js'
import { type FlowRunFilter, flowRunFilterSchema } from '../model/flow-run-filter.js'
import { open, type RequiredTables, type Scope, type Session } from '../session.js'
import { waysToMatch } from '../sql/filters.js'
import { and, type Condition } from '../sql/lists.js'
import { page } from '../sql/runs.js'

/** Which flow runs to read, and in what order. */
export interface ReadFlowRunsOptions extends PageOptions {
  /** Default: every run. */
  filter?: FlowRunFilter | undefined
  /** Default: `id`. Runs without the time come last, in both directions; ties are broken by id, ascending. */
  orderBy?: 'id' | 'nextScheduledStartTime' | 'endTime' | 'created' | undefined
  /** Whether the last come first: the newest, the latest. Default: false. */
  descending?: boolean | undefined
}

const COLUMNS = {
  nextScheduledStartTime: 'run.next_scheduled_start_time',
  endTime: 'run.end_time',
  created: 'run.created',
} as const

const optionsSchema = z.strictObject({
  filter: flowRunFilterSchema.optional(),
  orderBy: z.enum(['id', 'nextScheduledStartTime', 'endTime', 'created']).default('id'),
  descending: z.boolean().default(false),
  ...pageShape,
})

/**
 * Reads flow runs, ordered by id or by a time.
 *
 * Ids of new runs grow with time, so that `descending` by id has the newest first, at the cost of what is
 * returned; by a time it costs as little only where the database has an index for the filter and that order.
 *
 * @throws {InvalidInputError} when an option is not valid.
 *
 * @example
 * ```ts
 * const late = await readFlowRuns(db, { filter: { stateName: { any: ['Late'] } }, limit: 100 })
 * const filter = { memberOf: queue.id, stateType: { any: ['SCHEDULED' as const] } }
 * const next = await readFlowRuns(db, { filter, orderBy: 'nextScheduledStartTime', limit: 20 })
 * ```
 */
export async function readFlowRuns<DB extends RequiredTables>(
  session: Session<DB>,
  options: ReadFlowRunsOptions = {},
): Promise<FlowRun[]> {
  const { filter = {}, orderBy, descending, ...range } = check(optionsSchema, options)
  return await open(session, async (scope) => {
    const order = orderOf(orderBy, descending, scope.dialect)
    const parts = waysToMatch(filter, scope).flatMap((isMatch) =>
      order.parts.map((part) => ({ condition: and([isMatch, ...part.conditions]), order: part.order })),
    )
    return await selectParts(scope, parts, order.all, range)
  })
}

interface Order {
  readonly all: RawBuilder<unknown>
  /** Runs of which all of one part come before those of the next, each in an order that an index may have. */
  readonly parts: readonly { readonly conditions: readonly Condition[]; readonly order: RawBuilder<unknown> }[]
}

function orderOf(orderBy: 'id' | keyof typeof COLUMNS, descending: boolean, dialect: Dialect): Order {
  if (orderBy === 'id') return whole(descending ? sql`run.id desc` : sql`run.id asc`)
  const time = sql.ref(COLUMNS[orderBy])
  if (!descending) return whole(sql`${time} asc nulls last, run.id asc`)
  // No time of creation is null, and SQLite has nulls last by itself.
  if (orderBy === 'created' || dialect === 'sqlite') return whole(sql`${time} desc, run.id asc`)
  // PostgreSQL reads an index backwards with nulls first, and in no other order.
  return {
    all: sql`${time} desc nulls last, run.id asc`,
    parts: [
      { conditions: [sql`${time} is not null`], order: sql`${time} desc, run.id asc` },
      { conditions: [sql`${time} is null`], order: sql`run.id asc` },
    ],
  }
}

function whole(all: RawBuilder<unknown>): Order {
  return { all, parts: [{ conditions: [], order: all }] }
}

async function selectParts(
  { db, dialect, tables }: Scope,
  parts: readonly { readonly condition: Condition; readonly order: RawBuilder<unknown> }[],
  order: RawBuilder<unknown>,
  range: PageOptions,
): Promise<FlowRun[]> {
  const { limit, offset = 0 } = range
  // Of each part no more than the page goes.
  const most = limit === undefined ? undefined : limit + offset
  const union = sql.join(
    parts.map(
      (part) => sql`
        select * from (
          select run.* from ${tables.flow_run} as run where ${part.condition}
          ${most === undefined ? sql`` : sql`order by ${part.order} limit ${sql.lit(most)}`}
        ) as run`,
    ),
    sql` union all `,
  )
  const [only, ...more] = parts
  const from = more.length === 0 ? sql`${tables.flow_run} as run where ${only?.condition}` : sql`(${union}) as run`
  const { rows } = await sql<object>`
    select ${selection(flowRunColumns, dialect, 'run')}
    from ${from}
    order by ${order}
    ${page(range)}
  `.execute(db)
  return rows.map((row) => decode(flowRunColumns, row))
}
