with recursive
  asked as materialized (
    select
      queue.id,
      queue.work_pool_id,
      row_number() over inorder as place,
      count(*) over inorder as step_end
    from "work_queue" as queue
    where
      "queue"."id" = any (cast(cast($1 as text) as uuid[]))
      and not queue.is_paused
    window
      inorder as (
        order by
          queue.work_pool_id,
          queue.priority
      )
  ),
  laid as materialized (
    select
      array_agg(
        asked.id
        order by asked.place
      ) as ids,
      array_agg(
        asked.step_end
        order by asked.place
      ) as step_ends
    from asked
  ),
  pool as materialized (
    select
      pool.id,
      greatest(
        0,
        least(
          cast($2 as integer),
          case
            when pool.concurrency_limit is null then cast($3 as integer)
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
      ) as allowed,
      part.first,
      part.last
    from
      (
        select
          asked.work_pool_id as id,
          min(asked.place) as first,
          max(asked.place) as last
        from asked
        group by asked.work_pool_id
      ) as part
      cross join lateral (
        select *
        from "work_pool" as pool
        where pool.id = part.id
        limit 1
      ) as pool
    where (not pool.is_paused)
  ),
  walk (pool_id, place, last, allowed, ids) as (
    select
      pool.id,
      pool.first,
      pool.last,
      cast(pool.allowed as bigint),
      cast(array[] as uuid[])
    from pool
    union all
    select
      walk.pool_id,
      step.last + 1,
      walk.last,
      walk.allowed - cardinality(walk.ids),
      found.ids
    from
      walk
      cross join lateral (
        select
          (
            select laid.step_ends
            from laid
          ) [walk.place] as last
      ) as step
      cross join lateral (
        select
          array(
            select run.id
            from
              unnest(
                (
                  select laid.ids
                  from laid
                ) [walk.place:step.last]
              ) as chosen (id)
              cross join lateral (
                select *
                from "work_queue" as queue
                where queue.id = chosen.id
                limit 1
              ) as queue
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
                        and run.next_scheduled_start_time <= $4
                        and coalesce(run.empirical_policy ->> 'retry_type', '') <> 'in_process'
                      )
                    order by
                      run.next_scheduled_start_time asc nulls last,
                      run.id asc
                    limit
                      (
                        select cast($5 as integer)
                      )
                  ) as run
                limit
                  least(
                    walk.allowed - cardinality(walk.ids),
                    greatest(
                      0,
                      least(
                        cast($6 as integer),
                        case
                          when queue.concurrency_limit is null then cast($7 as integer)
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
            order by
              run.next_scheduled_start_time asc nulls last,
              run.id asc
            limit walk.allowed - cardinality(walk.ids)
          ) as ids
      ) as found
    where
      walk.allowed - cardinality(walk.ids) > 0
      and walk.place <= walk.last
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
  queue.priority asc,
  run.next_scheduled_start_time asc nulls last,
  run.id asc
limit
  (
    select cast($8 as integer)
  );
