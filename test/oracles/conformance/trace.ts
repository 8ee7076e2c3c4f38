import { sql } from 'kysely'
import type { TestDatabase } from '../../support/databases.js'
import { type Json, type Symbols, toTraceTime } from './symbols.js'

const QUEUE = ['id', 'name', 'description', 'is_paused', 'concurrency_limit', 'priority', 'filter', 'last_polled']
const POOL = ['id', 'name', 'description', 'type', 'base_job_template', 'is_paused', 'concurrency_limit']
const RESULT_KEYS = {
  queue: [...QUEUE, 'status', 'work_pool_id'],
  pool: [...POOL, 'default_queue_id', 'status', 'last_transitioned_status_at', 'last_status_event_id'],
  worker: ['work_pool_id', 'name', 'last_heartbeat_time', 'heartbeat_interval_seconds', 'status'],
  // Of the tables: `updated` is the database's own clock, and not every column is in the traces.
  work_queue: [...QUEUE.slice(1), 'status', 'work_pool_id', 'created'],
  work_pool: [
    ...POOL.slice(1),
    'default_queue_id',
    'status',
    'last_transitioned_status_at',
    'last_status_event_id',
    'created',
  ],
  workerRow: ['last_heartbeat_time', 'heartbeat_interval_seconds', 'status', 'created'],
  flow_run: ['work_queue_id', 'state_type', 'state_name'],
}

/** What a function returned, as a trace says it. */
export async function toResult(value: unknown, symbols: Symbols): Promise<Json> {
  if (value === undefined || value === null) return null
  if (typeof value === 'boolean' || typeof value === 'number') return value
  if (value instanceof Map) return { by_id: await toById(value, symbols) }
  if (Array.isArray(value)) return { list: await Promise.all(value.map((row) => toListItem(row, symbols))) }
  const record = value as Record<string, unknown>
  if ('runs' in record) {
    const { workQueue, runs } = record as { workQueue: { id: string }; runs: { id: string }[] }
    return {
      queue: await symbols.nameOf(workQueue.id),
      list: await Promise.all(runs.map(({ id }) => symbols.nameOf(id))),
    }
  }
  if ('healthy' in record) return await toTrace(record, Object.keys(record).map(snakeCase), symbols)
  if ('defaultQueueId' in record) return await toTrace(record, RESULT_KEYS.pool, symbols)
  if ('lastHeartbeatTime' in record) return await toTrace(record, RESULT_KEYS.worker, symbols)
  return await toTrace(record, RESULT_KEYS.queue, symbols)
}

async function toById(map: ReadonlyMap<string, number>, symbols: Symbols): Promise<{ [key: string]: Json }> {
  const entries = await Promise.all([...map].map(async ([id, count]) => [await symbols.nameOf(id), count] as const))
  return Object.fromEntries(entries)
}

async function toListItem(row: Record<string, any>, symbols: Symbols): Promise<Json> {
  if ('slotAcquiredAt' in row) {
    const since = row['slotAcquiredAt'] as Date | null
    return [await symbols.nameOf(row['flowRun'].id), since && toTraceTime(since)]
  }
  if ('flowRun' in row) {
    const ids: string[] = [row['workPoolId'], row['workQueueId'], row['flowRun'].id]
    return await Promise.all(ids.map((id) => symbols.nameOf(id)))
  }
  return 'lastHeartbeatTime' in row ? await toTrace(row, RESULT_KEYS.worker, symbols) : await symbols.nameOf(row['id'])
}

async function toTrace(record: Record<string, unknown>, keys: readonly string[], symbols: Symbols): Promise<Json> {
  const entries = keys.map(async (key) => {
    const value = record[camelCase(key)] ?? null
    // A job template is the user's own: its keys are data.
    const named = key === 'base_job_template' || !isObject(value) ? value : withSnakeKeys(value)
    return [key, await toValue(named, symbols)] as const
  })
  return Object.fromEntries(await Promise.all(entries))
}

async function toValue(value: unknown, symbols: Symbols): Promise<Json> {
  if (value instanceof Date) return toTraceTime(value)
  if (typeof value === 'string' && /^[0-9a-f]{8}-[0-9a-f-]{27}$/.test(value)) return await symbols.nameOf(value)
  if (Array.isArray(value)) return await Promise.all(value.map((item) => toValue(item, symbols)))
  if (!isObject(value)) return (value ?? null) as Json
  const entries = Object.entries(value).map(async ([key, of]) => [key, await toValue(of, symbols)] as const)
  return Object.fromEntries(await Promise.all(entries))
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Date)
}

function withSnakeKeys(value: object): object {
  return Object.fromEntries(Object.entries(value).map(([key, of]) => [snakeCase(key), of]))
}

/** The tables, by symbol, as traces show their rows. */
export type State = Record<string, Record<string, Record<string, Json>>>

/** Reads the tables past the library. */
export async function readState({ plain: db, dialect }: TestDatabase, symbols: Symbols): Promise<State> {
  const state: State = {}
  for (const table of ['work_pool', 'work_queue', 'worker', 'flow_run'] as const) {
    const rows: Record<string, unknown>[] = await db.selectFrom(table).selectAll().orderBy(sql.ref('id')).execute()
    const keys = table === 'worker' ? RESULT_KEYS.workerRow : RESULT_KEYS[table]
    const named: Record<string, Record<string, Json>> = {}
    for (const row of rows) {
      const poolOf = row['work_pool_id'] as string
      const id = row['id'] as string
      const symbol =
        table === 'worker' ? `${await symbols.nameOf(poolOf)}/${String(row['name'])}` : await symbols.nameOf(id)
      const entry: Record<string, Json> = {}
      for (const key of keys) entry[key] = await toValue(stored(row[key], key, dialect), symbols)
      named[symbol] = entry
    }
    state[table] = named
  }
  return state
}

function stored(value: unknown, key: string, dialect: string): unknown {
  if (dialect === 'postgres' || value === null) return value
  if (key === 'is_paused') return value === 1
  if (typeof value !== 'string') return value
  if (/^\d{4}-\d\d-\d\d \d\d:/.test(value)) return new Date(`${value.replace(' ', 'T')}Z`)
  return key === 'filter' || key === 'base_job_template' ? (JSON.parse(value) as unknown) : value
}

/** What changed: new rows whole, changed rows their changed columns, deleted rows null. */
export function difference(before: State, after: State): { [table: string]: { [symbol: string]: Json } } {
  const changes: { [table: string]: { [symbol: string]: Json } } = {}
  for (const [table, rows] of Object.entries(after)) {
    const changed: { [symbol: string]: Json } = {}
    const old = before[table] ?? {}
    for (const [symbol, row] of Object.entries(rows)) {
      const was = old[symbol]
      const columns = Object.entries(row).filter(
        ([key, value]) => was === undefined || JSON.stringify(was[key]) !== JSON.stringify(value),
      )
      if (columns.length > 0) changed[symbol] = Object.fromEntries(columns)
    }
    for (const symbol of Object.keys(old)) if (rows[symbol] === undefined) changed[symbol] = null
    if (Object.keys(changed).length > 0) changes[table] = changed
  }
  return changes
}

function camelCase(key: string): string {
  return key.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase())
}

function snakeCase(key: string): string {
  return key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
}
