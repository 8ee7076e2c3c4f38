begin;

select
  cast(row_to_json(queue) as text) as queue,
  cast(
    (
      select "pool"."name" = 'default-agent-pool'
      from "work_pool" as pool
      where pool.id = queue.work_pool_id
    ) as text
  ) as "takesNames",
  run.record as run
from
  "work_queue" as queue
  left join lateral (
    select
      run.next_scheduled_start_time,
      run.id,
      cast(row_to_json(run) as text) as record
    from "flow_run" as run
    where
      run.work_queue_id = $1
      and run.state_type = 'SCHEDULED'
      and run.next_scheduled_start_time <= $2
    order by
      run.next_scheduled_start_time asc nulls last,
      run.id asc
    limit
      case
        when (
          queue.concurrency_limit is null
          and not queue.is_paused
          and not coalesce(cast("queue"."filter" as text), 'null') <> 'null'
          and not (
            select "pool"."name" = 'default-agent-pool'
            from "work_pool" as pool
            where pool.id = queue.work_pool_id
          )
        ) then (
          select cast($3 as integer)
        )
        else 0
      end
    for update skip locked
  ) as run on true
where queue.id = $4
order by
  run.next_scheduled_start_time asc nulls last,
  run.id asc;

commit;
