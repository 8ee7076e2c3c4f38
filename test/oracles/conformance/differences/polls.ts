import type { Difference } from '../differences.js'

/** Deliberate differences in scenarios of polling queues. */
export const POLL_DIFFERENCES: readonly Difference[] = [
  { scenario: 'get_runs/negative_limit', step: 2, why: 'checks', ours: { error: 'InvalidInputError' } },
  {
    scenario: 'get_runs/null_start_times',
    step: 2,
    on: ['sqlite'],
    why: 'order',
    ours: { result: { queue: '$a', list: ['$r4', '$r2', '$r1', '$r3'] } },
  },
  {
    scenario: 'get_runs/null_start_times',
    step: 4,
    on: ['sqlite'],
    why: 'order',
    ours: { result: { queue: '$a', list: ['$r4', '$r2'] } },
  },
  {
    scenario: 'get_runs/null_start_times',
    step: 5,
    on: ['sqlite'],
    why: 'order',
    ours: { result: { queue: '$a', list: ['$r4'] } },
  },
  { scenario: 'get_runs/ties', step: 3, why: 'order', ours: { result: { queue: '$a', list: ['$r4', '$r1'] } } },
  { scenario: 'get_runs/ties', step: 4, why: 'order', ours: { result: { queue: '$a', list: ['$r4', '$r1', '$r2'] } } },
  { scenario: 'get_runs/ties_physical_order', step: 2, why: 'order', ours: { result: { queue: '$a', list: ['$r1'] } } },
  {
    scenario: 'get_runs/ties_physical_order',
    step: 4,
    on: ['sqlite'],
    why: 'order',
    ours: { result: { queue: '$a', list: ['$r1'] } },
  },
  {
    scenario: 'get_runs/same_name_other_pool',
    step: 5,
    why: 'membership',
    ours: { result: { queue: '$b', list: ['$r1'] } },
  },
  {
    scenario: 'get_runs/by_name_not_id',
    step: 3,
    why: 'membership',
    ours: { result: { queue: '$a', list: ['$r1', '$r2', '$r3'] } },
  },
  { scenario: 'get_runs/by_name_not_id', step: 4, why: 'membership', ours: { result: { queue: '$b', list: [] } } },
  {
    scenario: 'get_runs/by_name_not_id',
    step: 6,
    why: 'membership',
    ours: { result: { queue: '$a', list: ['$r2', '$r3'] } },
  },
  {
    scenario: 'legacy/null_and_ties',
    step: 3,
    on: ['sqlite'],
    why: 'order',
    ours: { result: { queue: '$a', list: ['$r1', '$r2', '$r3', '$r4'] } },
  },
  {
    scenario: 'legacy/null_and_ties',
    step: 4,
    on: ['sqlite'],
    why: 'order',
    ours: { result: { queue: '$a', list: ['$r1', '$r2'] } },
  },
  {
    scenario: 'polls/paused_queue_becomes_ready',
    step: 3,
    why: 'paused',
    ours: { result: null, state: { work_queue: { $a: { last_polled: { $time: 3 } } } } },
  },
  {
    scenario: 'polls/paused_queue_becomes_ready',
    step: 4,
    why: 'paused',
    ours: { result: true, emitted: ['READY'], state: { work_queue: { $a: { is_paused: false, status: 'READY' } } } },
  },
  {
    scenario: 'status/late_and_polled',
    step: 7,
    why: 'membership',
    ours: {
      result: {
        healthy: false,
        late_runs_count: 2,
        last_polled: { $time: 2 },
        health_check_policy: { maximum_late_runs: 0, maximum_seconds_since_last_polled: 60 },
      },
    },
  },
]
