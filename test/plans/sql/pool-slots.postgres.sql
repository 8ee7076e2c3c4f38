select
  pool.id,
  (
    select
      coalesce(
        sum(
          (
            select count(*)
            from "flow_run" as run
            where
              run.work_queue_id = queue.id
              and "run"."state_type" in ('PENDING', 'RUNNING', 'CANCELLING')
              and not ("run"."state_type" in ('CANCELLING'))
          )
        ),
        0
      )
    from "work_queue" as queue
    where queue.work_pool_id = pool.id
  ) as active
from "work_pool" as pool
where "pool"."id" = any (cast(cast($1 as text) as uuid[]));
