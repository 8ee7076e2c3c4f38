// Sessions and time
export { createTestClock, type TestClock } from './create-test-clock.js'
export { createTestSession, type TestMigration, type TestSessionOptions } from './create-test-session.js'

// Rows
export {
  makeFlowRun,
  makeFlowRuns,
  makeWorkPool,
  makeWorkQueue,
  type WorkPoolInput,
  type WorkQueueInput,
} from './factories.js'
export {
  cancelFlowRun,
  completeFlowRun,
  crashFlowRun,
  failFlowRun,
  retryFlowRun,
  type RetryFlowRunOptions,
  startFlowRun,
  submitFlowRun,
} from './move-flow-runs.js'

// Simulation
export { drawPolling, type DrawPollingOptions } from './draw-polling.js'
export { formatPolling } from './format-polling.js'
export { simulatePolling } from './simulate-polling.js'
export { type Pollings, simulatePollings, type SpreadOf } from './simulate-pollings.js'
export {
  type PollingSummary,
  type QueueSummary,
  type RunsSummary,
  summarizePolling,
  type WaitSummary,
} from './summarize-polling.js'
export type {
  HandOut,
  LateStart,
  NeverStarted,
  Overshoot,
  PollingHistory,
  SettingsChange,
  SlotCount,
  SlotOwner,
} from './simulation/history.js'
export type {
  SimulatedClaim,
  SimulatedClaimRequest,
  SimulatedEvent,
  SimulatedLeases,
  SimulatedPolicy,
  SimulatedPollers,
  SimulatedPool,
  SimulatedQueue,
  SimulatedRuns,
  SimulatePollingOptions,
  SimulatePollingsOptions,
} from './simulation/options.js'
export type {
  DoubleRun,
  HeldSlot,
  LeaseHistory,
  LeaseRelease,
  PollerDeath,
  PollerStall,
  RefusedWrite,
  RunInHands,
} from './simulation/lease-history.js'
export type { LeaseSummary } from './simulation/lease-summary.js'
export type { Spread } from './simulation/quantiles.js'
export type { Seconds } from './simulation/random.js'
export type { SlotUsage } from './simulation/slot-usage.js'

// Errors
export { TestDriverMissingError } from './test-driver-missing-error.js'
