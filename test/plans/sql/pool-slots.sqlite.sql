select
  pool.id,
  (
    select count(*)
    from
      (
        select 1
        from
          "work_queue" as queue
          cross join "flow_run" as run on run.work_queue_id = queue.id
          and "run"."state_type" in ('PENDING', 'RUNNING', 'CANCELLING')
          and not ("run"."state_type" in ('CANCELLING'))
        where queue.work_pool_id = pool.id
      ) as occupied
  ) as active
from "work_pool" as pool
where
  "pool"."id" in (
    select value
    from json_each(?)
  );
