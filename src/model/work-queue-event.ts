import type { Generated } from 'kysely'
import type { EventResource } from '../rules/prefect-event-name.js'
import type { Column, Columns, Json, Timestamp } from './columns.js'
import { type FlowRun, flowRunColumns } from './flow-run.js'
import { type WorkPool, workPoolColumns } from './work-pool.js'
import { type WorkQueue, workQueueColumns } from './work-queue.js'
import { decodeJson } from './values.js'
import { type Worker, workerColumns } from './worker.js'

/** A change of a pool, a queue, a worker's status or a run's state. */
export type WorkQueueEvent =
  | WorkQueueEventOf<'work-pool', WorkPool>
  | WorkQueueEventOf<'work-queue', WorkQueue>
  | WorkQueueEventOf<'worker', Worker>
  | WorkQueueEventOf<'flow-run', FlowRun>

/** What every event has. */
export interface WorkQueueEventBase<Resource extends EventResource> {
  /** The event's own id. */
  id: string
  /** When the change was made, by the database's clock. */
  occurred: Date
  resource: Resource
  /** The pool, queue, worker or run. */
  resourceId: string
}

/** A change of one kind of resource, whose record is `R`. */
export type WorkQueueEventOf<Resource extends EventResource, R> = WorkQueueEventBase<Resource> &
  (
    | { kind: 'created'; before: null; after: Partial<R> }
    | { kind: 'updated'; before: Partial<R>; after: Partial<R> }
    | { kind: 'deleted'; before: Partial<R>; after: null }
  )

/** The table `work_queue_event`: what the triggers of `eventLog` have written, until it is taken. */
export interface WorkQueueEventTable {
  /** Grows with each event. */
  position: Generated<number | bigint | string>
  id: Generated<string>
  occurred: Timestamp
  resource: EventResource
  resource_id: string
  kind: WorkQueueEvent['kind']
  before: Json | null
  after: Json | null
}

const COLUMNS: Readonly<Record<EventResource, Columns<any>>> = {
  'work-pool': workPoolColumns,
  'work-queue': workQueueColumns,
  worker: workerColumns,
  'flow-run': flowRunColumns,
}

/**
 * Reads properties of an event, as records have them. What cannot be read is null: an event that could not be
 * taken would be in the way of all that follow.
 */
export function decodeProperties(resource: EventResource, stored: unknown): Record<string, unknown> | null {
  if (stored === null) return null
  const columns = COLUMNS[resource]
  const values = decodeJson<Record<string, unknown>>(stored)
  const properties: Record<string, unknown> = {}
  // In the order of records, which PostgreSQL does not keep.
  for (const [property, { decode }] of Object.entries<Column<unknown>>(columns)) {
    if (property in values) properties[property] = read(decode, values[property])
  }
  return properties
}

function read(decode: Column<unknown>['decode'], value: unknown): unknown {
  if (value === null) return null
  try {
    return decode(value)
  } catch {
    return null
  }
}
