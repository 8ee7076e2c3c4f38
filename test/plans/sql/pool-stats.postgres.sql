with
  asked as materialized (
    select pool.id
    from "work_pool" as pool
    where ("pool"."id" = (cast(cast($1 as text) as uuid[])) [1])
  ),
  held as materialized (
    select
      pool.id,
      pool.name,
      pool.is_paused,
      pool.status,
      pool.concurrency_limit,
      "pool"."name" = 'default-agent-pool' as takes_names,
      (
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
                  limit
                    (
                      select 2147483647
                    )
                ) as run
              where queue.work_pool_id = pool.id
              order by queue.priority
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
                  limit
                    (
                      select 2147483647
                    )
                ) as run
              where
                home.id = pool.id
                and "home"."name" = 'default-agent-pool'
                and queue.work_pool_id = home.id
              order by queue.priority
              limit
                (
                  select 2147483647
                )
            ) as occupied
        )
      ) as active,
      (
        select count(*)
        from "worker" as worker
        where
          worker.work_pool_id = pool.id
          and worker.status = 'ONLINE'
      ) as workers_online
    from
      asked
      cross join lateral (
        select *
        from "work_pool" as pool
        where pool.id = asked.id
        limit 1
      ) as pool
    limit
      (
        select 2147483647
      )
  ),
  open as materialized (
    select
      pool.*,
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
              else pool.concurrency_limit - pool.active
            end
          )
        )
      end as room
    from held as pool
  ),
  started as materialized (
    select
      pool.*,
      (
        select count(*)
        from
          (
            select 1
            from
              "work_queue" as queue
              cross join lateral (
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
                  greatest(
                    0,
                    least(
                      pool.room,
                      case
                        when queue.concurrency_limit is null then pool.room
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
                                limit "queue"."concurrency_limit"
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
                                limit "queue"."concurrency_limit"
                              ) as occupied
                          )
                        )
                      end
                    )
                  )
              ) as run
            where
              queue.work_pool_id = pool.id
              and not queue.is_paused
            order by queue.priority
            limit pool.room
          ) as startable
      ) as startable,
      (
        select run.id
        from
          (
            select run.*
            from
              (
                select
                  queue.id,
                  queue.name
                from "work_queue" as queue
                where queue.work_pool_id = pool.id
                order by queue.priority
              ) as queue
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
            where true
            union all
            select run.*
            from
              (
                select
                  queue.id,
                  queue.name
                from "work_queue" as queue
                where queue.work_pool_id = pool.id
                order by queue.priority
              ) as queue
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
              true
              and pool.takes_names
          ) as run
        order by
          run.next_scheduled_start_time asc nulls last,
          run.id asc
        limit 1
      ) as first_run_id
    from open as pool
  ),
  waiting as materialized (
    select
      pool.*,
      case
        when pool.startable >= (
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
                from
                  "work_queue" as queue
                  cross join lateral (
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
                  ) as run
                where queue.work_pool_id = pool.id
                order by queue.priority
                limit
                  (
                    select cast($11 as integer)
                  )
              ) as counted
          ) + case
            when pool.takes_names then (
              select count(*)
              from
                (
                  select 1
                  from
                    "work_queue" as queue
                    cross join lateral (
                      select 1
                      from "flow_run" as run
                      where
                        run.work_queue_id is null
                        and run.work_queue_name = queue.name
                        and run.state_type = 'SCHEDULED'
                        and run.next_scheduled_start_time <= cast($12 as timestamptz)
                      order by
                        run.next_scheduled_start_time asc nulls last,
                        run.id asc
                      limit
                        (
                          select cast($13 as integer)
                        )
                    ) as run
                  where queue.work_pool_id = pool.id
                  order by queue.priority
                  limit
                    (
                      select cast($14 as integer)
                    )
                ) as counted
            )
            else 0
          end
        )
      end as due
    from started as pool
  )
select
  cast("pool"."id" as text) as "workPoolId",
  pool.name as "workPoolName",
  pool.is_paused as "isPaused",
  pool.status,
  pool.concurrency_limit as "concurrencyLimit",
  pool.workers_online as "workersOnline",
  pool.due,
  least(
    (
      select cast($15 as integer)
    ),
    (
      select count(*)
      from
        (
          select 1
          from
            "work_queue" as queue
            cross join lateral (
              select 1
              from "flow_run" as run
              where
                run.work_queue_id = queue.id
                and run.state_name = 'Late'
              limit
                (
                  select cast($16 as integer)
                )
            ) as run
          where queue.work_pool_id = pool.id
          order by queue.priority
          limit
            (
              select cast($17 as integer)
            )
        ) as counted
    ) + case
      when pool.takes_names then (
        select count(*)
        from
          (
            select 1
            from
              "work_queue" as queue
              cross join lateral (
                select 1
                from "flow_run" as run
                where
                  run.work_queue_id is null
                  and run.work_queue_name = queue.name
                  and run.state_name = 'Late'
                limit
                  (
                    select cast($18 as integer)
                  )
              ) as run
            where queue.work_pool_id = pool.id
            order by queue.priority
            limit
              (
                select cast($19 as integer)
              )
          ) as counted
      )
      else 0
    end
  ) as late,
  case
    when pool.due >= (
      select cast($20 as integer)
    ) then (
      select cast($21 as integer)
    )
    else least(
      (
        select cast($22 as integer)
      ),
      (
        select count(*)
        from
          (
            select 1
            from
              "work_queue" as queue
              cross join lateral (
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
                    select cast($23 as integer)
                  )
              ) as run
            where queue.work_pool_id = pool.id
            order by queue.priority
            limit
              (
                select cast($24 as integer)
              )
          ) as counted
      ) + case
        when pool.takes_names then (
          select count(*)
          from
            (
              select 1
              from
                "work_queue" as queue
                cross join lateral (
                  select 1
                  from "flow_run" as run
                  where
                    run.work_queue_id is null
                    and run.work_queue_name = queue.name
                    and run.state_type = 'SCHEDULED'
                  order by
                    run.next_scheduled_start_time asc nulls last,
                    run.id asc
                  limit
                    (
                      select cast($25 as integer)
                    )
                ) as run
              where queue.work_pool_id = pool.id
              order by queue.priority
              limit
                (
                  select cast($26 as integer)
                )
            ) as counted
        )
        else 0
      end
    )
  end as scheduled,
  pool.active,
  pool.startable,
  cast("run"."id" as text) as "firstRunId",
  cast(
    extract(
      epoch
      from run.next_scheduled_start_time
    ) as text
  ) as "nextStartTime",
  case
    when run.next_scheduled_start_time <= cast($27 as timestamptz) then 1
    else 0
  end as "isFirstDue"
from
  waiting as pool
  left join lateral (
    select *
    from "flow_run" as run
    where run.id = pool.first_run_id
    limit 1
  ) as run on true
order by
  pool.name collate "C",
  pool.id;
