import { CREATE_DIFFERENCES } from './differences/creates.js'
import { POLL_DIFFERENCES } from './differences/polls.js'
import { POOL_POLL_DIFFERENCES } from './differences/pool-polls.js'
import { POOL_DIFFERENCES } from './differences/pools.js'
import { PRIORITY_DIFFERENCES } from './differences/priorities.js'
import { READ_DIFFERENCES } from './differences/reads.js'
import { UPDATE_DIFFERENCES } from './differences/updates.js'
import type { StepTrace } from './replay.js'

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

/** Where the library answers otherwise than Prefect, on purpose. */
export interface Difference {
  readonly scenario: string
  /** Which step, from 0. */
  readonly step: number
  /** On which database, where Prefect's own answer differs between them. Default: on both. */
  readonly on?: readonly ('sqlite' | 'postgres')[]
  readonly why: keyof typeof STATED_REASONS | keyof typeof MAPPING_REASONS
  /** What else there is to know, such as that the step only follows from one before. */
  readonly also?: string
  /** The library's answer, whole. */
  readonly ours: StepTrace
}

/** Every deliberate difference in the recorded scenarios. A step that differs and is not here fails; so does one that no longer does. */
export const DIFFERENCES: readonly Difference[] = [
  ...CREATE_DIFFERENCES,
  ...UPDATE_DIFFERENCES,
  ...PRIORITY_DIFFERENCES,
  ...POLL_DIFFERENCES,
  ...READ_DIFFERENCES,
  ...POOL_DIFFERENCES,
  ...POOL_POLL_DIFFERENCES,
]
