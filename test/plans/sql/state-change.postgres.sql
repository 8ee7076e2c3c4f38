with
  changed as (
    update "flow_run" as run
    set
      "state_id" = cast(
        overlay(
          cast(gen_random_uuid() as text) placing $1
          from 1 for 15
        ) as uuid
      ),
      "state_type" = 'RUNNING',
      "state_name" = $2,
      ("updated", "state_timestamp", "run_count", "expected_start_time", "start_time", "end_time", "total_run_time") = (
        select
          "entered"."updated",
          "entered"."timestamp",
          case
            when "run"."run_count" < 2147483647 then "run"."run_count" + 1
            else "run"."run_count"
          end,
          coalesce("run"."expected_start_time", "entered"."timestamp"),
          coalesce("run"."start_time", "entered"."timestamp"),
          cast(null as timestamptz),
          case
            when "run"."state_type" = 'RUNNING'
            and "run"."state_timestamp" > '-infinity'
            and "run"."state_timestamp" < "entered"."timestamp" then "run"."total_run_time" + (date_trunc('milliseconds', "entered"."timestamp") - date_trunc('milliseconds', "run"."state_timestamp"))
            else "run"."total_run_time"
          end
        from
          (
            select
              wanted.*,
              case
                when "run"."state_type" in ('COMPLETED', 'FAILED', 'CANCELLED', 'CRASHED') then "run"."end_time"
              end as end_before,
              greatest(
                coalesce(wanted.at, wanted.updated),
                (
                  select
                    case
                      when state.timestamp < timestamptz '9999-12-31 23:59:59.999999+00' then state.timestamp + interval '1 microsecond'
                    end
                  from "flow_run_state" as state
                  where state.flow_run_id = run.id
                  order by state.timestamp desc
                  limit 1
                ),
                case
                  when run.state_timestamp < timestamptz '9999-12-31 23:59:59.999999+00' then run.state_timestamp + interval '1 microsecond'
                end
              ) as timestamp
            from
              (
                select
                  cast($3 as timestamptz) as at,
                  coalesce(cast($4 as timestamptz), date_trunc('milliseconds', clock_timestamp())) as updated
                offset
                  0
              ) as wanted
            offset
              0
          ) as entered
      )
    where
      run.id = cast($5 as uuid)
      and 1 = 1
    returning
      run.id,
      run.state_id,
      run.state_type,
      run.state_name,
      run.state_timestamp,
      run.updated,
      run.next_scheduled_start_time,
      cast(row_to_json(run) as text) as record
  ),
  entered as (
    insert into
      "flow_run_state" (id, created, updated, type, timestamp, name, message, state_details, flow_run_id)
    select
      run.state_id,
      run.updated,
      run.updated,
      run.state_type,
      run.state_timestamp,
      run.state_name,
      cast($6 as text),
      jsonb_build_object('flow_run_id', run.id),
      run.id
    from changed as run
  )
select
  run.record,
  null as id,
  null as "stateId",
  null as "stateType"
from changed as run;
