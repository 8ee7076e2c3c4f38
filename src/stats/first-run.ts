import { type RawBuilder, sql } from 'kysely'
import type { Scope } from '../session.js'
import type { Condition } from '../sql/lists.js'
import { handOutOrder, hasFilter, isScheduled } from '../sql/runs.js'

type Fragment = RawBuilder<unknown>
type Parts = Pick<Scope, 'dialect' | 'tables'>

/** The id of the first run that has a start time, of those that belong in one of these ways. */
export function firstRun(scope: Parts, members: readonly Condition[]): Fragment {
  return firstOf(members.map((isMember) => sql`select * from (${firstOfWay(scope, isMember)}) as part`))
}

/** The id of the first of all runs that these queries have. */
export function firstOf(queries: readonly Fragment[]): Fragment {
  return sql`(
      select run.id from (${sql.join(queries, sql` union all `)}) as run
      order by ${handOutOrder}
      limit 1)`
}

/** The first run that has a start time of each of some queues. `queues` is what comes after `from`. */
export function firstOfEach(
  scope: Parts,
  { queues, isAsked, isMember }: { queues: Fragment; isAsked: Condition; isMember: Condition },
): Fragment {
  const first = firstOfWay(scope, isMember)
  return scope.dialect === 'postgres'
    ? sql`select run.* from ${queues} cross join lateral (${first}) as run where ${isAsked}`
    : sql`
        select run.next_scheduled_start_time, run.id from ${queues}
        cross join ${scope.tables.flow_run} as run on run.id = (select id from (${first}) as part)
        where ${isAsked}`
}

function firstOfWay({ tables }: Parts, isMember: Condition): Fragment {
  return sql`
          select run.next_scheduled_start_time, run.id from ${tables.flow_run} as run
          where ${isMember} and ${isScheduled} and run.next_scheduled_start_time is not null
          order by ${handOutOrder}
          limit 1`
}

/** Joins the run with this id, or none, under the alias `run`: a look-up, whatever the planner thinks. */
export function rowOfFirstRun({ dialect, tables }: Parts, id: Fragment): Fragment {
  return dialect === 'postgres'
    ? sql`left join lateral (select * from ${tables.flow_run} as run where run.id = ${id} limit 1) as run on true`
    : sql`left join ${tables.flow_run} as run on run.id = ${id}`
}

/** An id as it is selected: on PostgreSQL as text, which no type parser of a host touches. */
export function idAsText(column: string, dialect: Scope['dialect']): Fragment {
  return dialect === 'postgres' ? sql`cast(${sql.ref(column)} as text)` : sql.ref(column)
}

/** The tag filter of the queue under the alias `queue`, or null, as it is selected. */
export function filterAsText(dialect: Scope['dialect']): Fragment {
  return sql`case when ${hasFilter('queue')} then ${dialect === 'postgres' ? sql`cast(queue.filter as text)` : sql`queue.filter`} end`
}
