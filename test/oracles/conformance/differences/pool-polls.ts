import type { Difference } from '../differences.js'

/** Deliberate differences in scenarios of polling pools and counting slots. */
export const POOL_POLL_DIFFERENCES: readonly Difference[] = [
  { scenario: 'scheduled/priorities_on_off', step: 13, why: 'emptyList', ours: { result: { list: [] } } },
  {
    scenario: 'scheduled/paused_queue_uses_slots',
    step: 8,
    on: ['postgres'],
    why: 'order',
    ours: { result: { list: [['$p', '$p.default', '$r5']] } },
  },
  {
    scenario: 'scheduled/two_pools',
    step: 5,
    on: ['sqlite'],
    why: 'order',
    ours: {
      result: {
        list: [
          ['$s', '$b', '$r2'],
          ['$p', '$p.default', '$r3'],
          ['$s', '$b', '$r6'],
          ['$p', '$a', '$r5'],
          ['$s', '$s.default', '$r4'],
          ['$p', '$a', '$r1'],
        ],
      },
    },
  },
  {
    scenario: 'scheduled/two_pools',
    step: 7,
    on: ['sqlite'],
    why: 'order',
    ours: {
      result: {
        list: [
          ['$s', '$b', '$r2'],
          ['$p', '$p.default', '$r3'],
          ['$s', '$b', '$r6'],
          ['$p', '$a', '$r5'],
          ['$s', '$s.default', '$r4'],
          ['$p', '$a', '$r1'],
        ],
      },
    },
  },
  {
    scenario: 'scheduled/two_pools',
    step: 8,
    on: ['sqlite'],
    why: 'order',
    ours: {
      result: {
        list: [
          ['$s', '$b', '$r2'],
          ['$p', '$p.default', '$r3'],
          ['$s', '$b', '$r6'],
        ],
      },
    },
  },
  {
    scenario: 'scheduled/worker_and_queue_limit',
    step: 5,
    why: 'noCounterpart',
    ours: { skipped: "a poll of pools has no limit for each queue: Prefect's API offers none either" },
  },
  {
    scenario: 'scheduled/worker_and_queue_limit',
    step: 6,
    why: 'noCounterpart',
    ours: { skipped: "a poll of pools has no limit for each queue: Prefect's API offers none either" },
  },
  {
    scenario: 'scheduled/worker_and_queue_limit',
    step: 10,
    why: 'noCounterpart',
    ours: { skipped: "a poll of pools has no limit for each queue: Prefect's API offers none either" },
  },
  {
    scenario: 'scheduled/worker_and_queue_limit',
    step: 11,
    why: 'noCounterpart',
    ours: { skipped: "a poll of pools has no limit for each queue: Prefect's API offers none either" },
  },
  {
    scenario: 'scheduled/null_times',
    step: 2,
    on: ['sqlite'],
    why: 'order',
    ours: {
      result: {
        list: [
          ['$p', '$p.default', '$r3'],
          ['$p', '$p.default', '$r2'],
          ['$p', '$p.default', '$r1'],
        ],
      },
    },
  },
  {
    scenario: 'scheduled/null_times',
    step: 3,
    on: ['sqlite'],
    why: 'order',
    ours: {
      result: {
        list: [
          ['$p', '$p.default', '$r3'],
          ['$p', '$p.default', '$r2'],
          ['$p', '$p.default', '$r1'],
        ],
      },
    },
  },
  {
    scenario: 'scheduled/null_times',
    step: 6,
    on: ['sqlite'],
    why: 'order',
    ours: { result: { list: [['$p', '$p.default', '$r3']] } },
  },
  // `work_queues.count_work_queue_active_slots` counts by name, and so as many, but other runs.
  { scenario: 'slots/counts_and_holders', step: 9, why: 'cancelling', ours: { result: 4 } },
  { scenario: 'slots/counts_and_holders', step: 11, why: 'cancelling', ours: { result: { by_id: { $a: 4, $b: 1 } } } },
  { scenario: 'slots/counts_and_holders', step: 18, why: 'membership', ours: { result: 4 } },
  {
    scenario: 'slots/counts_and_holders',
    step: 24,
    why: 'membership',
    ours: { result: { list: ['$r1', '$r2', '$r3', '$r8'].map((run) => [run, null]) } },
  },
  { scenario: 'slots/paused_queue', step: 8, why: 'cancelling', ours: { result: 4 } },
  { scenario: 'slots/paused_queue', step: 11, why: 'membership', ours: { result: 4 } },
]
