with recursive
  gates as materialized (
    select pg_advisory_xact_lock_shared(1264013617, gate.number) as passed
    from
      (
        select distinct
          hashtext (cast(asked.id as text)) & 127 as number
        from
          (
            select pool.id
            from "work_pool" as pool
            where ("pool"."id" = (cast(cast($1 as text) as uuid[])) [1])
          ) as asked
        order by 1
      ) as gate
  ),
  met as materialized (
    select
      case
        when (
          select count(gates.passed)
          from gates
        ) >= 0 then exists (
          select 1
          from
            "work_pool" as pool
            cross join lateral (
              select 1
              from "work_queue" as queue
              where
                queue.work_pool_id = pool.id
                and not queue.is_paused
                and (
                  pool.concurrency_limit is not null
                  or queue.concurrency_limit is not null
                )
              order by queue.priority
              limit 1
            ) as limited
          where
            ("pool"."id" = (cast(cast($2 as text) as uuid[])) [1])
            and not pool.is_paused
        )
      end as has_limit
  ),
  pool as materialized (
    select
      pool.id,
      cast($3 as integer) as allowed
    from "work_pool" as pool
    where
      (
        not pool.is_paused
        and not (
          select has_limit
          from met
        )
        and "pool"."id" = (cast(cast($4 as text) as uuid[])) [1]
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
                limit least(walk.allowed - cardinality(walk.ids), cast($7 as integer))
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
  ),
  clock as materialized (
    select date_trunc('milliseconds', clock_timestamp()) as now
  ),
  claimed as (
    update "flow_run" as run
    set
      state_id = cast(
        overlay(
          cast(gen_random_uuid() as text) placing cast($8 as text)
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
          where
            (
              queue.concurrency_limit is null
              and pool.concurrency_limit is null
              and not queue.is_paused
              and not pool.is_paused
            )
          order by
            queue.priority asc,
            run.next_scheduled_start_time asc nulls last,
            run.id asc
          limit
            (
              select cast($9 as integer)
            )
          for key share of
            queue,
            pool
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
  cast(met.has_limit as text) as "hasLimit",
  cast(queue.work_pool_id as text) as "workPoolId",
  cast(queue.id as text) as "workQueueId",
  run.record as run
from
  met
  left join (
    claimed as run
    join "work_queue" as queue on queue.id = run.work_queue_id
  ) on true
order by
  queue.priority asc,
  run.next_scheduled_start_time asc nulls last,
  run.id asc;
