import { EVENT_COLUMNS, type EventLog, type Kind, type Properties } from './event-properties-2026-11-26.js'

// The triggers of the event log on SQLite. Frozen: a change is a new migration.
//
// Values that a column holds against its type, and JSON that cannot be read, are null in an event: a trigger
// that failed would keep the change itself from being made.

function value(column: string, kind: Kind): string {
  if (kind === 'json') return `iif(json_valid(${column}), json(${column}), null)`
  return kind === 'number' ? `iif(typeof(${column}) = 'blob', null, ${column})` : `cast(${column} as text)`
}

function whole(properties: Properties, row: string): string {
  const pairs = Object.entries(properties).map(
    ([property, [column, kind]]) => `'${property}', ${value(`${row}.${column}`, kind)}`,
  )
  return `json_object(${pairs.join(', ')})`
}

/** Of JSON, its values in an order of their own: the order of keys, and blanks, are no difference. */
function compared(column: string): string {
  return `iif(json_valid(${column}), (
    select json_group_array(json_array(fullkey, type, atom))
    from (select fullkey, type, atom from json_tree(${column}) order by fullkey)
  ), ${column})`
}

function differs([column, kind]: readonly [string, Kind]): string {
  const differs = `old.${column} is not new.${column}`
  if (kind !== 'json') return differs
  return `(${differs} and ${compared(`old.${column}`)} is not ${compared(`new.${column}`)})`
}

function changed(properties: Properties, row: string): string {
  const removed = Object.entries(properties).map(
    ([property, column]) => `iif(${differs(column)}, '$.-', '$.${property}')`,
  )
  return `json_remove(${whole(properties, row)}, ${removed.join(', ')})`
}

export function rowTriggers({ table, resource, all, counts }: EventLog): string[] {
  const columns = Object.values(counts).map(([column]) => column)
  const conditions = Object.values(counts).map((property) => {
    const [column, kind] = property
    return kind === 'reference' ? `old.${column} <> new.${column}` : differs(property)
  })
  const trigger = (event: string, operation: string, rest: string, values: string): string => `
    create trigger {work_queue_event_${operation}_${table}} after ${event} on ${table} for each row ${rest}
    begin
      insert into work_queue_event ${EVENT_COLUMNS} values ('${resource}', ${values});
    end`
  return [
    trigger('insert', 'insert', '', `new.id, 'created', null, ${whole(all, 'new')}`),
    trigger(
      `update of ${columns.join(', ')}`,
      'update',
      `when ${conditions.join(' or ')}`,
      `new.id, 'updated', ${changed(counts, 'old')}, ${changed(counts, 'new')}`,
    ),
    trigger('delete', 'delete', '', `old.id, 'deleted', ${whole(all, 'old')}, null`),
  ]
}
