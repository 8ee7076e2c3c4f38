with
  asked as materialized (
    select
      queue.work_pool_id as pool_id,
      array_agg(queue.id) as ids
    from "work_queue" as queue
    where ("queue"."id" = (cast(cast($1 as text) as uuid[])) [1])
    group by queue.work_pool_id
  ),
  pool as materialized (
    select
      pool.id,
      pool.name,
      "pool"."name" = 'default-agent-pool' as takes_names,
      case
        when pool.is_paused then 0
        else greatest(
          0,
          least(
            (
              select cast($2 as integer)
            ),
            case
              when pool.concurrency_limit is null then (
                select cast($3 as integer)
              )
              else pool.concurrency_limit - (
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
                          order by
                            run.state_type,
                            run.id
                          limit "pool"."concurrency_limit"
                        ) as run
                      where queue.work_pool_id = pool.id
                      order by queue.priority
                      limit "pool"."concurrency_limit"
                    ) as occupied
                ) + (
                  select count(*)
                  from
                    (
                      select 1
                      from
                        "work_pool" as home
                        cross join "work_queue" as queue
                        cross join lateral (
                          select run.*
                          from "flow_run" as run
                          where
                            run.work_queue_id is null
                            and run.work_queue_name = queue.name
                            and "run"."state_type" in ('PENDING', 'RUNNING', 'CANCELLING')
                          order by
                            run.state_type,
                            run.id
                          limit "pool"."concurrency_limit"
                        ) as run
                      where
                        home.id = pool.id
                        and "home"."name" = 'default-agent-pool'
                        and queue.work_pool_id = home.id
                      order by queue.priority
                      limit "pool"."concurrency_limit"
                    ) as occupied
                )
              )
            end
          )
        )
      end as room,
      asked.ids
    from
      asked
      cross join lateral (
        select *
        from "work_pool" as pool
        where pool.id = asked.pool_id
        limit 1
      ) as pool
    limit
      (
        select 2147483647
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
              limit
                (
                  select 2147483647
                )
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
              limit
                (
                  select 2147483647
                )
            ) as occupied
        )
      ) as active
    from
      pool
      cross join lateral unnest(pool.ids) as chosen (id)
      cross join lateral (
        select *
        from "work_queue" as queue
        where queue.id = chosen.id
        limit 1
      ) as queue
    limit
      (
        select 2147483647
      )
  ),
  started as materialized (
    select
      queue.*,
      (
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
                    and run.next_scheduled_start_time <= cast($4 as timestamptz)
                    and coalesce(run.empirical_policy ->> 'retry_type', '') <> 'in_process'
                  )
                order by
                  run.next_scheduled_start_time asc nulls last,
                  run.id asc
                limit
                  (
                    select cast($5 as integer)
                  )
              ) as candidate
            limit
              case
                when queue.is_paused then 0
                else greatest(
                  0,
                  least(
                    queue.pool_room,
                    case
                      when queue.concurrency_limit is null then queue.pool_room
                      else queue.concurrency_limit - queue.active
                    end
                  )
                )
              end
          ) as candidate
      ) as startable,
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
        when queue.startable >= (
          select cast($6 as integer)
        ) then (
          select cast($7 as integer)
        )
        else least(
          (
            select cast($8 as integer)
          ),
          (
            select count(*)
            from
              (
                select 1
                from "flow_run" as run
                where
                  run.work_queue_id = queue.id
                  and run.state_type = 'SCHEDULED'
                  and run.next_scheduled_start_time <= cast($9 as timestamptz)
                order by
                  run.next_scheduled_start_time asc nulls last,
                  run.id asc
                limit
                  (
                    select cast($10 as integer)
                  )
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
                  and run.next_scheduled_start_time <= cast($11 as timestamptz)
                order by
                  run.next_scheduled_start_time asc nulls last,
                  run.id asc
                limit
                  (
                    select cast($12 as integer)
                  )
              ) as counted
          )
        )
      end as due
    from started as queue
  )
select
  cast("queue"."id" as text) as "workQueueId",
  queue.name as "workQueueName",
  cast("queue"."work_pool_id" as text) as "workPoolId",
  queue.pool_name as "workPoolName",
  queue.priority,
  queue.is_paused as "isPaused",
  queue.status,
  queue.concurrency_limit as "concurrencyLimit",
  cast(
    extract(
      epoch
      from queue.last_polled
    ) as text
  ) as "lastPolled",
  case
    when coalesce(cast("queue"."filter" as text), 'null') <> 'null' then cast(queue.filter as text)
  end as filter,
  queue.due,
  least(
    (
      select cast($13 as integer)
    ),
    (
      select count(*)
      from
        (
          select 1
          from "flow_run" as run
          where
            run.work_queue_id = queue.id
            and run.state_name = 'Late'
          limit
            (
              select cast($14 as integer)
            )
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
          limit
            (
              select cast($15 as integer)
            )
        ) as counted
    )
  ) as late,
  case
    when queue.due >= (
      select cast($16 as integer)
    ) then (
      select cast($17 as integer)
    )
    else least(
      (
        select cast($18 as integer)
      ),
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
            limit
              (
                select cast($19 as integer)
              )
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
            limit
              (
                select cast($20 as integer)
              )
          ) as counted
      )
    )
  end as scheduled,
  queue.active,
  queue.startable,
  cast("run"."id" as text) as "firstRunId",
  cast(
    extract(
      epoch
      from run.next_scheduled_start_time
    ) as text
  ) as "nextStartTime",
  case
    when run.next_scheduled_start_time <= cast($21 as timestamptz) then 1
    else 0
  end as "isFirstDue"
from
  waiting as queue
  left join lateral (
    select *
    from "flow_run" as run
    where run.id = queue.first_run_id
    limit 1
  ) as run on true
order by
  queue.pool_name collate "C",
  queue.priority,
  queue.id;
