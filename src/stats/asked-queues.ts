import { type RawBuilder, sql } from 'kysely'
import * as z from 'zod'
import { idSchema } from '../model/checks.js'
import { encodeTime } from '../model/values.js'
import type { Scope } from '../session.js'
import { type Parameter, runStatement } from '../sql/cached-statement.js'
import { timeOfStatement } from '../sql/clock.js'
import { and, type Condition, encodeIdList, isAmongIds, isInIdList, sizeOf } from '../sql/lists.js'

type Fragment = RawBuilder<unknown>

/** Which queues are asked about. */
export interface AskedQueues {
  /** Default: the queues of every pool. */
  workPoolIds?: readonly string[] | undefined
  /** Default: every queue of the pools. */
  workQueueIds?: readonly string[] | undefined
}

/** The shape of {@link AskedQueues}, to be spread into a schema of options. */
export const askedShape: {
  workPoolIds: z.ZodOptional<z.ZodArray<typeof idSchema>>
  workQueueIds: z.ZodOptional<z.ZodArray<typeof idSchema>>
} = { workPoolIds: z.array(idSchema).optional(), workQueueIds: z.array(idSchema).optional() }

/** How far `due`, `late`, `scheduled` and `startable` are counted, where nobody says. */
export const DEFAULT_CAP = 1000

/** What is asked, as a statement is built: what stands for each value, and what changes the text. */
export interface StatsText {
  /** The condition on the alias `pool`, and on the alias `queue`, that it is asked about. */
  readonly isAskedPool: Condition
  readonly isAskedQueue: Condition
  readonly cap: Fragment
  readonly now: Fragment
}

/** Runs a statement about queues or pools, whose text depends on which ids are given. */
export async function sendStats<Row>(
  scope: Scope,
  name: string,
  { workPoolIds, workQueueIds, cap, now }: AskedQueues & { cap?: number; now?: Date | undefined },
  build: (text: StatsText) => RawBuilder<Row>,
): Promise<Row[]> {
  const { dialect } = scope
  const isPostgres = dialect === 'postgres'
  const lists = { workPoolIds, workQueueIds }
  const shapes = Object.values(lists).map((ids) => (ids === undefined ? 'all' : sizeOf(ids)))
  const time = now ?? (isPostgres ? undefined : new Date())
  return await runStatement<Row>(
    scope,
    `${name} ${shapes.join()} ${time === undefined}`,
    (parameter) =>
      build({
        ...conditionsOf(scope, lists, parameter),
        // In a sub-select, so that a prepared statement keeps its plan, and so that the planner does not
        // take a large cap for as many runs.
        cap: isPostgres
          ? sql`(select cast(${parameter('cap')} as integer))`
          : sql`cast(${parameter('cap')} as integer)`,
        now:
          time === undefined
            ? timeOfStatement(undefined, dialect)
            : isPostgres
              ? sql`cast(${parameter('now')} as timestamptz)`
              : parameter('now'),
      }),
    {
      workPoolIds: workPoolIds && encodeIdList(workPoolIds, dialect),
      workQueueIds: workQueueIds && encodeIdList(workQueueIds, dialect),
      cap,
      now: time && encodeTime(time, dialect),
    },
  )
}

/** Queues are looked up by their own ids if those are given, else by their pools'. */
function conditionsOf(
  { dialect }: Scope,
  { workPoolIds, workQueueIds }: AskedQueues,
  parameter: Parameter,
): Pick<StatsText, 'isAskedPool' | 'isAskedQueue'> {
  const ofPools = workPoolIds && { value: parameter('workPoolIds'), size: sizeOf(workPoolIds) }
  const ofQueues = workQueueIds && { value: parameter('workQueueIds'), size: sizeOf(workQueueIds) }
  const queueConditions: Condition[] = []
  if (ofQueues !== undefined) queueConditions.push(isInIdList('queue.id', ofQueues, dialect))
  if (ofPools !== undefined) {
    queueConditions.push(
      ofQueues === undefined
        ? isInIdList('queue.work_pool_id', ofPools, dialect)
        : isAmongIds('queue.work_pool_id', ofPools.value, dialect),
    )
  }
  return {
    isAskedPool: and(ofPools === undefined ? [] : [isInIdList('pool.id', ofPools, dialect)]),
    isAskedQueue: and(queueConditions),
  }
}
