with
  mine as materialized (
    select
      lease.flow_run_id,
      lease.state_id,
      run.state_type,
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
    where lease.holder = cast($1 as text)
  ),
  held as materialized (
    select
      lease.flow_run_id,
      mine.state_type
    from
      mine
      join "flow_run_lease" as lease on lease.flow_run_id = mine.flow_run_id
      and lease.state_id = mine.state_id
    where mine.holds
    order by mine.flow_run_id
    for no key update of
      lease
  ),
  renewed as (
    update "flow_run_lease" as lease
    set
      expires_at = least(
        date_trunc('milliseconds', clock_timestamp()) + make_interval(secs => cast($2 as integer)),
        timestamptz '9999-12-31 23:59:59.999999+00'
      )
    where
      lease.flow_run_id = any (
        array(
          select held.flow_run_id
          from held
        )
      )
  ),
  void as materialized (
    select lease.flow_run_id
    from
      mine
      join "flow_run_lease" as lease on lease.flow_run_id = mine.flow_run_id
      and lease.state_id = mine.state_id
    where
      not mine.holds
      and (
        select count(*)
        from held
      ) >= 0
    for update of
      lease skip locked
  ),
  dropped as (
    delete from "flow_run_lease" as lease
    where
      lease.flow_run_id = any (
        array(
          select void.flow_run_id
          from void
        )
      )
  )
select
  cast(held.flow_run_id as text) as "flowRunId",
  cast(held.state_type as text) as "stateType"
from held
order by held.flow_run_id;
