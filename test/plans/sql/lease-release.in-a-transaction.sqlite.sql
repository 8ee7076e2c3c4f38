begin;

savepoint before_the_change;

update "worker"
set created = created
where 0 = 1;

with
  met as materialized (
    select
      lease.flow_run_id,
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
      cross join "flow_run" as run on run.id = lease.flow_run_id
    where lease.expires_at <= ?
  )
select *
from
  (
    select
      met.flow_run_id as "flowRunId",
      1 as holds
    from met
    where met.holds
    order by
      met.expires_at,
      met.flow_run_id
    limit cast(? as integer)
  )
union all
select *
from
  (
    select
      met.flow_run_id,
      0
    from met
    where not met.holds
    limit 10000
  );

release savepoint before_the_change;

commit;
