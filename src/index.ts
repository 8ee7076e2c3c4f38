// Work queues
export { bulkUpdateWorkQueuePriorities } from './work-queues/bulk-update-work-queue-priorities.js'
export { countWorkQueues } from './work-queues/count-work-queues.js'
export { createWorkQueue } from './work-queues/create-work-queue.js'
export { deleteWorkQueue, type DeleteWorkQueueOptions, type WaitingRuns } from './work-queues/delete-work-queue.js'
export { ensureWorkQueueExists, type EnsureWorkQueueExistsOptions } from './work-queues/ensure-work-queue-exists.js'
export { getRunsInWorkQueue, type GetRunsInWorkQueueOptions } from './polls/get-runs-in-work-queue.js'
export type { RunsInWorkQueue } from './polls/queue-poll.js'
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
export { type EnsuredWorkPool, ensureWorkPoolExists } from './work-pools/ensure-work-pool-exists.js'
export { readWorkPool } from './work-pools/read-work-pool.js'
export { readWorkPoolByName } from './work-pools/read-work-pool-by-name.js'
export { readWorkPools, type ReadWorkPoolsOptions } from './work-pools/read-work-pools.js'

export { getScheduledFlowRuns, type GetScheduledFlowRunsOptions } from './polls/get-scheduled-flow-runs.js'
export type { ScheduledFlowRun } from './polls/pool-poll.js'
export { updateWorkPool, type WorkPoolStatusOptions } from './work-pools/update-work-pool.js'
export type { EmitWorkPoolStatusChange, WorkPoolStatusChange } from './work-pools/write-work-pool.js'

// Claims
export { claimRunsInWorkQueue, type ClaimRunsInWorkQueueOptions } from './claims/claim-runs-in-work-queue.js'
export { claimScheduledFlowRuns, type ClaimScheduledFlowRunsOptions } from './claims/claim-scheduled-flow-runs.js'
export { releaseStaleClaims, type ReleaseStaleClaimsOptions } from './claims/release-stale-claims.js'

// Leases
export { readLeases, type ReadLeasesOptions } from './leases/read-leases.js'
export { releaseExpiredLeases, type ReleaseExpiredLeasesOptions } from './leases/release-expired-leases.js'
export { type RenewedLeases, renewLeases, type RenewLeasesOptions } from './leases/renew-leases.js'
export type { LeaseOptions } from './model/flow-run-lease.js'

// Explanations
export { explainFlowRun, type ExplainOptions, type FlowRunExplanation } from './explain/explain-flow-run.js'
export { explainWorkQueue, type WorkQueueExplanation } from './explain/explain-work-queue.js'
export { formatExplanation } from './explain/format-explanation.js'

// Figures
export { formatPrometheus } from './stats/format-prometheus.js'
export { readNextStartTime, type ReadNextStartTimeOptions } from './stats/read-next-start-time.js'
export { type ReadWorkPoolStatsOptions, readWorkPoolStats, type WorkPoolStats } from './stats/read-work-pool-stats.js'
export {
  type ReadWorkQueueStatsOptions,
  readWorkQueueStats,
  type WorkQueueStats,
} from './stats/read-work-queue-stats.js'
export type { RunFigures } from './stats/run-figures.js'

// Slots
export { countWorkPoolActiveSlots, type CountWorkPoolActiveSlotsOptions } from './slots/count-work-pool-active-slots.js'
export { countWorkQueueActiveSlots } from './slots/count-work-queue-active-slots.js'
export { readWorkPoolSlotHolders, type ReadWorkPoolSlotHoldersOptions } from './slots/read-work-pool-slot-holders.js'
export { readWorkQueueSlotHolders } from './slots/read-work-queue-slot-holders.js'
export type { SlotHolder } from './slots/slot-holders.js'

// Workers
export { deleteWorker } from './workers/delete-worker.js'
export { readWorkers, type ReadWorkersOptions } from './workers/read-workers.js'
export { recordWorkerHeartbeat, type RecordWorkerHeartbeatOptions } from './workers/record-worker-heartbeat.js'

// Upkeep
export { markFlowRunsCancelled, type MarkFlowRunsCancelledOptions } from './upkeep/mark-flow-runs-cancelled.js'
export { markLateFlowRuns, type MarkLateFlowRunsOptions } from './upkeep/mark-late-flow-runs.js'
export { markWorkersOffline, type MarkWorkersOfflineOptions } from './upkeep/mark-workers-offline.js'
export { markWorkPoolsNotReady } from './upkeep/mark-work-pools-not-ready.js'
export { markWorkQueuesNotReady, type MarkWorkQueuesNotReadyOptions } from './upkeep/mark-work-queues-not-ready.js'
export { pruneFlowRuns, type PruneFlowRunsOptions } from './upkeep/prune-flow-runs.js'
export { pruneWorkers, type PruneWorkersOptions } from './upkeep/prune-workers.js'
export { runUpkeep, type Upkeep } from './upkeep/run-upkeep.js'
export type { RunUpkeepOptions, UpkeepFunction } from './upkeep/upkeep-options.js'
export type { TerminalStateType } from './sql/ended-runs.js'

// Events
export { takeEvents, type TakeEventsOptions } from './events/take-events.js'

// Flow runs
export { countFlowRuns, type CountFlowRunsOptions } from './flow-runs/count-flow-runs.js'
export { countFlowRunsByState } from './flow-runs/count-flow-runs-by-state.js'
export { cancelFlowRun, type CancelFlowRunOptions } from './flow-runs/cancel-flow-run.js'
export { createFlowRun, type CreatedFlowRun } from './flow-runs/create-flow-run.js'
export { createFlowRuns } from './flow-runs/create-flow-runs.js'
export { readFlowRun } from './flow-runs/read-flow-run.js'
export { readFlowRunStates } from './flow-runs/read-flow-run-states.js'
export { readFlowRuns, type ReadFlowRunsOptions } from './flow-runs/read-flow-runs.js'
export { retryFlowRun, type RetryFlowRunOptions } from './flow-runs/retry-flow-run.js'
export { setFlowRunState, type SetFlowRunStateOptions } from './flow-runs/set-flow-run-state.js'
export {
  type FlowRunStateChange,
  type FlowRunStateChanges,
  type FlowRunStateConflict,
  setFlowRunStates,
} from './flow-runs/set-flow-run-states.js'

// Session, tables and records
export { decodeTime, encodeTime } from './host-times.js'
export type { RequiredTables, Session } from './session.js'
export type { FlowRunTable } from './model/flow-run.js'
export type { FlowRunLease, FlowRunLeaseTable } from './model/flow-run-lease.js'
export type { FlowRunStateTable } from './model/flow-run-state.js'
export type { EventTables, LeaseTables, WorkQueueTables } from './model/tables.js'
export type { WorkPoolTable } from './model/work-pool.js'
export type { WorkQueueTable } from './model/work-queue.js'
export type { WorkerTable } from './model/worker.js'
export type { FlowRun } from './model/flow-run.js'
export type { FlowRunState } from './model/flow-run-state.js'
export type { JsonObject } from './model/json.js'
export type { WorkPool } from './model/work-pool.js'
export type { QueueFilter, WorkQueue } from './model/work-queue.js'
export type {
  WorkQueueEvent,
  WorkQueueEventBase,
  WorkQueueEventOf,
  WorkQueueEventTable,
} from './model/work-queue-event.js'
export type { Worker, WorkerStatus } from './model/worker.js'

// Inputs and their checks
export type { InputSchema, NowOption, PageOptions } from './model/checks.js'
export { type FlowRunCreate, flowRunCreateSchema } from './model/flow-run.js'
export { type FlowRunStateInput, flowRunStateSchema } from './model/flow-run-state.js'
export {
  type WorkPoolCreate,
  workPoolCreateSchema,
  type WorkPoolUpdate,
  workPoolUpdateSchema,
} from './model/work-pool.js'
export {
  type QueueFilterInput,
  type WorkQueueCreate,
  workQueueCreateSchema,
  type WorkQueueUpdate,
  workQueueUpdateSchema,
} from './model/work-queue.js'
export type { AnyOf } from './model/checks.js'
export { type FlowRunFilter, flowRunFilterSchema } from './model/flow-run-filter.js'
export { type WorkPoolFilter, workPoolFilterSchema } from './model/work-pool.js'
export { type WorkQueueFilter, workQueueFilterSchema } from './model/work-queue.js'

// Types of the rules, which records and answers have
export type { WorkQueueHealthPolicy } from './rules/evaluate-health.js'
export type { AheadFacts, ExplainedBy, HolderFacts, LeaseFacts, Reason, ReasonFacts } from './rules/reasons.js'
export type { EventResource } from './rules/prefect-event-name.js'
export type { StateType } from './rules/states.js'
export type { WorkPoolStatus } from './rules/work-pool-status.js'
export type { WorkQueueStatus } from './rules/work-queue-status.js'

// Errors
export {
  DefaultWorkQueueError,
  FlowRunNotFoundError,
  FlowRunStateConflictError,
  type InputIssue,
  InvalidInputError,
  isRetryable,
  MissingTableError,
  UnreadableRowError,
  UnsupportedDialectError,
  WorkPoolExistsError,
  WorkPoolNotFoundError,
  WorkQueueError,
  WorkQueueExistsError,
  WorkQueueNotFoundError,
} from './errors.js'
