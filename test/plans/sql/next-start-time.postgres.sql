select *
from
  (
    select
      null as "queueId",
      null as filter,
      cast("run"."id" as text) as "flowRunId",
      cast(
        extract(
          epoch
          from run.next_scheduled_start_time
        ) as text
      ) as "startTime"
    from
      (
        select run.*
        from
          "work_queue" as queue
          join "work_pool" as pool on pool.id = queue.work_pool_id
          cross join lateral (
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
          ) as run
        where
          ("queue"."work_pool_id" = (cast(cast($1 as text) as uuid[])) [1])
          and not queue.is_paused
          and not pool.is_paused
        union all
        select run.*
        from
          "work_queue" as queue
          join "work_pool" as pool on pool.id = queue.work_pool_id
          cross join lateral (
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
          ) as run
        where
          ("queue"."work_pool_id" = (cast(cast($2 as text) as uuid[])) [1])
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
  cast("queue"."id" as text) as "queueId",
  case
    when coalesce(cast("queue"."filter" as text), 'null') <> 'null' then cast(queue.filter as text)
  end as filter,
  null,
  null
from
  "work_queue" as queue
  join "work_pool" as pool on pool.id = queue.work_pool_id
where
  ("queue"."work_pool_id" = (cast(cast($3 as text) as uuid[])) [1])
  and not queue.is_paused
  and not pool.is_paused
  and coalesce(cast("queue"."filter" as text), 'null') <> 'null';
