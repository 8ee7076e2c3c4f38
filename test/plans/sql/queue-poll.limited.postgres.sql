with
  place as materialized (
    select
      queue.id,
      cast(
        json_build_object(
          'queue',
          row_to_json(queue),
          'isPoolLimited',
          pool.concurrency_limit is not null,
          'isPoolPaused',
          pool.is_paused,
          'takesNames',
          "pool"."name" = 'default-agent-pool'
        ) as text
      ) as record,
      case
        when queue.is_paused
        or coalesce(cast("queue"."filter" as text), 'null') <> 'null' then 0
        else greatest(
          0,
          least(
            (
              select cast($1 as integer)
            ),
            case
              when queue.concurrency_limit is null then (
                select cast($2 as integer)
              )
              else queue.concurrency_limit - (
                (
                  select count(*)
                  from
                    (
                      select 1
                      from "flow_run" as run
                      where
                        run.work_queue_id = queue.id
                        and "run"."state_type" in ('PENDING', 'RUNNING', 'CANCELLING')
                      order by
                        run.state_type,
                        run.id
                      limit queue.concurrency_limit
                    ) as occupied
                ) + (
                  select count(*)
                  from
                    (
                      select 1
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
                      order by
                        run.state_type,
                        run.id
                      limit queue.concurrency_limit
                    ) as occupied
                )
              )
            end
          )
        )
      end as room
    from
      "work_queue" as queue
      join "work_pool" as pool on pool.id = queue.work_pool_id
    where queue.id = $3
  )
select
  place.record as place,
  run.record as run
from
  place
  left join (
    select
      run.next_scheduled_start_time,
      run.id,
      cast(row_to_json(run) as text) as record
    from
      (
        select run.*
        from
          (
            select *
            from
              (
                select
                  0 as way,
                  run.next_scheduled_start_time,
                  run.id
                from "flow_run" as run
                where
                  run.work_queue_id = (
                    select id
                    from place
                  )
                  and run.state_type = 'SCHEDULED'
                  and run.next_scheduled_start_time <= $4
                order by
                  run.next_scheduled_start_time asc nulls last,
                  run.id asc
                limit
                  (
                    select room
                    from place
                  )
              ) as run
            union all
            select *
            from
              (
                select
                  1 as way,
                  run.next_scheduled_start_time,
                  run.id
                from "flow_run" as run
                where
                  run.work_queue_id is null
                  and run.work_queue_name = (
                    select named.name
                    from
                      "work_queue" as named
                      join "work_pool" as home on home.id = named.work_pool_id
                    where
                      named.id = (
                        select id
                        from place
                      )
                      and "home"."name" = 'default-agent-pool'
                  )
                  and run.state_type = 'SCHEDULED'
                  and run.next_scheduled_start_time <= $5
                order by
                  run.next_scheduled_start_time asc nulls last,
                  run.id asc
                limit
                  (
                    select room
                    from place
                  )
              ) as run
          ) as run
        order by
          run.next_scheduled_start_time asc nulls last,
          run.id asc
        limit
          (
            select room
            from place
          )
      ) as picked
      cross join lateral (
        select *
        from "flow_run" as run
        where run.id = picked.id
        limit 1
      ) as run
  ) as run on true
order by
  run.next_scheduled_start_time asc nulls last,
  run.id asc;
