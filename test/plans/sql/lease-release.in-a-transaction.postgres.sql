begin;

with
  met as materialized (
    select
      lease.flow_run_id,
      lease.state_id,
      lease.expires_at,
      (
        "run"."state_type" in ('PENDING', 'RUNNING', 'CANCELLING')
        and (
          run.state_id = lease.state_id
          or not exists (
            select 1
            from "flow_run_state" as state
            where
              state.flow_run_id = run.id
              and state.timestamp > lease.acquired_at
              and not "state"."type" in ('PENDING', 'RUNNING', 'CANCELLING')
          )
        )
      ) is true as holds
    from
      "flow_run_lease" as lease
      cross join lateral (
        select run.*
        from "flow_run" as run
        where run.id = lease.flow_run_id
        limit 1
      ) as run
    where lease.expires_at <= date_trunc('milliseconds', statement_timestamp())
  ),
  held as materialized (
    select lease.flow_run_id
    from
      met
      join "flow_run_lease" as lease on lease.flow_run_id = met.flow_run_id
      and lease.state_id = met.state_id
    where
      met.holds
      and lease.expires_at <= date_trunc('milliseconds', statement_timestamp())
    order by
      met.expires_at,
      met.flow_run_id
    limit
      (
        select cast($1 as integer)
      )
    for update of
      lease skip locked
  ),
  void as materialized (
    select lease.flow_run_id
    from
      met
      join "flow_run_lease" as lease on lease.flow_run_id = met.flow_run_id
      and lease.state_id = met.state_id
    where
      not met.holds
      and lease.expires_at <= date_trunc('milliseconds', statement_timestamp())
    limit 10000
    for update of
      lease skip locked
  )
select
  cast(run.id as text) as "flowRunId",
  'true' as holds
from
  held
  cross join lateral (
    select run.id
    from "flow_run" as run
    where run.id = held.flow_run_id
    limit 1
    for no key update skip locked
  ) as run
union all
select
  cast(void.flow_run_id as text),
  'false'
from void;

commit;
