select *
from
  (
    select
      null as "queueId",
      null as filter,
      "run"."id" as "flowRunId",
      run.next_scheduled_start_time as "startTime"
    from
      (
        select
          run.next_scheduled_start_time,
          run.id
        from
          "work_queue" as queue
          join "work_pool" as pool on pool.id = queue.work_pool_id
          cross join "flow_run" as run on run.id = (
            select id
            from
              (
                select
                  run.next_scheduled_start_time,
                  run.id
                from "flow_run" as run
                where
                  run.work_queue_id = queue.id
                  and run.state_type = 'SCHEDULED'
                  and run.next_scheduled_start_time is not null
                order by
                  run.next_scheduled_start_time asc nulls last,
                  run.id asc
                limit 1
              ) as part
          )
        where
          (
            "queue"."work_pool_id" in (
              select value
              from json_each(?)
            )
          )
          and not queue.is_paused
          and not pool.is_paused
        union all
        select
          run.next_scheduled_start_time,
          run.id
        from
          "work_queue" as queue
          join "work_pool" as pool on pool.id = queue.work_pool_id
          cross join "flow_run" as run on run.id = (
            select id
            from
              (
                select
                  run.next_scheduled_start_time,
                  run.id
                from "flow_run" as run
                where
                  run.work_queue_id is null
                  and run.work_queue_name = queue.name
                  and run.state_type = 'SCHEDULED'
                  and run.next_scheduled_start_time is not null
                order by
                  run.next_scheduled_start_time asc nulls last,
                  run.id asc
                limit 1
              ) as part
          )
        where
          (
            "queue"."work_pool_id" in (
              select value
              from json_each(?)
            )
          )
          and not queue.is_paused
          and not pool.is_paused
          and "pool"."name" = 'default-agent-pool'
      ) as run
    order by
      run.next_scheduled_start_time asc nulls last,
      run.id asc
    limit 1
  ) as first
union all
select
  "queue"."id" as "queueId",
  case
    when coalesce(cast("queue"."filter" as text), 'null') <> 'null' then queue.filter
  end as filter,
  null,
  null
from
  "work_queue" as queue
  join "work_pool" as pool on pool.id = queue.work_pool_id
where
  (
    "queue"."work_pool_id" in (
      select value
      from json_each(?)
    )
  )
  and not queue.is_paused
  and not pool.is_paused
  and coalesce(cast("queue"."filter" as text), 'null') <> 'null';
