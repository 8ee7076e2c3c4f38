begin;

with
  pool as (
    update "work_pool" as pool
    set name = pool.name
    where
      pool.id = cast($1 as uuid)
      and pg_advisory_xact_lock_shared(1264013617, hashtext (cast(cast($2 as uuid) as text)) & 127) is not null
      and pg_advisory_xact_lock(hashtextextended (cast(cast($3 as uuid) as text), 1264013617)) is not null
    returning
      pool.id,
      pool.name,
      pool.is_paused,
      pool.concurrency_limit
  )
update "work_queue" as queue
set name = queue.name
from pool
where
  queue.id = cast($4 as uuid)
  and queue.work_pool_id = pool.id
  and pool.concurrency_limit is not null
returning
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
  ) as place;

with
  place as materialized (
    select
      queue.id,
      queue.name,
      greatest(
        0,
        least(
          cast($1 as integer),
          case
            when queue.concurrency_limit is null then cast($2 as integer)
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
              )
            )
          end,
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
      ) as room
    from
      "work_queue" as queue
      join "work_pool" as pool on pool.id = queue.work_pool_id
    where
      queue.id = cast($4 as uuid)
      and not queue.is_paused
      and not pool.is_paused
  ),
  clock as materialized (
    select date_trunc('milliseconds', clock_timestamp()) as now
  ),
  claimed as (
    update "flow_run" as run
    set
      state_id = cast(
        overlay(
          cast(gen_random_uuid() as text) placing cast($5 as text)
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
          select run.*
          from
            place as queue
            cross join lateral (
              select run.id
              from "flow_run" as run
              where
                run.work_queue_id = queue.id
                and run.state_type = 'SCHEDULED'
                and run.next_scheduled_start_time <= cast($6 as timestamptz)
              order by
                run.next_scheduled_start_time asc nulls last,
                run.id asc
              limit
                (
                  select
                    (
                      select room
                      from place
                    )
                )
              for update skip locked
            ) as run
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
select run.record as run
from claimed as run
order by
  run.next_scheduled_start_time asc nulls last,
  run.id asc;

commit;
