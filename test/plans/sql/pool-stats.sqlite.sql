with
  asked as materialized (
    select pool.id
    from "work_pool" as pool
    where
      (
        "pool"."id" in (
          select value
          from json_each(?)
        )
      )
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
                cross join "flow_run" as run on run.work_queue_id = queue.id
                and "run"."state_type" in ('PENDING', 'RUNNING', 'CANCELLING')
              where queue.work_pool_id = pool.id
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
      cross join "work_pool" as pool on pool.id = asked.id
  ),
  open as materialized (
    select
      pool.*,
      case
        when pool.is_paused then 0
        else max(
          0,
          min(
            cast(? as integer),
            case
              when pool.concurrency_limit is null then cast(? as integer)
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
        select min(pool.room, count(*))
        from
          (
            select 1
            from
              "work_queue" as queue
              cross join json_each(
                json_array(
                  max(
                    0,
                    min(
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
                                limit
                                  (
                                    select coalesce(max(concurrency_limit), 0)
                                    from "work_queue"
                                    where concurrency_limit is not null
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
                                limit
                                  (
                                    select coalesce(max(concurrency_limit), 0)
                                    from "work_queue"
                                    where concurrency_limit is not null
                                  )
                              ) as occupied
                          )
                        )
                      end
                    )
                  )
                )
              ) as open
              cross join json_each(
                case
                  when open.value > 0 then (
                    select json_group_array(1)
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
                      ) as run
                  )
                end
              ) as candidate
            where
              queue.work_pool_id = pool.id
              and not queue.is_paused
              and pool.room > 0
              and candidate.key < open.value
            limit cast(? as integer)
          ) as startable
      ) as startable,
      (
        select run.id
        from
          (
            select
              run.next_scheduled_start_time,
              run.id
            from
              "work_queue" as queue
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
            where queue.work_pool_id = pool.id
            union all
            select
              run.next_scheduled_start_time,
              run.id
            from
              "work_queue" as queue
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
              queue.work_pool_id = pool.id
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
        when pool.startable >= cast(? as integer) then cast(? as integer)
        else min(
          cast(? as integer),
          (
            select count(*)
            from
              (
                select 1
                from
                  "work_queue" as queue
                  cross join "flow_run" as run on run.work_queue_id = queue.id
                  and run.state_type = 'SCHEDULED'
                  and run.next_scheduled_start_time <= ?
                where queue.work_pool_id = pool.id
                limit cast(? as integer)
              ) as counted
          ) + case
            when pool.takes_names then (
              select count(*)
              from
                (
                  select 1
                  from
                    "work_queue" as queue
                    cross join "flow_run" as run on run.work_queue_id is null
                    and run.work_queue_name = queue.name
                    and run.state_type = 'SCHEDULED'
                    and run.next_scheduled_start_time <= ?
                  where queue.work_pool_id = pool.id
                  limit cast(? as integer)
                ) as counted
            )
            else 0
          end
        )
      end as due
    from started as pool
  )
select
  "pool"."id" as "workPoolId",
  pool.name as "workPoolName",
  pool.is_paused as "isPaused",
  pool.status,
  pool.concurrency_limit as "concurrencyLimit",
  pool.workers_online as "workersOnline",
  pool.due,
  min(
    cast(? as integer),
    (
      select count(*)
      from
        (
          select 1
          from
            "work_queue" as queue
            cross join "flow_run" as run on run.work_queue_id = queue.id
            and run.state_name = 'Late'
          where queue.work_pool_id = pool.id
          limit cast(? as integer)
        ) as counted
    ) + case
      when pool.takes_names then (
        select count(*)
        from
          (
            select 1
            from
              "work_queue" as queue
              cross join "flow_run" as run on run.work_queue_id is null
              and run.work_queue_name = queue.name
              and run.state_name = 'Late'
            where queue.work_pool_id = pool.id
            limit cast(? as integer)
          ) as counted
      )
      else 0
    end
  ) as late,
  case
    when pool.due >= cast(? as integer) then cast(? as integer)
    else min(
      cast(? as integer),
      (
        select count(*)
        from
          (
            select 1
            from
              "work_queue" as queue
              cross join "flow_run" as run on run.work_queue_id = queue.id
              and run.state_type = 'SCHEDULED'
            where queue.work_pool_id = pool.id
            limit cast(? as integer)
          ) as counted
      ) + case
        when pool.takes_names then (
          select count(*)
          from
            (
              select 1
              from
                "work_queue" as queue
                cross join "flow_run" as run on run.work_queue_id is null
                and run.work_queue_name = queue.name
                and run.state_type = 'SCHEDULED'
              where queue.work_pool_id = pool.id
              limit cast(? as integer)
            ) as counted
        )
        else 0
      end
    )
  end as scheduled,
  pool.active,
  pool.startable,
  "run"."id" as "firstRunId",
  run.next_scheduled_start_time as "nextStartTime",
  case
    when run.next_scheduled_start_time <= ? then 1
    else 0
  end as "isFirstDue"
from
  waiting as pool
  left join "flow_run" as run on run.id = pool.first_run_id
order by
  pool.name,
  pool.id;
