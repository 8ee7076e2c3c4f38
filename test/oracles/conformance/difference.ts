import { added, instead, type Patch, patched, removed } from './patch.js'
import type { StepTrace } from './replay.js'
import type { Json } from './symbols.js'

/** Where the library answers otherwise than Prefect, on purpose. */
export interface Difference {
  readonly scenario: string
  /** Which steps, from 0. */
  readonly steps: readonly number[]
  /** On which databases, where Prefect's own answer differs between them. */
  readonly on: readonly string[]
  /** The library's answer, from Prefect's. */
  readonly ours: (prefect: StepTrace) => StepTrace
}

interface Columns {
  readonly [column: string]: Json
}

const both = ['sqlite', 'postgres']
export const sqlite = ['sqlite']
export const postgres = ['postgres']

/** Ours is Prefect's answer but for what the patch says. */
export function at(
  scenario: string,
  steps: number | readonly number[],
  patch: Patch,
  on: readonly string[] = both,
): Difference {
  return { scenario, steps: [steps].flat(), on, ours: (prefect) => patched(prefect, patch) }
}

/** Steps that the library refuses, whatever Prefect says. */
export function refused(scenario: string, ...steps: readonly number[]): Difference {
  return { scenario, steps, on: both, ours: () => ({ error: 'InvalidInputError' }) }
}

/** Steps that the library has no function for. */
export function skipped(scenario: string, steps: readonly number[], why: string): Difference {
  return { scenario, steps, on: both, ours: () => ({ skipped: why }) }
}

/** Another list is returned. */
export const list = (prefects: Json[], ours: Json[]): Patch => ({ result: { list: instead(prefects, ours) } })

/** Runs that hold slots, as a list has them where nobody knows since when. */
export const holders = (...runs: string[]): Json[] => runs.map((run) => [run, null])

/** Runs of the default queue of pool $p, as a poll of pools returns them. */
export const inDefault = (...runs: string[]): Json[] => runs.map((run) => ['$p', '$p.default', run])

/** Other columns of queues are written. */
export const queues = (rows: { readonly [symbol: string]: Patch }): { readonly state: Patch } => ({
  state: { work_queue: rows },
})

/** Another value of a new queue is returned and written. */
export const newQueue = (symbol: string, column: string, value: Patch): Patch => ({
  result: { [column]: value },
  ...queues({ [symbol]: { [column]: value } }),
})

/** What a pool is besides its name, its type and its template, just created. */
export const newPool = (symbol: string): Columns => ({
  description: null,
  is_paused: false,
  concurrency_limit: null,
  default_queue_id: `${symbol}.default`,
  status: 'NOT_READY',
  last_transitioned_status_at: null,
  last_status_event_id: null,
})

/** A pool's default queue, just created. */
export const defaultQueue = (pool: string): Columns => ({
  name: 'default',
  description: "The work pool's default queue.",
  is_paused: false,
  concurrency_limit: null,
  priority: 1,
  filter: null,
  last_polled: null,
  status: 'NOT_READY',
  work_pool_id: pool,
})

/** A pool is created, which Prefect refuses. */
export function createdPool(symbol: string, given: Columns, step: number): Patch {
  const pool = { ...given, ...newPool(symbol) }
  const created = { $time: step }
  return {
    error: removed('ValidationError'),
    result: added({ id: symbol, ...pool }),
    state: {
      work_pool: added({ [symbol]: { ...pool, created } }),
      work_queue: added({ [`${symbol}.default`]: { ...defaultQueue(symbol), created } }),
    },
  }
}

/** A row is updated, which Prefect refuses. */
const updated = (refusedWith: string, table: string, symbol: string, columns: Json): Patch => ({
  error: removed(refusedWith),
  result: added(true),
  state: { [table]: added({ [symbol]: columns }) },
})
export const storesNoDescription = updated('IntegrityError', 'work_queue', '$a', { description: '' })
export const storesTemplate = (template: Json): Patch =>
  updated('ValidationError', 'work_pool', '$b', { base_job_template: template })

/** A worker's first heartbeat turns its pool READY, too. */
export const turnsReady = (pool: string, step: number, more: Columns = {}): Patch => ({
  emitted: added([['NOT_READY', 'READY']]),
  state: { work_pool: added({ [pool]: { status: 'READY', last_transitioned_status_at: { $time: step }, ...more } }) },
})
export const newEvent = { last_status_event_id: '<uuid>' }
