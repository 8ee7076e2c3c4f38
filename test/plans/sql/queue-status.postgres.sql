select
  cast(
    extract(
      epoch
      from statement_timestamp()
    ) as text
  ) as clock,
  cast(
    extract(
      epoch
      from queue.last_polled
    ) as text
  ) as "lastPolled",
  (
    select count(*)
    from "flow_run" as run
    where
      run.work_queue_id = $1
      and run.state_name = 'Late'
  ) + (
    select count(*)
    from "flow_run" as run
    where
      run.work_queue_id is null
      and run.work_queue_name = (
        select named.name
        from
          "work_queue" as named
          join "work_pool" as home on home.id = named.work_pool_id
        where
          named.id = $2
          and "home"."name" = 'default-agent-pool'
      )
      and run.state_name = 'Late'
  ) as "lateRunsCount"
from "work_queue" as queue
where queue.id = $3;
