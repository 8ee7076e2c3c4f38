// Sessions and time
export { createTestClock, type TestClock } from './create-test-clock.js'
export { createTestSession } from './create-test-session.js'

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
export { simulatePolling } from './simulate-polling.js'
export type {
  HandOut,
  LateStart,
  NeverStarted,
  Overshoot,
  PollingHistory,
  SlotCount,
  SlotOwner,
} from './simulation/history.js'
export type {
  SimulatedEvent,
  SimulatedPollers,
  SimulatedPool,
  SimulatedQueue,
  SimulatedRuns,
  SimulatePollingOptions,
} from './simulation/options.js'
export type { Seconds } from './simulation/random.js'

// Errors
export { TestDriverMissingError } from './test-driver-missing-error.js'
