with recursive
  pool as materialized (
    select
      pool.id,
      max(
        0,
        min(
          cast(? as integer),
          case
            when pool.concurrency_limit is null then cast(? as integer)
            else pool.concurrency_limit - (
              select count(*)
              from
                (
                  select 1
                  from
                    "work_queue" as queue
                    cross join "flow_run" as run on run.work_queue_id = queue.id
                    and "run"."state_type" in ('PENDING', 'RUNNING', 'CANCELLING')
                    and not ("run"."state_type" in ('CANCELLING'))
                  where queue.work_pool_id = pool.id
                  limit
                    (
                      select coalesce(max(concurrency_limit), 0)
                      from "work_pool"
                      where concurrency_limit is not null
                    )
                ) as occupied
            )
          end
        )
      ) as allowed
    from "work_pool" as pool
    where
      (
        not pool.is_paused
        and pool.id in (
          select queue.work_pool_id
          from "work_queue" as queue
          where
            "queue"."id" in (
              select value
              from json_each(?)
            )
        )
      )
  ),
  walk (pool_id, rank, allowed, ids) as (
    select
      pool.id,
      -2147483648,
      pool.allowed,
      '[]'
    from pool
    union all
    select
      walk.pool_id,
      next.value,
      walk.allowed - json_array_length(walk.ids),
      (
        select
          json_group_array(
            run.id
            order by
              run.next_scheduled_start_time asc nulls last,
              run.id asc
          )
        from
          (
            select
              run.id,
              run.next_scheduled_start_time
            from
              "work_queue" as queue
              cross join json_each(
                json_array(
                  max(
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
                                  and not ("run"."state_type" in ('CANCELLING'))
                                limit
                                  (
                                    select coalesce(max(concurrency_limit), 0)
                                    from "work_queue"
                                    where concurrency_limit is not null
                                  )
                              ) as occupied
                          )
                        )
                      end
                    )
                  )
                )
              ) as open
              cross join json_each(
                case
                  when open.value > 0 then (
                    select
                      json_group_array(
                        run.id
                        order by
                          run.next_scheduled_start_time asc nulls last,
                          run.id asc
                      )
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
                            and run.next_scheduled_start_time <= ?
                            and coalesce(
                              case
                                when json_valid(run.empirical_policy) then json_extract(run.empirical_policy, '$.retry_type')
                              end,
                              ''
                            ) <> 'in_process'
                          )
                        order by
                          run.next_scheduled_start_time asc nulls last,
                          run.id asc
                        limit cast(? as integer)
                      ) as run
                  )
                end
              ) as candidate
              cross join "flow_run" as run on run.id = candidate.value
            where
              queue.work_pool_id = walk.pool_id
              and (
                not queue.is_paused
                and "queue"."id" in (
                  select value
                  from json_each(?)
                )
              )
              and queue.priority = next.value
              and candidate.key < open.value
            order by
              run.next_scheduled_start_time asc nulls last,
              run.id asc
            limit cast(? as integer)
          ) as run
      )
    from
      walk
      cross join json_each(
        json_array(
          (
            select min(queue.priority)
            from "work_queue" as queue
            where
              queue.work_pool_id = walk.pool_id
              and queue.priority > walk.rank
              and (
                not queue.is_paused
                and "queue"."id" in (
                  select value
                  from json_each(?)
                )
              )
          )
        )
      ) as next
    where
      walk.allowed > json_array_length(walk.ids)
      and next.value is not null
  )
select
  walk.pool_id as "workPoolId",
  queue.id as "workQueueId",
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
  walk
  cross join json_each(walk.ids) as chosen
  cross join "flow_run" as run on run.id = chosen.value
  and chosen.key < walk.allowed
  join "work_queue" as queue on queue.id = run.work_queue_id
order by
  queue.priority asc,
  run.next_scheduled_start_time asc nulls last,
  run.id asc
limit cast(? as integer);
