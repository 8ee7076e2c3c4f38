with
  asked as materialized (
    select queue.*
    from "work_queue" as queue
    where
      (
        "queue"."id" in (
          select value
          from json_each(?)
        )
      )
  ),
  pool as materialized (
    select
      pool.id,
      pool.name,
      "pool"."name" = 'default-agent-pool' as takes_names,
      case
        when pool.is_paused then 0
        else max(
          0,
          min(
            cast(? as integer),
            case
              when pool.concurrency_limit is null then cast(? as integer)
              else pool.concurrency_limit - (
                (
                  select count(*)
                  from
                    (
                      select 1
                      from
                        "work_queue" as queue
                        cross join "flow_run" as run on run.work_queue_id = queue.id
                        and "run"."state_type" in ('PENDING', 'RUNNING', 'CANCELLING')
                      where queue.work_pool_id = pool.id
                      limit
                        (
                          select coalesce(max(concurrency_limit), 0)
                          from "work_pool"
                          where concurrency_limit is not null
                        )
                    ) as occupied
                ) + (
                  select count(*)
                  from
                    (
                      select 1
                      from
                        "work_pool" as home
                        cross join "work_queue" as queue
                        cross join "flow_run" as run on run.work_queue_id is null
                        and run.work_queue_name = queue.name
                        and "run"."state_type" in ('PENDING', 'RUNNING', 'CANCELLING')
                      where
                        home.id = pool.id
                        and "home"."name" = 'default-agent-pool'
                        and queue.work_pool_id = home.id
                      limit
                        (
                          select coalesce(max(concurrency_limit), 0)
                          from "work_pool"
                          where concurrency_limit is not null
                        )
                    ) as occupied
                )
              )
            end
          )
        )
      end as room
    from "work_pool" as pool
    where
      pool.id in (
        select work_pool_id
        from asked
      )
  ),
  queue as materialized (
    select
      queue.id,
      queue.name,
      queue.work_pool_id,
      queue.priority,
      queue.is_paused,
      queue.status,
      queue.concurrency_limit,
      queue.last_polled,
      queue.filter,
      pool.name as pool_name,
      pool.room as pool_room,
      case
        when pool.takes_names then queue.name
      end as taken_name,
      (
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
      ) as active
    from
      asked as queue
      cross join pool on pool.id = queue.work_pool_id
  ),
  started as materialized (
    select
      queue.*,
      case
        when case
          when queue.is_paused then 0
          else max(
            0,
            min(
              queue.pool_room,
              case
                when queue.concurrency_limit is null then queue.pool_room
                else queue.concurrency_limit - queue.active
              end
            )
          )
        end > 0 then min(
          case
            when queue.is_paused then 0
            else max(
              0,
              min(
                queue.pool_room,
                case
                  when queue.concurrency_limit is null then queue.pool_room
                  else queue.concurrency_limit - queue.active
                end
              )
            )
          end,
          case
            when queue.concurrency_limit is null then (
              select count(*)
              from
                (
                  select 1
                  from
                    (
                      select 1
                      from "flow_run" as run
                      where
                        (
                          run.work_queue_id = queue.id
                          and run.state_type = 'SCHEDULED'
                          and run.next_scheduled_start_time <= ?
                          and coalesce(
                            case
                              when json_valid(run.empirical_policy) then json_extract(run.empirical_policy, '$.retry_type')
                            end,
                            ''
                          ) <> 'in_process'
                        )
                      order by
                        run.next_scheduled_start_time asc nulls last,
                        run.id asc
                      limit cast(? as integer)
                    ) as candidate
                ) as candidate
            )
            else (
              select count(*)
              from
                (
                  select 1
                  from
                    (
                      select 1
                      from "flow_run" as run
                      where
                        (
                          run.work_queue_id = queue.id
                          and run.state_type = 'SCHEDULED'
                          and run.next_scheduled_start_time <= ?
                          and coalesce(
                            case
                              when json_valid(run.empirical_policy) then json_extract(run.empirical_policy, '$.retry_type')
                            end,
                            ''
                          ) <> 'in_process'
                        )
                      order by
                        run.next_scheduled_start_time asc nulls last,
                        run.id asc
                      limit
                        min(
                          cast(? as integer),
                          (
                            select coalesce(max(concurrency_limit), 0)
                            from "work_queue"
                            where concurrency_limit is not null
                          )
                        )
                    ) as candidate
                ) as candidate
            )
          end
        )
        else 0
      end as startable,
      (
        select run.id
        from
          (
            select *
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
            union all
            select *
            from
              (
                select
                  run.next_scheduled_start_time,
                  run.id
                from "flow_run" as run
                where
                  run.work_queue_id is null
                  and run.work_queue_name = queue.taken_name
                  and run.state_type = 'SCHEDULED'
                  and run.next_scheduled_start_time is not null
                order by
                  run.next_scheduled_start_time asc nulls last,
                  run.id asc
                limit 1
              ) as part
          ) as run
        order by
          run.next_scheduled_start_time asc nulls last,
          run.id asc
        limit 1
      ) as first_run_id
    from queue
  ),
  waiting as materialized (
    select
      queue.*,
      case
        when queue.startable >= cast(? as integer) then cast(? as integer)
        else min(
          cast(? as integer),
          (
            select count(*)
            from
              (
                select 1
                from "flow_run" as run
                where
                  run.work_queue_id = queue.id
                  and run.state_type = 'SCHEDULED'
                  and run.next_scheduled_start_time <= ?
                order by
                  run.next_scheduled_start_time asc nulls last,
                  run.id asc
                limit cast(? as integer)
              ) as counted
          ) + (
            select count(*)
            from
              (
                select 1
                from "flow_run" as run
                where
                  run.work_queue_id is null
                  and run.work_queue_name = queue.taken_name
                  and run.state_type = 'SCHEDULED'
                  and run.next_scheduled_start_time <= ?
                order by
                  run.next_scheduled_start_time asc nulls last,
                  run.id asc
                limit cast(? as integer)
              ) as counted
          )
        )
      end as due
    from started as queue
  )
select
  "queue"."id" as "workQueueId",
  queue.name as "workQueueName",
  "queue"."work_pool_id" as "workPoolId",
  queue.pool_name as "workPoolName",
  queue.priority,
  queue.is_paused as "isPaused",
  queue.status,
  queue.concurrency_limit as "concurrencyLimit",
  queue.last_polled as "lastPolled",
  case
    when coalesce(cast("queue"."filter" as text), 'null') <> 'null' then queue.filter
  end as filter,
  queue.due,
  min(
    cast(? as integer),
    (
      select count(*)
      from
        (
          select 1
          from "flow_run" as run
          where
            run.work_queue_id = queue.id
            and run.state_name = 'Late'
          limit cast(? as integer)
        ) as counted
    ) + (
      select count(*)
      from
        (
          select 1
          from "flow_run" as run
          where
            run.work_queue_id is null
            and run.work_queue_name = queue.taken_name
            and run.state_name = 'Late'
          limit cast(? as integer)
        ) as counted
    )
  ) as late,
  case
    when queue.due >= cast(? as integer) then cast(? as integer)
    else min(
      cast(? as integer),
      (
        select count(*)
        from
          (
            select 1
            from "flow_run" as run
            where
              run.work_queue_id = queue.id
              and run.state_type = 'SCHEDULED'
            order by
              run.next_scheduled_start_time asc nulls last,
              run.id asc
            limit cast(? as integer)
          ) as counted
      ) + (
        select count(*)
        from
          (
            select 1
            from "flow_run" as run
            where
              run.work_queue_id is null
              and run.work_queue_name = queue.taken_name
              and run.state_type = 'SCHEDULED'
            order by
              run.next_scheduled_start_time asc nulls last,
              run.id asc
            limit cast(? as integer)
          ) as counted
      )
    )
  end as scheduled,
  queue.active,
  queue.startable,
  "run"."id" as "firstRunId",
  run.next_scheduled_start_time as "nextStartTime",
  case
    when run.next_scheduled_start_time <= ? then 1
    else 0
  end as "isFirstDue"
from
  waiting as queue
  left join "flow_run" as run on run.id = queue.first_run_id
order by
  queue.pool_name,
  queue.priority,
  queue.id;
