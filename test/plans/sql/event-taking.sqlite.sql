delete from "work_queue_event"
where
  position in (
    select position
    from "work_queue_event"
    order by position
    limit ?
  )
returning
  position,
  id,
  occurred as occurred,
  resource,
  resource_id as "resourceId",
  kind,
  before as before,
  after as after;
