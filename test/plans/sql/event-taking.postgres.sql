with
  oldest as materialized (
    select position
    from "work_queue_event"
    order by position
    limit cast($1 as integer)
    for update skip locked
  )
delete from "work_queue_event"
where
  position = any (
    array(
      select position
      from oldest
    )
  )
returning
  position,
  id,
  cast(
    extract(
      epoch
      from occurred
    ) as text
  ) as occurred,
  resource,
  resource_id as "resourceId",
  kind,
  cast(before as text) as before,
  cast(after as text) as after;
