begin;

update "work_pool"
set "id" = "id"
where 0 = 1;

select
  run.id as "id",
  run.created as "created",
  run.updated as "updated",
  run.name as "name",
  run.flow_id as "flowId",
  run.deployment_id as "deploymentId",
  run.work_queue_id as "workQueueId",
  run.work_queue_name as "workQueueName",
  run.state_id as "stateId",
  run.state_type as "stateType",
  run.state_name as "stateName",
  run.state_timestamp as "stateTimestamp",
  run.run_count as "runCount",
  run.expected_start_time as "expectedStartTime",
  run.next_scheduled_start_time as "nextScheduledStartTime",
  run.start_time as "startTime",
  run.end_time as "endTime",
  run.parameters as "parameters",
  run.context as "context",
  run.tags as "tags",
  run.labels as "labels",
  run.idempotency_key as "idempotencyKey",
  run.parent_task_run_id as "parentTaskRunId",
  run.infrastructure_pid as "infrastructurePid",
  run.job_variables as "jobVariables",
  run.empirical_policy as "empiricalPolicy",
  run.auto_scheduled as "autoScheduled"
from "flow_run" as run
where run.id = ?;

insert into
  "flow_run_state" ("id", "created", "updated", "type", "timestamp", "name", "message", "state_details", "flow_run_id")
values
  (
    ?,
    ?,
    ?,
    ?,
    max(
      ?,
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
                          select max(timestamp)
                          from "flow_run_state"
                          where flow_run_id = ?
                        ),
                        ''
                      ),
                      coalesce(?, '')
                    ) as time
                ) as last
            ) as known
        ),
        ''
      )
    ),
    ?,
    ?,
    ?,
    ?
  )
returning
  "id",
  "flow_run_id",
  timestamp as "timestamp",
  "timestamp" as "exactTimestamp",
  "updated" as "exactUpdated";

update "flow_run"
set
  "state_id" = ?,
  "state_timestamp" = ?,
  "run_count" = ?,
  "total_run_time" = coalesce(strftime('%Y-%m-%d %H:%M:%f000', "total_run_time", 0.001 || ' seconds'), "total_run_time"),
  "updated" = ?
where "id" = ?
returning updated as "updated";

commit;
