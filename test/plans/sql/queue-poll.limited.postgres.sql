with
  allowed as materialized (
    select
      case
        when polled.is_paused
        or coalesce(cast("polled"."filter" as text), 'null') <> 'null' then 0
        when polled.concurrency_limit is null then cast($1 as integer)
        else least(
          cast($2 as integer),
          greatest(
            0,
            polled.concurrency_limit - (
              select count(*)
              from
                (
                  select 1
                  from "flow_run" as run
                  where
                    run.work_queue_id = $3
                    and "run"."state_type" in ('PENDING', 'RUNNING', 'CANCELLING')
                  order by
                    run.state_type,
                    run.id
                  limit
                    (
                      select concurrency_limit
                      from "work_queue"
                      where id = $4
                    )
                ) as occupied
            ) - (
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
                        named.id = $5
                        and "home"."name" = 'default-agent-pool'
                    )
                    and "run"."state_type" in ('PENDING', 'RUNNING', 'CANCELLING')
                  order by
                    run.state_type,
                    run.id
                  limit
                    (
                      select concurrency_limit
                      from "work_queue"
                      where id = $6
                    )
                ) as occupied
            )
          )
        )
      end as runs
    from "work_queue" as polled
    where polled.id = $7
  )
select
  queue.id as "queue.id",
  cast(
    extract(
      epoch
      from queue.created
    ) as text
  ) as "queue.created",
  cast(
    extract(
      epoch
      from queue.updated
    ) as text
  ) as "queue.updated",
  queue.name as "queue.name",
  queue.description as "queue.description",
  queue.is_paused as "queue.isPaused",
  queue.concurrency_limit as "queue.concurrencyLimit",
  queue.priority as "queue.priority",
  queue.work_pool_id as "queue.workPoolId",
  cast(queue.filter as text) as "queue.filter",
  cast(
    extract(
      epoch
      from queue.last_polled
    ) as text
  ) as "queue.lastPolled",
  queue.status as "queue.status",
  run.id as "run.id",
  cast(
    extract(
      epoch
      from run.created
    ) as text
  ) as "run.created",
  cast(
    extract(
      epoch
      from run.updated
    ) as text
  ) as "run.updated",
  run.name as "run.name",
  run.flow_id as "run.flowId",
  run.deployment_id as "run.deploymentId",
  run.work_queue_id as "run.workQueueId",
  run.work_queue_name as "run.workQueueName",
  run.state_id as "run.stateId",
  run.state_type as "run.stateType",
  run.state_name as "run.stateName",
  cast(
    extract(
      epoch
      from run.state_timestamp
    ) as text
  ) as "run.stateTimestamp",
  run.run_count as "run.runCount",
  cast(
    extract(
      epoch
      from run.expected_start_time
    ) as text
  ) as "run.expectedStartTime",
  cast(
    extract(
      epoch
      from run.next_scheduled_start_time
    ) as text
  ) as "run.nextScheduledStartTime",
  cast(
    extract(
      epoch
      from run.start_time
    ) as text
  ) as "run.startTime",
  cast(
    extract(
      epoch
      from run.end_time
    ) as text
  ) as "run.endTime",
  cast(run.parameters as text) as "run.parameters",
  cast(run.context as text) as "run.context",
  cast(run.tags as text) as "run.tags",
  cast(run.labels as text) as "run.labels",
  run.idempotency_key as "run.idempotencyKey",
  run.parent_task_run_id as "run.parentTaskRunId",
  run.infrastructure_pid as "run.infrastructurePid",
  cast(run.job_variables as text) as "run.jobVariables",
  cast(run.empirical_policy as text) as "run.empiricalPolicy",
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
            select run.*
            from "flow_run" as run
            where
              run.work_queue_id = $8
              and run.state_type = 'SCHEDULED'
              and run.next_scheduled_start_time <= $9
            order by
              run.next_scheduled_start_time asc nulls last,
              run.id asc
            limit
              (
                select runs
                from allowed
              )
          ) as part
        union all
        select *
        from
          (
            select run.*
            from "flow_run" as run
            where
              run.work_queue_id is null
              and run.work_queue_name = (
                select named.name
                from
                  "work_queue" as named
                  join "work_pool" as home on home.id = named.work_pool_id
                where
                  named.id = $10
                  and "home"."name" = 'default-agent-pool'
              )
              and run.state_type = 'SCHEDULED'
              and run.next_scheduled_start_time <= $11
            order by
              run.next_scheduled_start_time asc nulls last,
              run.id asc
            limit
              (
                select runs
                from allowed
              )
          ) as part
      ) as run
    order by
      run.next_scheduled_start_time asc nulls last,
      run.id asc
    limit
      (
        select runs
        from allowed
      )
  ) as run on true
where queue.id = $12
order by
  run.next_scheduled_start_time asc nulls last,
  run.id asc;
