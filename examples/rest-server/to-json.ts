// The library's records as Prefect's JSON.

import type { FlowRun, FlowRunState, Worker, WorkPool, WorkQueue } from 'kysely-work-queues'
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

/** What Prefect's server shows of a run's policy that says nothing. */
const NO_POLICY = {
  max_retries: 0,
  retry_delay_seconds: 0,
  retries: null,
  retry_delay: null,
  pause_keys: [],
  resuming: false,
  retry_type: null,
}

/** A run with its state, without which Prefect's clients would not know what to do with it. */
export function runToJson(run: FlowRun, message?: string | null): Json {
  const { stateTimestamp: _, ...shown } = run
  return {
    ...renameKeys(shown, toSnakeCase),
    // Prefect's server clears the time when a run starts, and says of one that ended before it started that it started then.
    next_scheduled_start_time: run.stateType === 'SCHEDULED' ? run.nextScheduledStartTime : null,
    start_time: run.startTime ?? run.endTime,
    empirical_policy: { ...NO_POLICY, ...run.empiricalPolicy },
    flow_version: null,
    deployment_version: null,
    infrastructure_document_id: null,
    created_by: null,
    state: stateToJson(run, message),
  }
}

/** What Prefect's server shows of a state's details, but for the run and the time. */
const NO_DETAILS = {
  task_run_id: null,
  child_flow_run_id: null,
  cache_key: null,
  cache_expiration: null,
  deferred: false,
  untrackable_result: false,
  pause_timeout: null,
  pause_reschedule: false,
  pause_key: null,
  run_input_keyset: null,
  refresh_cache: null,
  retriable: null,
  transition_id: null,
  task_parameters_id: null,
  traceparent: null,
  deployment_concurrency_lease_id: null,
}

/** The state that a run is in. Only SCHEDULED and PENDING have a time to start at. */
export function stateToJson(run: FlowRun, message: string | null = null): Json | null {
  const { id, stateId, stateType, stateName, stateTimestamp, nextScheduledStartTime } = run
  if (stateType === null) return null
  const isWaiting = stateType === 'SCHEDULED' || stateType === 'PENDING'
  return {
    id: stateId,
    type: stateType,
    name: stateName,
    timestamp: stateTimestamp,
    message,
    data: null,
    state_details: { ...NO_DETAILS, flow_run_id: id, scheduled_time: isWaiting ? nextScheduledStartTime : null },
  }
}

/** A state that a run was in. What is kept with it has Prefect's own names already. */
export function pastStateToJson({ id, type, name, timestamp, message, flowRunId, stateDetails }: FlowRunState): Json {
  const details = { ...NO_DETAILS, scheduled_time: null, flow_run_id: flowRunId, ...stateDetails }
  return { id, type, name, timestamp, message, data: null, state_details: details }
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
