import type { Difference } from '../differences.js'

/** Deliberate differences in scenarios of priorities. */
export const PRIORITY_DIFFERENCES: readonly Difference[] = [
  {
    scenario: 'priorities/several',
    step: 4,
    why: 'priorities',
    ours: {
      result: null,
      state: { work_queue: { '$p.default': { priority: 3 }, $a: { priority: 1 }, $b: { priority: 2 } } },
    },
  },
  {
    scenario: 'priorities/several',
    step: 5,
    why: 'priorities',
    ours: {
      result: null,
      state: { work_queue: { '$p.default': { priority: 4 }, $b: { priority: 3 }, $c: { priority: 2 } } },
    },
  },
  {
    scenario: 'priorities/several_leave_duplicates',
    step: 4,
    why: 'priorities',
    ours: { result: null, state: { work_queue: { $b: { priority: 4 }, $c: { priority: 2 }, $d: { priority: 3 } } } },
  },
  {
    scenario: 'priorities/several_leave_duplicates',
    step: 5,
    why: 'priorities',
    ours: { result: { list: ['$p.default', '$c', '$d', '$b'] } },
  },
  { scenario: 'priorities/zero_and_negative', step: 4, why: 'checks', ours: { error: 'InvalidInputError' } },
  { scenario: 'priorities/zero_and_negative', step: 5, why: 'checks', ours: { error: 'InvalidInputError' } },
  {
    scenario: 'priorities/zero_and_negative',
    step: 6,
    why: 'checks',
    also: 'the steps before were refused',
    ours: { result: null, state: { work_queue: { '$p.default': { priority: 2 }, $a: { priority: 1 } } } },
  },
]
