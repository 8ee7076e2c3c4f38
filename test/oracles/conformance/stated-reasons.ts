/** Why the library answers otherwise: how docs/coming-from-prefect.md begins to state it, with its number there. */
export const STATED_REASONS = {
  membership: '1. Membership.',
  priorities: '2. Priorities stay unique after every write.',
  order: '4. Order is total',
  literal: '5. `startsWith` is literal',
  paused: '8. Recording a poll never turns a paused queue READY, and a queue created paused is PAUSED.',
  checks: '9. Updates are checked like creates, and numbers the database cannot store are rejected before any query.',
  emptyList: '10. An empty list of ids or prefixes matches nothing.',
  template: '11. `baseJobTemplate` is not inspected.',
  cancelling: '13. `countWorkQueueActiveSlots` counts CANCELLING',
} as const

/** Why a step is another one here: the library has no function that is quite the same. */
export const MAPPING_REASONS = {
  heartbeat: 'recordWorkerHeartbeat stands for worker_heartbeat too, which in Prefect leaves the pool alone',
  noCounterpart: 'the library has no such option; operations.ts says why',
} as const
