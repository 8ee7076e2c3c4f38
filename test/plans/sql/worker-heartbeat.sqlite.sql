begin;

update "worker"
set created = created
where 0 = 1;

select
  pool.id as "id",
  pool.created as "created",
  pool.updated as "updated",
  pool.name as "name",
  pool.description as "description",
  pool.type as "type",
  pool.base_job_template as "baseJobTemplate",
  pool.is_paused as "isPaused",
  pool.concurrency_limit as "concurrencyLimit",
  pool.default_queue_id as "defaultQueueId",
  pool.status as "status",
  pool.last_transitioned_status_at as "lastTransitionedStatusAt",
  pool.last_status_event_id as "lastStatusEventId",
  pool.storage_configuration as "storageConfiguration"
from "work_pool" as pool
where pool.id = ?;

insert into
  "worker" (id, created, updated, work_pool_id, name, last_heartbeat_time, heartbeat_interval_seconds, status)
select
  ?,
  ?,
  ?,
  pool.id,
  ?,
  ?,
  null,
  'ONLINE'
from
  (
    select id
    from "work_pool"
    where id = ?
  ) as pool
where true
on conflict (work_pool_id, name) do update
set
  last_heartbeat_time = max(
    ?,
    coalesce(
      case
        when worker.last_heartbeat_time like '____-__-__ __:__:__.______' then worker.last_heartbeat_time
        else strftime('%Y-%m-%d %H:%M:%f000', worker.last_heartbeat_time)
      end,
      ''
    )
  ),
  heartbeat_interval_seconds = coalesce(null, worker.heartbeat_interval_seconds),
  status = 'ONLINE'
returning
  worker.id as "id",
  worker.created as "created",
  worker.updated as "updated",
  worker.work_pool_id as "workPoolId",
  worker.name as "name",
  worker.last_heartbeat_time as "lastHeartbeatTime",
  worker.heartbeat_interval_seconds as "heartbeatIntervalSeconds",
  worker.status as "status";

commit;
