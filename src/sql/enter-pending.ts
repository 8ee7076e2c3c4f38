import { type RawBuilder, sql } from 'kysely'
import type { Scope } from '../session.js'
import { momentAfter, timeOfWriting } from './clock.js'
import { idWithHead } from './new-ids.js'
import { scheduledTimeText } from './scheduled-time-text.js'
import { insertLeases, type LeaseText } from './leases.js'

type Fragment = RawBuilder<unknown>

/** What stands for each value of {@link enterPending}. */
interface PendingText {
  readonly ids: Fragment
  readonly now: Fragment | undefined
  readonly stateIdHead: Fragment
  readonly lease: LeaseText | undefined
}

/**
 * PostgreSQL: the parts of a statement that moves runs from SCHEDULED to PENDING: `claimed`, the runs as they
 * now are, `entered`, their rows of `flow_run_state`, and `leased`, their leases if they are claimed in a
 * holder's name. It is {@link enterState} for that state.
 *
 * The runs are given as an array of ids, since `update ... from picked where run.id = picked.id` was planned
 * as a hash join over a scan of the whole table (4.5 ms with 40,000 runs); an array is a look-up by primary
 * key, whatever the planner thinks. The state is made of the run's new row, which has its id and its time
 * already, so nothing has to be matched.
 *
 * @param ids - A query of the ids of locked runs.
 * @param now - Default: the database's clock, read once, when the runs are locked.
 * @param stateIdHead - A value made by `newIdHead` of model/ids.ts.
 * @param lease - Default: none.
 */
export function enterPending(
  { tables }: Pick<Scope, 'tables'>,
  { ids, now, stateIdHead, lease }: PendingText,
): Fragment {
  const time = now ?? sql`(select now from clock)`
  return sql`
    ${now === undefined ? sql`clock as materialized (select ${timeOfWriting(undefined, 'postgres')} as now),` : sql``}
    claimed as (
      update ${tables.flow_run} as run set
        state_id = ${idWithHead(stateIdHead)},
        state_type = 'PENDING',
        state_name = 'Pending',
        state_timestamp = greatest(${time}, ${momentAfter(sql`run.state_timestamp`)}),
        expected_start_time = coalesce(run.expected_start_time, run.next_scheduled_start_time),
        end_time = null,
        updated = ${time}
      where run.id = any(array(${ids}))
      returning
        run.id, run.state_id, run.state_timestamp, run.updated, run.work_queue_id, run.next_scheduled_start_time,
        coalesce(run.next_scheduled_start_time, run.expected_start_time) as due, cast(row_to_json(run) as text) as record
    ),
    entered as (
      insert into ${tables.flow_run_state} (id, created, updated, type, timestamp, name, state_details, flow_run_id)
      select
        run.state_id, run.updated, run.updated, 'PENDING', run.state_timestamp, 'Pending',
        jsonb_strip_nulls(jsonb_build_object('flow_run_id', run.id, 'scheduled_time', ${scheduledTimeText(sql`run.due`)})),
        run.id
      from claimed as run
    )
    ${lease === undefined ? sql`` : sql`, leased as (${insertLeases({ tables }, lease)})`}`
}
