begin;

select
  run.id as "id",
  cast(
    extract(
      epoch
      from run.created
    ) as text
  ) as "created",
  cast(
    extract(
      epoch
      from run.updated
    ) as text
  ) as "updated",
  run.name as "name",
  run.flow_id as "flowId",
  run.deployment_id as "deploymentId",
  run.work_queue_id as "workQueueId",
  run.work_queue_name as "workQueueName",
  run.state_id as "stateId",
  run.state_type as "stateType",
  run.state_name as "stateName",
  cast(
    extract(
      epoch
      from run.state_timestamp
    ) as text
  ) as "stateTimestamp",
  run.run_count as "runCount",
  cast(
    extract(
      epoch
      from run.expected_start_time
    ) as text
  ) as "expectedStartTime",
  cast(
    extract(
      epoch
      from run.next_scheduled_start_time
    ) as text
  ) as "nextScheduledStartTime",
  cast(
    extract(
      epoch
      from run.start_time
    ) as text
  ) as "startTime",
  cast(
    extract(
      epoch
      from run.end_time
    ) as text
  ) as "endTime",
  cast(run.parameters as text) as "parameters",
  cast(run.context as text) as "context",
  cast(run.tags as text) as "tags",
  cast(run.labels as text) as "labels",
  run.idempotency_key as "idempotencyKey",
  run.parent_task_run_id as "parentTaskRunId",
  run.infrastructure_pid as "infrastructurePid",
  cast(run.job_variables as text) as "jobVariables",
  cast(run.empirical_policy as text) as "empiricalPolicy",
  run.auto_scheduled as "autoScheduled"
from "flow_run" as run
where run.id = $1
for no key update;

insert into
  "flow_run_state" ("id", "created", "updated", "type", "timestamp", "name", "message", "state_details", "flow_run_id")
values
  (
    $1,
    date_trunc('milliseconds', statement_timestamp()),
    date_trunc('milliseconds', statement_timestamp()),
    $2,
    greatest(
      date_trunc('milliseconds', statement_timestamp()),
      nullif(
        least(
          (
            select max(timestamp)
            from "flow_run_state"
            where flow_run_id = $3
          ),
          timestamptz '9999-12-31 23:59:59.999999+00'
        ) + interval '1 microsecond',
        timestamptz '9999-12-31 23:59:59.999999+00' + interval '1 microsecond'
      ),
      nullif(
        least(cast($4 as timestamptz), timestamptz '9999-12-31 23:59:59.999999+00') + interval '1 microsecond',
        timestamptz '9999-12-31 23:59:59.999999+00' + interval '1 microsecond'
      )
    ),
    $5,
    $6,
    cast(cast($7 as text) as jsonb),
    $8
  )
returning
  "id",
  "flow_run_id",
  cast(
    extract(
      epoch
      from timestamp
    ) as text
  ) as "timestamp",
  to_json("timestamp") #>> '{}' as "exactTimestamp",
  to_json("updated") #>> '{}' as "exactUpdated";

update "flow_run"
set
  "state_id" = $1,
  "state_timestamp" = $2,
  "run_count" = $3,
  "total_run_time" = "total_run_time" + make_interval(secs => 0.002),
  "updated" = $4
where "id" = $5
returning
  cast(
    extract(
      epoch
      from updated
    ) as text
  ) as "updated";

commit;
