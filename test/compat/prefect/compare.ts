import type { FlowRun, Worker, WorkPool, WorkQueue } from 'kysely-work-queues'
import { poolToJson, queueToJson, runToJson, workerToJson } from '../../../examples/rest-server/to-json.js'

// Our records as Prefect's API writes them, and Prefect's answers cut to the precision of JavaScript's times.

/** Prefect's answer, or our record, with every time in milliseconds and every property that only one side has left out. */
export function comparable(value: unknown, properties: readonly string[]): Record<string, unknown> {
  return Object.fromEntries(properties.map((name) => [name, inMilliseconds((value as Record<string, unknown>)[name])]))
}

const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/

function inMilliseconds(value: unknown): unknown {
  if (value instanceof Date) return value.getTime()
  if (typeof value === 'string' && TIME.test(value)) return Math.floor(new Date(value).getTime())
  return value
}

/** A record as Prefect spells it, with the properties that Prefect's API shows too. */
export interface Spelled {
  readonly ours: object
  readonly properties: readonly string[]
}

export function spellQueue(queue: WorkQueue): Spelled {
  return spell(queueToJson(queue, undefined, undefined), ['work_pool_name', 'active_slots'])
}

export function spellPool(pool: WorkPool): Spelled {
  // The API shows the storage configuration with all of its defaults, and not the columns about the last event.
  const hidden = ['storage_configuration', 'last_transitioned_status_at', 'last_status_event_id']
  return spell(poolToJson(pool, undefined), ['active_slots', ...hidden])
}

export function spellWorker(worker: Worker): Spelled {
  return spell(workerToJson(worker), [])
}

export function spellRun(run: FlowRun): Spelled {
  // The example answers as if Prefect's orchestration had written these two; the API shows what is written.
  const written = { next_scheduled_start_time: run.nextScheduledStartTime, start_time: run.startTime }
  // The API shows the policy with all of its defaults, and as the queue's name that of the queue which the id points to.
  return spell({ ...runToJson(run), ...written }, ['state', 'state_timestamp', 'empirical_policy', 'work_queue_name'])
}

function spell(ours: object, without: readonly string[]): Spelled {
  return { ours, properties: Object.keys(ours).filter((name) => !without.includes(name)) }
}
