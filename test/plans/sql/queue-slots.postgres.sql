select
  queue.id,
  cast(queue.filter as text) as filter,
  case
    when not coalesce(cast("queue"."filter" as text), 'null') <> 'null' then (
      (
        select count(*)
        from "flow_run" as run
        where
          run.work_queue_id = queue.id
          and "run"."state_type" in ('PENDING', 'RUNNING', 'CANCELLING')
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
              named.id = queue.id
              and "home"."name" = 'default-agent-pool'
          )
          and "run"."state_type" in ('PENDING', 'RUNNING', 'CANCELLING')
      )
    )
  end as active
from "work_queue" as queue
where "queue"."id" = (cast(cast($1 as text) as uuid[])) [1];
