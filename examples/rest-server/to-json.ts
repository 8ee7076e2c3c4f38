// The library's records as Prefect's JSON.

import type { FlowRun, Worker, WorkPool, WorkQueue } from 'kysely-work-queues'
import { type Json, renameKeys, toSnakeCase } from './keys.js'

export function queueToJson(queue: WorkQueue, poolName: string | undefined, activeSlots: number | undefined): Json {
  return {
    ...renameKeys(queue, toSnakeCase),
    filter: queue.filter && renameKeys(queue.filter, toSnakeCase),
    work_pool_name: poolName ?? null,
    active_slots: queue.concurrencyLimit === null ? null : (activeSlots ?? 0),
  }
}

export function poolToJson(pool: WorkPool, activeSlots: number | undefined, forOldClient = false): Json {
  const { lastTransitionedStatusAt: _, lastStatusEventId: __, ...shown } = pool
  return {
    ...renameKeys(shown, toSnakeCase),
    storage_configuration: {
      bundle_upload_step: null,
      bundle_execution_step: null,
      ...(!forOldClient && { default_result_storage_block_id: null }),
      ...without(pool.storageConfiguration ?? {}, forOldClient ? 'default_result_storage_block_id' : ''),
    },
    // Agents are not workers, so Prefect says nothing about whether their pool is ready.
    status: pool.type === 'prefect-agent' ? null : pool.status,
    active_slots: pool.concurrencyLimit === null ? null : (activeSlots ?? 0),
  }
}

function without(value: object, key: string): Json {
  return Object.fromEntries(Object.entries(value).filter(([name]) => name !== key))
}

export function workerToJson(worker: Worker): Json {
  return renameKeys(worker, toSnakeCase)
}

/** A run with its state, without which Prefect's clients would not know what to do with it. */
export function runToJson(run: FlowRun): Json {
  const { stateId, stateType, stateName, stateTimestamp } = run
  return {
    ...renameKeys(run, toSnakeCase),
    state: stateType && {
      id: stateId,
      type: stateType,
      name: stateName,
      timestamp: stateTimestamp,
      state_details: { flow_run_id: run.id, scheduled_time: run.nextScheduledStartTime },
    },
  }
}

/** A run that occupies a slot, as Prefect shows it. */
export function slotToJson(run: FlowRun): Json {
  return {
    id: run.id,
    name: run.name,
    state_type: run.stateType,
    state_name: run.stateName,
    start_time: run.startTime,
    state_timestamp: run.stateTimestamp,
    time_in_current_state: run.stateTimestamp && (Date.now() - run.stateTimestamp.getTime()) / 1000,
  }
}
