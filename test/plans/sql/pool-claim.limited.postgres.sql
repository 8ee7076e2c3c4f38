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
      ) as allowed
    from "work_pool" as pool
    where
      (
        not pool.is_paused
        and "pool"."id" = (cast(cast($3 as text) as uuid[])) [1]
      )
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
            select min(queue.priority)
            from "work_queue" as queue
            where
              queue.work_pool_id = walk.pool_id
              and not queue.is_paused
              and queue.priority > walk.rank
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
                  )
              ) as run
            where
              queue.work_pool_id = walk.pool_id
              and not queue.is_paused
              and queue.priority = next.rank
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
  queue.priority asc,
  run.next_scheduled_start_time asc nulls last,
  run.id asc
limit
  (
    select cast($8 as integer)
  );

begin;

select
  queue.id as "workQueueId",
  pool.id as "workPoolId",
  queue.concurrency_limit as "ofQueue",
  pool.concurrency_limit as "ofPool"
from
  "work_queue" as queue
  join "work_pool" as pool on pool.id = queue.work_pool_id
where
  "queue"."id" = (cast(cast($1 as text) as uuid[])) [1]
  and (
    select count(gates.passed)
    from
      (
        select pg_advisory_xact_lock_shared(1264013617, gate.number) as passed
        from
          (
            select distinct
              hashtext (cast(asked.id as text)) & 127 as number
            from
              (
                select place.work_pool_id as id
                from "work_queue" as place
                where "place"."id" = (cast(cast($2 as text) as uuid[])) [1]
              ) as asked
            order by 1
          ) as gate
      ) as gates
  ) is not null
for key share of
  queue,
  pool;

update "work_pool" as owner
set name = owner.name
where
  "owner"."id" = (cast(cast($1 as text) as uuid[])) [1]
  and pg_advisory_xact_lock(hashtextextended (cast($2 as text), 1264013617)) is not null;

update "work_queue" as owner
set name = owner.name
where "owner"."id" = (cast(cast($1 as text) as uuid[])) [1];

with recursive
  asked as materialized (
    select
      queue.id,
      queue.work_pool_id,
      row_number() over inorder as place,
      count(*) over inorder as step_end
    from "work_queue" as queue
    where
      "queue"."id" = (cast(cast($1 as text) as uuid[])) [1]
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
    where
      (
        not pool.is_paused
        and (
          "pool"."id" in (
            select unnest(cast(cast($4 as text) as uuid[]))
          )
        ) is true
      )
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
                        and run.next_scheduled_start_time <= $5
                        and coalesce(run.empirical_policy ->> 'retry_type', '') <> 'in_process'
                      )
                    order by
                      run.next_scheduled_start_time asc nulls last,
                      run.id asc
                    limit
                      (
                        select cast($6 as integer)
                      )
                    for update skip locked
                  ) as run
                limit
                  least(
                    walk.allowed - cardinality(walk.ids),
                    greatest(
                      0,
                      least(
                        cast($7 as integer),
                        case
                          when queue.concurrency_limit is null then cast($8 as integer)
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
  ),
  clock as materialized (
    select date_trunc('milliseconds', clock_timestamp()) as now
  ),
  claimed as (
    update "flow_run" as run
    set
      state_id = cast(
        overlay(
          cast(gen_random_uuid() as text) placing cast($9 as text)
          from 1 for 15
        ) as uuid
      ),
      state_type = 'PENDING',
      state_name = 'Pending',
      state_timestamp = greatest(
        (
          select now
          from clock
        ),
        case
          when run.state_timestamp < timestamptz '9999-12-31 23:59:59.999999+00' then run.state_timestamp + interval '1 microsecond'
        end
      ),
      expected_start_time = coalesce(run.expected_start_time, run.next_scheduled_start_time),
      end_time = null,
      updated = (
        select now
        from clock
      )
    where
      run.id = any (
        array(
          select run.id
          from
            walk
            cross join lateral unnest(walk.ids) as chosen (id)
            cross join lateral (
              select run.*
              from "flow_run" as run
              where run.id = chosen.id
              limit 1
            ) as run
            join "work_queue" as queue on queue.id = run.work_queue_id
            join "work_pool" as pool on pool.id = queue.work_pool_id
          where true
          order by
            queue.priority asc,
            run.next_scheduled_start_time asc nulls last,
            run.id asc
          limit
            (
              select cast($10 as integer)
            )
        )
      )
    returning
      run.id,
      run.state_id,
      run.state_timestamp,
      run.updated,
      run.work_queue_id,
      run.next_scheduled_start_time,
      coalesce(run.next_scheduled_start_time, run.expected_start_time) as due,
      cast(row_to_json(run) as text) as record
  ),
  entered as (
    insert into "flow_run_state" (id, created, updated, type, timestamp, name, state_details, flow_run_id)
    select
      run.state_id,
      run.updated,
      run.updated,
      'PENDING',
      run.state_timestamp,
      'Pending',
      jsonb_strip_nulls(
        jsonb_build_object(
          'flow_run_id',
          run.id,
          'scheduled_time',
          case
            when run.due is not null then to_char(
              greatest(least(run.due, '9999-12-31 23:59:59.999+00'), '0001-01-01 00:00:00+00') at time zone 'UTC',
              'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'
            )
          end
        )
      ),
      run.id
    from claimed as run
  )
select
  cast(queue.work_pool_id as text) as "workPoolId",
  cast(queue.id as text) as "workQueueId",
  run.record as run
from
  claimed as run
  join "work_queue" as queue on queue.id = run.work_queue_id
order by
  queue.priority asc,
  run.next_scheduled_start_time asc nulls last,
  run.id asc;

commit;
