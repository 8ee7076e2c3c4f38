with
  given as materialized (
    select cast(cast($1 as text) as jsonb) as changes
  ),
  changed as (
    update "flow_run" as run
    set
      (
        "updated",
        "state_id",
        "state_type",
        "state_name",
        "state_timestamp",
        "run_count",
        "expected_start_time",
        "next_scheduled_start_time",
        "start_time",
        "end_time",
        "total_run_time"
      ) = (
        select
          "entered"."updated",
          "entered"."id",
          "entered"."type",
          "entered"."name",
          "entered"."timestamp",
          case
            when entered.type = 'RUNNING'
            and "run"."run_count" < 2147483647 then "run"."run_count" + 1
            else "run"."run_count"
          end,
          coalesce(
            "run"."expected_start_time",
            case
              when "entered"."type" in ('SCHEDULED', 'PENDING') then case
                when (
                  select given.changes -> cast(run.id as text)
                  from given
                ) -> 'due' is null then "run"."next_scheduled_start_time"
                else cast(
                  (
                    select given.changes -> cast(run.id as text)
                    from given
                  ) ->> 'due' as timestamptz
                )
              end
              else "entered"."timestamp"
            end
          ),
          case
            when (
              select given.changes -> cast(run.id as text)
              from given
            ) -> 'due' is null then "run"."next_scheduled_start_time"
            else cast(
              (
                select given.changes -> cast(run.id as text)
                from given
              ) ->> 'due' as timestamptz
            )
          end,
          coalesce(
            "run"."start_time",
            case
              when entered.type = 'RUNNING'
              or "entered"."type" in ('COMPLETED', 'FAILED', 'CANCELLED', 'CRASHED')
              and (
                case
                  when "run"."state_type" in ('COMPLETED', 'FAILED', 'CANCELLED', 'CRASHED') then "run"."end_time"
                end
              ) is null then "entered"."timestamp"
            end
          ),
          case
            when "entered"."type" in ('COMPLETED', 'FAILED', 'CANCELLED', 'CRASHED') then coalesce(
              case
                when "run"."state_type" in ('COMPLETED', 'FAILED', 'CANCELLED', 'CRASHED') then "run"."end_time"
              end,
              "entered"."timestamp"
            )
          end,
          case
            when "run"."state_type" = 'RUNNING'
            and "run"."state_timestamp" > '-infinity'
            and "run"."state_timestamp" < "entered"."timestamp" then "run"."total_run_time" + make_interval(
              secs => cast(
                extract(
                  epoch
                  from
                    date_trunc('milliseconds', "entered"."timestamp") - date_trunc('milliseconds', "run"."state_timestamp")
                ) as double precision
              )
            )
            else "run"."total_run_time"
          end
        from
          (
            select
              wanted.id,
              wanted.type,
              wanted.name,
              wanted.updated,
              greatest(
                coalesce(wanted.timestamp, wanted.updated),
                nullif(
                  least(
                    (
                      select max(state.timestamp)
                      from "flow_run_state" as state
                      where state.flow_run_id = run.id
                    ),
                    timestamptz '9999-12-31 23:59:59.999999+00'
                  ) + interval '1 microsecond',
                  timestamptz '9999-12-31 23:59:59.999999+00' + interval '1 microsecond'
                ),
                nullif(
                  least(run.state_timestamp, timestamptz '9999-12-31 23:59:59.999999+00') + interval '1 microsecond',
                  timestamptz '9999-12-31 23:59:59.999999+00' + interval '1 microsecond'
                )
              ) as timestamp
            from
              (
                select
                  state.id,
                  state.type,
                  state.name,
                  state.timestamp,
                  coalesce(state.updated, date_trunc('milliseconds', clock_timestamp())) as updated
                from
                  jsonb_populate_record(
                    cast(null as "flow_run_state"),
                    (
                      select given.changes -> cast(run.id as text)
                      from given
                    ) -> 'state'
                  ) as state
                offset
                  0
              ) as wanted
            offset
              0
          ) as entered
      )
    where
      run.id = cast($2 as uuid)
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
      (
        select given.changes -> cast(run.id as text)
        from given
      ) -> 'state' ->> 'message',
      jsonb_strip_nulls(
        jsonb_build_object(
          'flow_run_id',
          run.id,
          'scheduled_time',
          (
            select
              to_char(
                greatest(least(run.next_scheduled_start_time, '9999-12-31 23:59:59.999+00'), '0001-01-01 00:00:00+00') at time zone 'UTC',
                'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'
              )
            where
              run.next_scheduled_start_time is not null
              and "run"."state_type" in ('SCHEDULED', 'PENDING')
          )
        )
      ),
      run.id
    from changed as run
  )
select
  run.record,
  null as id,
  null as "stateId",
  null as "stateType"
from changed as run;
