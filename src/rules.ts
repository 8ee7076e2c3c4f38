// The pure decisions: no database, no clock, and nothing of Kysely, zod or a driver.
export { firstFreePriority } from './rules/first-free-priority.js'
export {
  type ExplainedFlowRun,
  type FlowRunVerdict,
  judgeFlowRun,
  type LimitFacts,
  type PlaceFacts,
  type PoolFacts,
  type QueueFacts,
} from './rules/judge-flow-run.js'
export type { AheadFacts, ExplainedBy, HolderFacts, LeaseFacts, Reason, ReasonFacts } from './rules/reasons.js'
export { enterState, type EnteredState, type FlowRunFacts } from './rules/enter-state.js'
export { DEFAULT_HEALTH_CHECK_POLICY, evaluateHealth, type WorkQueueHealthPolicy } from './rules/evaluate-health.js'
export { isLastPolledRecent, WORK_QUEUE_LAST_POLLED_TIMEOUT_SECONDS } from './rules/is-last-polled-recent.js'
export {
  DEFAULT_AGENT_WORK_POOL_NAME,
  DEFAULT_AGENT_WORK_POOL_TYPE,
  DEFAULT_WORK_QUEUE_DESCRIPTION,
  DEFAULT_WORK_QUEUE_NAME,
} from './rules/names.js'
export { type ClaimedState, leaseHolds } from './rules/lease-holds.js'
export { openSlots } from './rules/open-slots.js'
export { type EventResource, type NamedEvent, prefectEventName } from './rules/prefect-event-name.js'
export { type PrioritizedQueue, rebalancePriorities } from './rules/rebalance-priorities.js'
export { type DefaultWorkPool, resolveWorkPool, type WorkPoolResolution } from './rules/resolve-work-pool.js'
export {
  belongsToWorkQueue,
  resolveWorkQueue,
  type WorkQueueOfFlowRun,
  type WorkQueueResolution,
} from './rules/resolve-work-queue.js'
export {
  RELEASED,
  type ReleasedFlowRun,
  releasesSinceRun,
  type ReleaseRule,
  stateAfterRelease,
} from './rules/state-after-release.js'
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
