// Work queues
export { bulkUpdateWorkQueuePriorities } from './work-queues/bulk-update-work-queue-priorities.js'
export { countWorkQueues } from './work-queues/count-work-queues.js'
export { createWorkQueue } from './work-queues/create-work-queue.js'
export { deleteWorkQueue } from './work-queues/delete-work-queue.js'
export { ensureWorkQueueExists } from './work-queues/ensure-work-queue-exists.js'
export { getRunsInWorkQueue, type GetRunsInWorkQueueOptions } from './work-queues/get-runs-in-work-queue.js'
export type { RunsInWorkQueue } from './work-queues/poll-work-queue.js'
export { readWorkQueue } from './work-queues/read-work-queue.js'
export { readWorkQueueByName, type ReadWorkQueueByNameOptions } from './work-queues/read-work-queue-by-name.js'
export { readWorkQueueStatus, type WorkQueueStatusDetail } from './work-queues/read-work-queue-status.js'
export { readWorkQueues, type ReadWorkQueuesOptions, type WorkQueueSelection } from './work-queues/read-work-queues.js'
export { recordWorkQueuePolls, type WorkQueuePolls } from './work-queues/record-work-queue-polls.js'
export {
  type EmitWorkQueueStatusChange,
  updateWorkQueue,
  type UpdateWorkQueueOptions,
} from './work-queues/update-work-queue.js'

// Work pools
export { countWorkPools, type CountWorkPoolsOptions } from './work-pools/count-work-pools.js'
export { createWorkPool } from './work-pools/create-work-pool.js'
export { deleteWorkPool } from './work-pools/delete-work-pool.js'
export { readWorkPool } from './work-pools/read-work-pool.js'
export { readWorkPoolByName } from './work-pools/read-work-pool-by-name.js'
export { readWorkPools, type ReadWorkPoolsOptions } from './work-pools/read-work-pools.js'

export { getScheduledFlowRuns, type GetScheduledFlowRunsOptions } from './work-pools/get-scheduled-flow-runs.js'
export type { ScheduledFlowRun } from './work-pools/poll-pools.js'
export { updateWorkPool, type WorkPoolStatusOptions } from './work-pools/update-work-pool.js'
export type { EmitWorkPoolStatusChange, WorkPoolStatusChange } from './work-pools/write-work-pool.js'

// Claims
export { claimRunsInWorkQueue, type ClaimRunsInWorkQueueOptions } from './claims/claim-runs-in-work-queue.js'
export { claimScheduledFlowRuns, type ClaimScheduledFlowRunsOptions } from './claims/claim-scheduled-flow-runs.js'
export { releaseStaleClaims, type ReleaseStaleClaimsOptions } from './claims/release-stale-claims.js'

// Explanations
export { explainFlowRun, type FlowRunExplanation } from './explain/explain-flow-run.js'
export { explainWorkQueue, type WorkQueueExplanation } from './explain/explain-work-queue.js'
export { formatExplanation } from './explain/format-explanation.js'

// Slots
export { countWorkPoolActiveSlots } from './slots/count-work-pool-active-slots.js'
export { countWorkQueueActiveSlots } from './slots/count-work-queue-active-slots.js'
export { readWorkPoolSlotHolders, type ReadWorkPoolSlotHoldersOptions } from './slots/read-work-pool-slot-holders.js'
export { readWorkQueueSlotHolders } from './slots/read-work-queue-slot-holders.js'
export type { SlotHolder } from './slots/slot-holders.js'

// Workers
export { deleteWorker } from './workers/delete-worker.js'
export { readWorkers, type ReadWorkersOptions } from './workers/read-workers.js'
export { recordWorkerHeartbeat, type RecordWorkerHeartbeatOptions } from './workers/record-worker-heartbeat.js'

// Upkeep
export { markLateFlowRuns, type MarkLateFlowRunsOptions } from './upkeep/mark-late-flow-runs.js'
export { markWorkersOffline, type MarkWorkersOfflineOptions } from './upkeep/mark-workers-offline.js'
export { markWorkPoolsNotReady } from './upkeep/mark-work-pools-not-ready.js'
export { markWorkQueuesNotReady, type MarkWorkQueuesNotReadyOptions } from './upkeep/mark-work-queues-not-ready.js'

// Flow runs
export { countFlowRuns, type CountFlowRunsOptions } from './flow-runs/count-flow-runs.js'
export { createFlowRuns } from './flow-runs/create-flow-runs.js'
export { readFlowRun } from './flow-runs/read-flow-run.js'
export { readFlowRuns, type ReadFlowRunsOptions } from './flow-runs/read-flow-runs.js'
export { setFlowRunState } from './flow-runs/set-flow-run-state.js'

// Session, tables and records
export type { RequiredTables, Session } from './session.js'
export type {
  FlowRunStateTable,
  FlowRunTable,
  WorkerTable,
  WorkPoolTable,
  WorkQueueTable,
  WorkQueueTables,
} from './schema/tables.js'
export type { FlowRun, JsonObject, QueueFilter, Worker, WorkerStatus, WorkPool, WorkQueue } from './schema/records.js'

// Inputs and their checks
export type { NowOption, PageOptions } from './schema/checks.js'
export {
  type FlowRunCreate,
  flowRunCreateSchema,
  type FlowRunStateInput,
  flowRunStateSchema,
  type QueueFilterInput,
  type WorkPoolCreate,
  workPoolCreateSchema,
  type WorkPoolUpdate,
  workPoolUpdateSchema,
  type WorkQueueCreate,
  workQueueCreateSchema,
  type WorkQueueUpdate,
  workQueueUpdateSchema,
} from './schema/inputs.js'
export {
  type AnyOf,
  type FlowRunFilter,
  flowRunFilterSchema,
  type WorkPoolFilter,
  workPoolFilterSchema,
  type WorkQueueFilter,
  workQueueFilterSchema,
} from './schema/filters.js'

// Rules: pure decisions, without database or clock
export { firstFreePriority } from './rules/first-free-priority.js'
export {
  type ExplainedFlowRun,
  type FlowRunVerdict,
  judgeFlowRun,
  type LimitFacts,
  type PlaceFacts,
  type PoolFacts,
  type QueueFacts,
} from './rules/explain-flow-run.js'
export type { AheadFacts, HolderFacts, Reason, ReasonFacts } from './rules/reasons.js'
export { enterState, type EnteredState, type FlowRunFacts } from './rules/flow-run-transition.js'
export { DEFAULT_HEALTH_CHECK_POLICY, evaluateHealth, type WorkQueueHealthPolicy } from './rules/health.js'
export { isLastPolledRecent, WORK_QUEUE_LAST_POLLED_TIMEOUT_SECONDS } from './rules/last-polled.js'
export {
  DEFAULT_AGENT_WORK_POOL_NAME,
  DEFAULT_AGENT_WORK_POOL_TYPE,
  DEFAULT_WORK_QUEUE_DESCRIPTION,
  DEFAULT_WORK_QUEUE_NAME,
} from './rules/names.js'
export { openSlots } from './rules/open-slots.js'
export { type PrioritizedQueue, rebalancePriorities } from './rules/rebalance-priorities.js'
export { type DefaultWorkPool, resolveWorkPool, type WorkPoolResolution } from './rules/resolve-work-pool.js'
export {
  defaultStateName,
  FILTER_QUEUE_SLOT_STATES,
  isTerminal,
  LATE_STATE_NAME,
  STATE_TYPES,
  type StateType,
  TERMINAL_STATES,
  WORK_POOL_SLOT_STATES,
  WORK_QUEUE_SLOT_STATES,
} from './rules/states.js'
export { initialWorkPoolStatus, nextWorkPoolStatus, type WorkPoolStatus } from './rules/work-pool-status.js'
export { initialWorkQueueStatus, nextWorkQueueStatus, type WorkQueueStatus } from './rules/work-queue-status.js'

// Errors
export {
  DefaultWorkQueueError,
  FlowRunNotFoundError,
  type InputIssue,
  InvalidInputError,
  UnsupportedDialectError,
  WorkPoolExistsError,
  WorkPoolNotFoundError,
  WorkQueueError,
  WorkQueueExistsError,
  WorkQueueNotFoundError,
} from './errors.js'
