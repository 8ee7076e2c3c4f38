import { EVENT_COLUMNS, type EventLog, type Properties } from './event-properties-2026-11-26.js'

// The triggers of the event log on PostgreSQL. Frozen: a change is a new migration.
//
// Pools, queues and workers have row triggers whose condition PostgreSQL judges itself: polls and heartbeats,
// which rewrite these rows all the time, call no function. Runs change many at a time, and have statement
// triggers: one insert for each statement, half of the time for a thousand runs. They see cascades as well.
//
// The functions run as their owner: whoever changes a row needs no grant for the log, and can write nothing
// else into it. So nobody may make triggers of them, and no search path counts in them.

const OPTIONS = 'language plpgsql security definer set search_path = pg_catalog, pg_temp'

function whole(properties: Properties, row: string): string {
  const pairs = Object.entries(properties).map(([property, [column]]) => `'${property}', ${row}.${column}`)
  return `jsonb_build_object(${pairs.join(', ')})`
}

/** Of the first row, the properties in which the other differs. */
function changed(properties: Properties, row: string, other: string): string {
  return Object.entries(properties)
    .map(
      ([property, [column]]) => `case when ${row}.${column} is distinct from ${other}.${column}
          then jsonb_build_object('${property}', ${row}.${column}) else '{}' end`,
    )
    .join(' || ')
}

function differs(properties: Properties, row: string, other: string): string {
  const columns = Object.values(properties)
  const values = (name: string): string =>
    columns.flatMap(([column, kind]) => (kind === 'reference' ? [] : [`${name}.${column}`])).join(', ')
  const references = columns.flatMap(([column, kind]) =>
    kind === 'reference' ? [` or ${row}.${column} <> ${other}.${column}`] : [],
  )
  return `(${values(row)}) is distinct from (${values(other)})${references.join('')}`
}

/** With the schema of the log for `@schema@`, which only the host's search path may know. */
function createFunction(statement: string): string {
  return `do $work_queues$ begin
    execute replace($work_queue_sql$ ${statement} $work_queue_sql$, '@schema@', (
      select quote_ident(nspname) from pg_class join pg_namespace on pg_namespace.oid = relnamespace
      where pg_class.oid = cast($work_queue_name$ {work_queue_event} $work_queue_name$ as regclass)
    ));
  end $work_queues$`
}

export function rowTriggers({ table, resource, all, counts }: EventLog): string[] {
  const name = `work_queue_event_of_${table}`
  const trigger = (operation: string, condition = ''): string => `
    create trigger work_queue_event_${operation} after ${operation} on {${table}}
    for each row ${condition} execute function {${name}}()`
  return [
    createFunction(`create function {${name}}() returns trigger ${OPTIONS} as $work_queue_body$
    begin
      if tg_op = 'INSERT' then
        insert into @schema@.work_queue_event ${EVENT_COLUMNS}
        values ('${resource}', new.id, 'created', null, ${whole(all, 'new')});
      elsif tg_op = 'UPDATE' then
        insert into @schema@.work_queue_event ${EVENT_COLUMNS}
        values ('${resource}', new.id, 'updated',
          ${changed(counts, 'old', 'new')},
          ${changed(counts, 'new', 'old')});
      else
        insert into @schema@.work_queue_event ${EVENT_COLUMNS}
        values ('${resource}', old.id, 'deleted', ${whole(all, 'old')}, null);
      end if;
      return null;
    end $work_queue_body$`),
    `revoke execute on function {${name}}() from public`,
    trigger('insert'),
    trigger('update', `when (${differs(counts, 'old', 'new')})`),
    trigger('delete'),
  ]
}

/** Without nested loops, since a plan is made for the first statement, which may be of one run. */
export function statementTriggers({ table, resource, all, counts }: EventLog): string[] {
  const name = `work_queue_event_of_${table}`
  const trigger = (operation: string, rows: string): string => `
    create trigger work_queue_event_${operation} after ${operation} on {${table}}
    referencing ${rows} for each statement execute function {${name}}()`
  return [
    createFunction(`create function {${name}}() returns trigger ${OPTIONS} set enable_nestloop = off as $work_queue_body$
    begin
      if tg_op = 'INSERT' then
        insert into @schema@.work_queue_event ${EVENT_COLUMNS}
        select '${resource}', is_now.id, 'created', null, ${whole(all, 'is_now')} from new_rows as is_now;
      elsif tg_op = 'UPDATE' then
        insert into @schema@.work_queue_event ${EVENT_COLUMNS}
        select '${resource}', is_now.id, 'updated',
          ${changed(counts, 'was', 'is_now')},
          ${changed(counts, 'is_now', 'was')}
        from new_rows as is_now join old_rows as was on was.id = is_now.id
        where ${differs(counts, 'was', 'is_now')};
      else
        insert into @schema@.work_queue_event ${EVENT_COLUMNS}
        select '${resource}', was.id, 'deleted', ${whole(all, 'was')}, null from old_rows as was;
      end if;
      return null;
    end $work_queue_body$`),
    `revoke execute on function {${name}}() from public`,
    trigger('insert', 'new table as new_rows'),
    trigger('update', 'old table as old_rows new table as new_rows'),
    trigger('delete', 'old table as old_rows'),
  ]
}
