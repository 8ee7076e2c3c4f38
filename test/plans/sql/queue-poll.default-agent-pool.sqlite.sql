with
  room as materialized (
    select
      case
        when queue.is_paused
        or coalesce(cast("queue"."filter" as text), 'null') <> 'null' then 0
        else max(
          0,
          min(
            cast(? as integer),
            case
              when queue.concurrency_limit is null then cast(? as integer)
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
                      limit
                        (
                          select concurrency_limit
                          from "work_queue"
                          where id = ?
                        )
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
                      limit
                        (
                          select concurrency_limit
                          from "work_queue"
                          where id = ?
                        )
                    ) as occupied
                )
              )
            end
          )
        )
      end as runs
    from "work_queue" as queue
    where queue.id = ?
  )
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
  run.id as "run.id",
  run.created as "run.created",
  run.updated as "run.updated",
  run.name as "run.name",
  run.flow_id as "run.flowId",
  run.deployment_id as "run.deploymentId",
  run.work_queue_id as "run.workQueueId",
  run.work_queue_name as "run.workQueueName",
  run.state_id as "run.stateId",
  run.state_type as "run.stateType",
  run.state_name as "run.stateName",
  run.state_timestamp as "run.stateTimestamp",
  run.run_count as "run.runCount",
  run.expected_start_time as "run.expectedStartTime",
  run.next_scheduled_start_time as "run.nextScheduledStartTime",
  run.start_time as "run.startTime",
  run.end_time as "run.endTime",
  run.parameters as "run.parameters",
  run.context as "run.context",
  run.tags as "run.tags",
  run.labels as "run.labels",
  run.idempotency_key as "run.idempotencyKey",
  run.parent_task_run_id as "run.parentTaskRunId",
  run.infrastructure_pid as "run.infrastructurePid",
  run.job_variables as "run.jobVariables",
  run.empirical_policy as "run.empiricalPolicy",
  run.auto_scheduled as "run.autoScheduled"
from
  "work_queue" as queue
  left join (
    select *
    from
      (
        select *
        from
          (
            select
              run.next_scheduled_start_time,
              run.id
            from "flow_run" as run
            where
              run.work_queue_id = ?
              and run.state_type = 'SCHEDULED'
              and run.next_scheduled_start_time <= ?
            order by
              run.next_scheduled_start_time asc nulls last,
              run.id asc
            limit
              (
                select runs
                from room
              )
          ) as part
        union all
        select *
        from
          (
            select
              run.next_scheduled_start_time,
              run.id
            from "flow_run" as run
            where
              run.work_queue_id is null
              and run.work_queue_name = (
                select named.name
                from
                  "work_queue" as named
                  join "work_pool" as home on home.id = named.work_pool_id
                where
                  named.id = ?
                  and "home"."name" = 'default-agent-pool'
              )
              and run.state_type = 'SCHEDULED'
              and run.next_scheduled_start_time <= ?
            order by
              run.next_scheduled_start_time asc nulls last,
              run.id asc
            limit
              (
                select runs
                from room
              )
          ) as part
      ) as run
    order by
      run.next_scheduled_start_time asc nulls last,
      run.id asc
    limit
      (
        select runs
        from room
      )
  ) as picked on true
  left join "flow_run" as run on run.id = picked.id
where queue.id = ?
order by
  run.next_scheduled_start_time asc nulls last,
  run.id asc;
