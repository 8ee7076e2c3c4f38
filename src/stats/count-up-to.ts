import { type RawBuilder, sql } from 'kysely'
import type { Scope } from '../session.js'
import type { Condition } from '../sql/lists.js'
import { handOutOrder, isDue, isLate, isScheduled, NO_LIMIT } from '../sql/runs.js'

type Fragment = RawBuilder<unknown>

/** Runs to be counted, and the order in which an index has them; none where none has. */
export interface Countable {
  readonly condition: Condition
  readonly order: Fragment
}

/** The runs that wait, and are counted as far as they have to be: by name. */
export function waitingRuns(now: Fragment): Readonly<Record<'due' | 'late' | 'scheduled', Countable>> {
  const order = sql`order by ${handOutOrder}`
  return {
    due: { condition: isDue(now), order },
    // Their index has nothing but the queue.
    late: { condition: isLate, order: sql`` },
    scheduled: { condition: isScheduled, order },
  }
}

/** How many runs belong in one of these ways, counted no further than to `cap`. */
export function countUpTo(
  { dialect, tables }: Pick<Scope, 'dialect' | 'tables'>,
  members: readonly Condition[],
  { condition, order }: Countable,
  cap: Fragment,
): Fragment {
  const counts = members.map(
    (isMember): Fragment => sql`(
      select count(*) from (
        select 1 from ${tables.flow_run} as run
        where ${isMember} and ${condition}
        ${order}
        limit ${cap}
      ) as counted)`,
  )
  return leastOf(dialect, [cap, sql.join(counts, sql` + `)])
}

/** The least of some numbers, none of which is null. */
export function leastOf(dialect: Scope['dialect'], numbers: readonly Fragment[]): Fragment {
  return dialect === 'postgres' ? sql`least(${sql.join(numbers)})` : sql`min(${sql.join(numbers)})`
}

/**
 * PostgreSQL: how far to count all there is: to a limit that is none, and of which the planner knows nothing,
 * so that it expects a tenth of the rows.
 *
 * It expects each look-up to read as many runs as an average queue has, where the cap ends it much sooner.
 * With hundreds of look-ups that looks so expensive that it compiles the plan first, which takes longer than
 * to run it: 200 ms.
 */
export function allOf(dialect: Scope['dialect']): Fragment | undefined {
  return dialect === 'postgres' ? sql`(select ${sql.lit(NO_LIMIT)})` : undefined
}
