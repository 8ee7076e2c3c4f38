with recursive
  pool as materialized (
    select
      pool.id,
      greatest(
        0,
        least(
          cast($1 as integer),
          case
            when pool.concurrency_limit is null then cast($2 as integer)
            else pool.concurrency_limit - (
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
                        and not ("run"."state_type" in ('CANCELLING'))
                      order by
                        run.state_type,
                        run.id
                      limit "pool"."concurrency_limit"
                    ) as run
                  where queue.work_pool_id = pool.id
                  order by queue.priority
                  limit "pool"."concurrency_limit"
                ) as occupied
            )
          end
        )
      ) as allowed
    from "work_pool" as pool
    where (not pool.is_paused)
  ),
  walk (pool_id, rank, allowed, ids) as (
    select
      pool.id,
      -2147483648,
      cast(pool.allowed as bigint),
      cast(array[] as uuid[])
    from pool
    union all
    select
      walk.pool_id,
      next.rank,
      walk.allowed - cardinality(walk.ids),
      found.ids
    from
      walk
      cross join lateral (
        select
          (
            select min(1)
            from "work_queue" as queue
            where
              queue.work_pool_id = walk.pool_id
              and not queue.is_paused
              and 1 > walk.rank
          ) as rank
      ) as next
      cross join lateral (
        select
          array(
            select run.id
            from
              "work_queue" as queue
              cross join lateral (
                select *
                from
                  (
                    select
                      run.id,
                      run.next_scheduled_start_time
                    from "flow_run" as run
                    where
                      (
                        run.work_queue_id = queue.id
                        and run.state_type = 'SCHEDULED'
                        and run.next_scheduled_start_time <= $3
                        and coalesce(run.empirical_policy ->> 'retry_type', '') <> 'in_process'
                      )
                    order by
                      run.next_scheduled_start_time asc nulls last,
                      run.id asc
                    limit
                      (
                        select cast($4 as integer)
                      )
                  ) as run
                limit
                  least(
                    walk.allowed - cardinality(walk.ids),
                    greatest(
                      0,
                      least(
                        cast($5 as integer),
                        case
                          when queue.concurrency_limit is null then cast($6 as integer)
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
                                    and not ("run"."state_type" in ('CANCELLING'))
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
                  )
              ) as run
            where
              queue.work_pool_id = walk.pool_id
              and not queue.is_paused
              and 1 = next.rank
            order by
              run.next_scheduled_start_time asc nulls last,
              run.id asc
            limit walk.allowed - cardinality(walk.ids)
          ) as ids
      ) as found
    where
      walk.allowed - cardinality(walk.ids) > 0
      and next.rank is not null
  )
select
  cast(walk.pool_id as text) as "workPoolId",
  cast(queue.id as text) as "workQueueId",
  cast(row_to_json(run) as text) as run
from
  walk
  cross join lateral unnest(walk.ids) as chosen (id)
  cross join lateral (
    select *
    from "flow_run" as run
    where run.id = chosen.id
    limit 1
  ) as run
  join "work_queue" as queue on queue.id = run.work_queue_id
order by
  run.next_scheduled_start_time asc nulls last,
  run.id asc
limit
  (
    select cast($7 as integer)
  );
