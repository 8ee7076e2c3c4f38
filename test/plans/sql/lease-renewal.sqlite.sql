begin;

update "worker"
set created = created
where 0 = 1;

update "flow_run_lease"
set expires_at = ?
where
  flow_run_id in (
    select lease.flow_run_id
    from
      "flow_run_lease" as lease
      cross join "flow_run" as run on run.id = lease.flow_run_id
    where
      lease.holder = ?
      and (
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
      ) is true
  )
returning
  flow_run_id as "flowRunId",
  (
    select run.state_type
    from "flow_run" as run
    where run.id = flow_run_id
  ) as "stateType";

delete from "flow_run_lease"
where
  flow_run_id in (
    select lease.flow_run_id
    from
      "flow_run_lease" as lease
      cross join "flow_run" as run on run.id = lease.flow_run_id
    where
      lease.holder = ?
      and not (
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
        ) is true
      )
  );

commit;
