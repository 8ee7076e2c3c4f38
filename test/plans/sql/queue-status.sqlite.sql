select
  ? as clock,
  queue.last_polled as "lastPolled",
  (
    select count(*)
    from "flow_run" as run
    where
      run.work_queue_id = ?
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
          named.id = ?
          and "home"."name" = 'default-agent-pool'
      )
      and run.state_name = 'Late'
  ) as "lateRunsCount"
from "work_queue" as queue
where queue.id = ?;
