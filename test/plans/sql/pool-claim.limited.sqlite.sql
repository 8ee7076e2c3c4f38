begin;

update "worker"
set created = created
where 0 = 1;

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
              (
                select count(*)
                from
                  (
                    select 1
                    from
                      "work_queue" as queue
                      cross join "flow_run" as run on run.work_queue_id = queue.id
                      and "run"."state_type" in ('PENDING', 'RUNNING', 'CANCELLING')
                    where queue.work_pool_id = pool.id
                    limit
                      (
                        select coalesce(max(concurrency_limit), 0)
                        from "work_pool"
                        where concurrency_limit is not null
                      )
                  ) as occupied
              ) + (
                select count(*)
                from
                  (
                    select 1
                    from
                      "work_pool" as home
                      cross join "work_queue" as queue
                      cross join "flow_run" as run on run.work_queue_id is null
                      and run.work_queue_name = queue.name
                      and "run"."state_type" in ('PENDING', 'RUNNING', 'CANCELLING')
                    where
                      home.id = pool.id
                      and "home"."name" = 'default-agent-pool'
                      and queue.work_pool_id = home.id
                    limit
                      (
                        select coalesce(max(concurrency_limit), 0)
                        from "work_pool"
                        where concurrency_limit is not null
                      )
                  ) as occupied
              )
            )
          end
        )
      ) as allowed
    from "work_pool" as pool
    where
      (
        not pool.is_paused
        and "pool"."id" in (
          select value
          from json_each(?)
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
                                limit
                                  (
                                    select coalesce(max(concurrency_limit), 0)
                                    from "work_queue"
                                    where concurrency_limit is not null
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
              and not queue.is_paused
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
              and not queue.is_paused
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
  run.id,
  run.next_scheduled_start_time as "nextScheduledStartTime",
  run.state_timestamp as "stateTimestamp"
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
