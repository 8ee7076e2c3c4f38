import { type Insertable, type RawBuilder, sql } from 'kysely'
import type { Dialect } from './dialect.js'
import type { FlowRun, Worker, WorkPool, WorkQueue, QueueFilter } from './records.js'
import type { FlowRunTable, WorkerTable, WorkPoolTable, WorkQueueTable } from './tables.js'
import {
  decodeBoolean,
  decodeInteger,
  decodeJson,
  decodeTime,
  encodeBoolean,
  encodeJson,
  encodeTime,
} from './values.js'

/** How a property of a record is stored. */
interface Column<T> {
  readonly name: string
  readonly isJson: boolean
  readonly decode: (value: unknown) => T
  readonly encode: (value: NonNullable<T>, dialect: Dialect) => unknown
}

declare const row: unique symbol

/** How a record is stored: a column for each property. `T` is the table's type, for the compiler alone. */
export type Columns<R, T = unknown> = { readonly [P in keyof R]-?: Column<R[P]> } & { readonly [row]?: T }

const plain = (value: unknown): unknown => value

function text<T extends string>(name: string): Column<T> {
  return { name, isJson: false, decode: plain as (value: unknown) => T, encode: plain }
}

function integer(name: string): Column<number> {
  return { name, isJson: false, decode: decodeInteger, encode: plain }
}

function boolean(name: string): Column<boolean> {
  return { name, isJson: false, decode: decodeBoolean, encode: encodeBoolean }
}

function time(name: string): Column<Date> {
  return { name, isJson: false, decode: decodeTime, encode: encodeTime }
}

/** JSON's own null, which a database may hold where a record has none, is read as empty. */
function json<T>(name: string, empty: () => T): Column<T> {
  return { name, isJson: true, decode: (value) => decodeJson<T | null>(value) ?? empty(), encode: encodeJson }
}

function nullableJson<T>(name: string): Column<T | null> {
  return {
    name,
    isJson: true,
    decode: (value) => (value === null ? null : decodeJson<T | null>(value)),
    encode: encodeJson,
  }
}

function nullable<T>(column: Column<T>): Column<T | null> {
  return { ...column, decode: (value) => (value === null ? null : column.decode(value)) }
}

const filter: Column<QueueFilter | null> = {
  name: 'filter',
  isJson: true,
  decode(value) {
    const stored =
      value === null ? null : decodeJson<{ tags?: string[] | null; deployment_ids?: string[] | null } | null>(value)
    return stored && { tags: stored.tags ?? null, deploymentIds: stored.deployment_ids ?? null }
  },
  encode: ({ tags, deploymentIds }, dialect) => encodeJson({ tags, deployment_ids: deploymentIds }, dialect),
}

export const workQueueColumns: Columns<WorkQueue, WorkQueueTable> = {
  id: text('id'),
  created: time('created'),
  updated: time('updated'),
  name: text('name'),
  description: text('description'),
  isPaused: boolean('is_paused'),
  concurrencyLimit: nullable(integer('concurrency_limit')),
  priority: integer('priority'),
  workPoolId: text('work_pool_id'),
  filter,
  lastPolled: nullable(time('last_polled')),
  status: text('status'),
}

export const workPoolColumns: Columns<WorkPool, WorkPoolTable> = {
  id: text('id'),
  created: time('created'),
  updated: time('updated'),
  name: text('name'),
  description: nullable(text('description')),
  type: text('type'),
  baseJobTemplate: json('base_job_template', () => ({})),
  isPaused: boolean('is_paused'),
  concurrencyLimit: nullable(integer('concurrency_limit')),
  defaultQueueId: nullable(text('default_queue_id')),
  status: text('status'),
  lastTransitionedStatusAt: nullable(time('last_transitioned_status_at')),
  lastStatusEventId: nullable(text('last_status_event_id')),
  storageConfiguration: json('storage_configuration', () => ({})),
}

export const workerColumns: Columns<Worker, WorkerTable> = {
  id: text('id'),
  created: time('created'),
  updated: time('updated'),
  workPoolId: text('work_pool_id'),
  name: text('name'),
  lastHeartbeatTime: time('last_heartbeat_time'),
  heartbeatIntervalSeconds: nullable(integer('heartbeat_interval_seconds')),
  status: text('status'),
}

export const flowRunColumns: Columns<FlowRun, FlowRunTable> = {
  id: text('id'),
  created: time('created'),
  updated: time('updated'),
  name: text('name'),
  flowId: text('flow_id'),
  deploymentId: nullable(text('deployment_id')),
  workQueueId: nullable(text('work_queue_id')),
  workQueueName: nullable(text('work_queue_name')),
  stateId: nullable(text('state_id')),
  stateType: nullable(text('state_type')),
  stateName: nullable(text('state_name')),
  stateTimestamp: nullable(time('state_timestamp')),
  runCount: integer('run_count'),
  expectedStartTime: nullable(time('expected_start_time')),
  nextScheduledStartTime: nullable(time('next_scheduled_start_time')),
  startTime: nullable(time('start_time')),
  endTime: nullable(time('end_time')),
  parameters: json('parameters', () => ({})),
  context: json('context', () => ({})),
  tags: json<string[]>('tags', () => []),
  labels: nullableJson('labels'),
  idempotencyKey: nullable(text('idempotency_key')),
  parentTaskRunId: nullable(text('parent_task_run_id')),
  infrastructurePid: nullable(text('infrastructure_pid')),
  jobVariables: nullableJson('job_variables'),
  empiricalPolicy: json('empirical_policy', () => ({})),
  autoScheduled: boolean('auto_scheduled'),
}

/**
 * What to select so that {@link decode} can make records of the rows.
 *
 * Always the columns by name: hosts add their own. JSON is read as text on PostgreSQL, which no type parser of the host touches.
 *
 * @param from - The table or alias that has the columns.
 * @param prefix - Put before each property, to tell two records in one row apart.
 */
export function selection<R>(columns: Columns<R>, dialect: Dialect, from: string, prefix = ''): RawBuilder<unknown> {
  const selected = entries(columns).map(([property, column]) => {
    const name = `${from}.${column.name}`
    return `${column.isJson && dialect === 'postgres' ? `cast(${name} as text)` : name} as "${prefix}${property}"`
  })
  return sql.raw(selected.join(', '))
}

/** Makes a record of a row that was read with {@link selection}. */
export function decode<R>(columns: Columns<R>, row: object, prefix = ''): R {
  const record: Record<string, unknown> = {}
  for (const { property, key, column } of reading(columns, prefix)) {
    record[property] = column.decode((row as Record<string, unknown>)[key])
  }
  return record as R
}

/** Makes column values of a record, or of some of its properties: absent ones are left out. */
export function encode<R, T>(columns: Columns<R, T>, values: Partial<R>, dialect: Dialect): Insertable<T> {
  const encoded: Record<string, unknown> = {}
  for (const [property, column] of entries(columns)) {
    const value = values[property as keyof R]
    if (value === undefined) continue
    encoded[column.name] = value === null ? null : column.encode(value, dialect)
  }
  // Each value is of the column's kind by construction, as a parameter or as an SQL expression, which `values` and `set` take too.
  return encoded as Insertable<T>
}

interface Reading<R> {
  readonly property: string
  readonly key: string
  readonly column: Column<R[keyof R]>
}

// Listed once, since every row of every poll asks for it.
const readings = new WeakMap<object, Map<string, Reading<unknown>[]>>()

function reading<R>(columns: Columns<R>, prefix: string): Reading<R>[] {
  let byPrefix = readings.get(columns)
  if (byPrefix === undefined) readings.set(columns, (byPrefix = new Map()))
  let listed = byPrefix.get(prefix) as Reading<R>[] | undefined
  if (listed === undefined) {
    listed = entries(columns).map(([property, column]) => ({ property, key: prefix + property, column }))
    byPrefix.set(prefix, listed as unknown as Reading<unknown>[])
  }
  return listed
}

function entries<R>(columns: Columns<R>): [property: string, column: Column<R[keyof R]>][] {
  return Object.entries(columns)
}
