import type { Difference } from '../differences.js'

/** Deliberate differences in scenarios of reading queues. */
export const READ_DIFFERENCES: readonly Difference[] = [
  { scenario: 'read/negative_limit_offset', step: 3, why: 'checks', ours: { error: 'InvalidInputError' } },
  { scenario: 'read/negative_limit_offset', step: 4, why: 'checks', ours: { error: 'InvalidInputError' } },
  { scenario: 'read/name_filters', step: 15, why: 'emptyList', ours: { result: { list: [] } } },
  { scenario: 'read/startswith_wildcards', step: 10, why: 'literal', ours: { result: { list: ['$q4'] } } },
  { scenario: 'read/startswith_wildcards', step: 11, why: 'literal', ours: { result: { list: [] } } },
  { scenario: 'read/startswith_wildcards', step: 12, why: 'literal', ours: { result: { list: [] } } },
  { scenario: 'read/startswith_wildcards', step: 13, why: 'literal', ours: { result: { list: [] } } },
  { scenario: 'read/startswith_wildcards', step: 15, on: ['postgres'], why: 'literal', ours: { result: { list: [] } } },
  { scenario: 'read/startswith_wildcards', step: 16, on: ['postgres'], why: 'literal', ours: { result: { list: [] } } },
]
