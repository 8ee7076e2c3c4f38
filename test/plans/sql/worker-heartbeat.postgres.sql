begin;

update "worker" as worker
set
  last_heartbeat_time = greatest(worker.last_heartbeat_time, date_trunc('milliseconds', clock_timestamp())),
  heartbeat_interval_seconds = coalesce(null, worker.heartbeat_interval_seconds),
  status = 'ONLINE'
where
  worker.work_pool_id = $1
  and worker.name = $2
returning
  worker.id as "id",
  cast(
    extract(
      epoch
      from worker.created
    ) as text
  ) as "created",
  cast(
    extract(
      epoch
      from worker.updated
    ) as text
  ) as "updated",
  worker.work_pool_id as "workPoolId",
  worker.name as "name",
  cast(
    extract(
      epoch
      from worker.last_heartbeat_time
    ) as text
  ) as "lastHeartbeatTime",
  worker.heartbeat_interval_seconds as "heartbeatIntervalSeconds",
  worker.status as "status",
  pg_try_advisory_xact_lock_shared(1264013618, hashtext (cast($3 as text)) & 127) as "isAnnounced";

select
  pool.id as "id",
  cast(
    extract(
      epoch
      from pool.created
    ) as text
  ) as "created",
  cast(
    extract(
      epoch
      from pool.updated
    ) as text
  ) as "updated",
  pool.name as "name",
  pool.description as "description",
  pool.type as "type",
  cast(pool.base_job_template as text) as "baseJobTemplate",
  pool.is_paused as "isPaused",
  pool.concurrency_limit as "concurrencyLimit",
  pool.default_queue_id as "defaultQueueId",
  pool.status as "status",
  cast(
    extract(
      epoch
      from pool.last_transitioned_status_at
    ) as text
  ) as "lastTransitionedStatusAt",
  pool.last_status_event_id as "lastStatusEventId",
  cast(pool.storage_configuration as text) as "storageConfiguration"
from "work_pool" as pool
where pool.id = $1;

commit;
