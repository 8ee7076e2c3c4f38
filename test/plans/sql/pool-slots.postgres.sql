select
  pool.id,
  (
    select count(*)
    from
      (
        select 1
        from
          "work_queue" as queue
          cross join lateral (
            select run.*
            from "flow_run" as run
            where
              run.work_queue_id = queue.id
              and "run"."state_type" in ('PENDING', 'RUNNING', 'CANCELLING')
              and not ("run"."state_type" in ('CANCELLING'))
            order by
              run.state_type,
              run.id
          ) as run
        where queue.work_pool_id = pool.id
        order by queue.priority
      ) as occupied
  ) as active
from "work_pool" as pool
where "pool"."id" = (cast(cast($1 as text) as uuid[])) [1];
