begin;

update "worker"
set created = created
where 0 = 1;

select
  run.id,
  run.state_id as "stateId",
  run.state_type as "stateType",
  run.state_timestamp,
  run.next_scheduled_start_time,
  run.end_time
from "flow_run" as run
where
  "run"."id" in (
    select value
    from json_each(?)
  );

insert into
  "flow_run_state" (id, created, updated, type, timestamp, name, message, state_details, flow_run_id)
select
  json_extract(given.value, '$.state.id'),
  json_extract(given.value, '$.state.updated'),
  json_extract(given.value, '$.state.updated'),
  json_extract(given.value, '$.state.type'),
  max(
    json_extract(given.value, '$.state.timestamp'),
    coalesce(
      (
        select
          case
            when substr(known.time, 24) = '999' then strftime('%Y-%m-%d %H:%M:%f', substr(known.time, 1, 23), '+0.001 seconds') || '000'
            else substr(known.time, 1, 23) || printf('%03d', cast(substr(known.time, 24) as integer) + 1)
          end
        from
          (
            select
              case
                when last.time like '____-__-__ __:__:__.______' then last.time
                else strftime('%Y-%m-%d %H:%M:%f000', last.time)
              end as time
            from
              (
                select
                  max(
                    coalesce(
                      (
                        select max(state.timestamp)
                        from "flow_run_state" as state
                        where state.flow_run_id = run.id
                      ),
                      ''
                    ),
                    coalesce(run.state_timestamp, '')
                  ) as time
              ) as last
          ) as known
      ),
      ''
    )
  ),
  json_extract(given.value, '$.state.name'),
  json_extract(given.value, '$.state.message'),
  '{"flow_run_id": "' || run.id || '"' || coalesce(
    ', "scheduled_time": "' || case
      when json_extract(given.value, '$.state.type') in ('SCHEDULED', 'PENDING') then replace(
        substr(
          case
            when (
              case
                when json_type(given.value, '$.due') is null then "run"."next_scheduled_start_time"
                else json_extract(given.value, '$.due')
              end
            ) like '____-__-__ __:__:__.______' then (
              case
                when json_type(given.value, '$.due') is null then "run"."next_scheduled_start_time"
                else json_extract(given.value, '$.due')
              end
            )
            else strftime(
              '%Y-%m-%d %H:%M:%f000',
              (
                case
                  when json_type(given.value, '$.due') is null then "run"."next_scheduled_start_time"
                  else json_extract(given.value, '$.due')
                end
              )
            )
          end,
          1,
          23
        ),
        ' ',
        'T'
      ) || 'Z"'
    end,
    ''
  ) || '}',
  run.id
from
  json_each(?) as given
  cross join "flow_run" as run on run.id = given.key
where 1 = 1;

with
  entered as materialized (
    select
      state.id,
      state.type,
      state.name,
      state.timestamp,
      state.updated,
      state.flow_run_id,
      given.value as change
    from
      json_each(?) as given
      cross join "flow_run_state" as state on state.id = json_extract(given.value, '$.state.id')
  )
update "flow_run"
set
  state_id = entered.id,
  state_type = entered.type,
  state_name = entered.name,
  "updated" = "entered"."updated",
  "state_timestamp" = "entered"."timestamp",
  "run_count" = case
    when "entered"."type" in ('RUNNING') then case
      when "flow_run"."run_count" < 2147483647 then "flow_run"."run_count" + 1
      else "flow_run"."run_count"
    end
    else "flow_run"."run_count"
  end,
  "expected_start_time" = coalesce(
    "flow_run"."expected_start_time",
    case
      when "entered"."type" in ('SCHEDULED', 'PENDING') then case
        when json_type(entered.change, '$.due') is null then "flow_run"."next_scheduled_start_time"
        else json_extract(entered.change, '$.due')
      end
      else "entered"."timestamp"
    end
  ),
  "next_scheduled_start_time" = case
    when json_type(entered.change, '$.due') is null then "flow_run"."next_scheduled_start_time"
    else json_extract(entered.change, '$.due')
  end,
  "start_time" = case
    when "entered"."type" in ('RUNNING') then coalesce("flow_run"."start_time", "entered"."timestamp")
    when "entered"."type" in ('COMPLETED', 'FAILED', 'CANCELLED', 'CRASHED') then coalesce(
      "flow_run"."start_time",
      case
        when (
          case
            when "flow_run"."state_type" in ('COMPLETED', 'FAILED', 'CANCELLED', 'CRASHED') then "flow_run"."end_time"
          end
        ) is null then "entered"."timestamp"
      end
    )
    else "flow_run"."start_time"
  end,
  "end_time" = case
    when "entered"."type" in ('COMPLETED', 'FAILED', 'CANCELLED', 'CRASHED') then coalesce(
      case
        when "flow_run"."state_type" in ('COMPLETED', 'FAILED', 'CANCELLED', 'CRASHED') then "flow_run"."end_time"
      end,
      "entered"."timestamp"
    )
  end,
  "total_run_time" = case
    when "flow_run"."state_type" = 'RUNNING' then (
      select
        case
          when spent.seconds > 0 then coalesce(
            strftime('%Y-%m-%d %H:%M:%f000', "flow_run"."total_run_time", printf('%.3f seconds', spent.seconds)),
            "flow_run"."total_run_time"
          )
          else "flow_run"."total_run_time"
        end
      from
        (
          select
            round(
              (
                julianday(substr("entered"."timestamp", 1, 23)) - julianday(
                  substr(
                    case
                      when "flow_run"."state_timestamp" like '____-__-__ __:__:__.______' then "flow_run"."state_timestamp"
                      else strftime('%Y-%m-%d %H:%M:%f000', "flow_run"."state_timestamp")
                    end,
                    1,
                    23
                  )
                )
              ) * 86400,
              3
            ) as seconds
        ) as spent
    )
    else "flow_run"."total_run_time"
  end
from entered
where flow_run.id = entered.flow_run_id
returning
  flow_run.id as "id",
  flow_run.created as "created",
  flow_run.updated as "updated",
  flow_run.name as "name",
  flow_run.flow_id as "flowId",
  flow_run.deployment_id as "deploymentId",
  flow_run.work_queue_id as "workQueueId",
  flow_run.work_queue_name as "workQueueName",
  flow_run.state_id as "stateId",
  flow_run.state_type as "stateType",
  flow_run.state_name as "stateName",
  flow_run.state_timestamp as "stateTimestamp",
  flow_run.run_count as "runCount",
  flow_run.expected_start_time as "expectedStartTime",
  flow_run.next_scheduled_start_time as "nextScheduledStartTime",
  flow_run.start_time as "startTime",
  flow_run.end_time as "endTime",
  flow_run.parameters as "parameters",
  flow_run.context as "context",
  flow_run.tags as "tags",
  flow_run.labels as "labels",
  flow_run.idempotency_key as "idempotencyKey",
  flow_run.parent_task_run_id as "parentTaskRunId",
  flow_run.infrastructure_pid as "infrastructurePid",
  flow_run.job_variables as "jobVariables",
  flow_run.empirical_policy as "empiricalPolicy",
  flow_run.auto_scheduled as "autoScheduled";

commit;
