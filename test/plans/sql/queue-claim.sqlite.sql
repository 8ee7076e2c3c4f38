begin;

update "worker"
set created = created
where 0 = 1;

select
  queue.id as "queue.id",
  queue.created as "queue.created",
  queue.updated as "queue.updated",
  queue.name as "queue.name",
  queue.description as "queue.description",
  queue.is_paused as "queue.isPaused",
  queue.concurrency_limit as "queue.concurrencyLimit",
  queue.priority as "queue.priority",
  queue.work_pool_id as "queue.workPoolId",
  queue.filter as "queue.filter",
  queue.last_polled as "queue.lastPolled",
  queue.status as "queue.status",
  queue.concurrency_limit is not null as "isQueueLimited",
  pool.concurrency_limit is not null as "isPoolLimited",
  queue.is_paused
  or pool.is_paused as "isPaused",
  "pool"."name" = 'default-agent-pool' as "takesNames",
  coalesce(cast("queue"."filter" as text), 'null') <> 'null' as "hasFilter",
  (
    select
      json_group_array(
        json_array(
          run.id,
          iif(
            typeof("run"."next_scheduled_start_time") = 'blob',
            quote("run"."next_scheduled_start_time"),
            "run"."next_scheduled_start_time"
          ),
          iif(typeof("run"."state_timestamp") = 'blob', quote("run"."state_timestamp"), "run"."state_timestamp")
        )
        order by
          run.next_scheduled_start_time asc nulls last,
          run.id asc
      )
    from
      (
        select *
        from
          (
            select
              run.next_scheduled_start_time,
              run.id,
              run.state_timestamp
            from "flow_run" as run
            where
              run.work_queue_id = ?
              and run.state_type = 'SCHEDULED'
              and run.next_scheduled_start_time <= ?
            order by
              run.next_scheduled_start_time asc nulls last,
              run.id asc
            limit cast(? as integer)
          ) as run
      ) as run
  ) as runs
from
  "work_queue" as queue
  join "work_pool" as pool on pool.id = queue.work_pool_id
where queue.id = ?;

insert into "flow_run_state" (id, created, updated, type, timestamp, name, state_details, flow_run_id)
select
  state.value,
  ?,
  ?,
  'PENDING',
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
                select run.state_timestamp as time
              ) as last
          ) as known
      ),
      ''
    )
  ),
  'Pending',
  '{"flow_run_id": "' || run.id || '"' || coalesce(
    ', "scheduled_time": "' || strftime('%Y-%m-%dT%H:%M:%fZ', coalesce(run.next_scheduled_start_time, run.expected_start_time)) || '"',
    ''
  ) || '}',
  run.id
from
  json_each(?) as state
  cross join "flow_run" as run on run.id = state.key;

with
  entered as materialized (
    select
      pair.key as id,
      pair.value as state_id,
      state.timestamp
    from
      json_each(?) as pair
      cross join "flow_run_state" as state on state.id = pair.value
  )
update "flow_run"
set
  state_id = entered.state_id,
  state_type = 'PENDING',
  state_name = 'Pending',
  state_timestamp = entered.timestamp,
  expected_start_time = coalesce(expected_start_time, next_scheduled_start_time),
  end_time = null,
  updated = ?
from entered
where flow_run.id = entered.id
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
