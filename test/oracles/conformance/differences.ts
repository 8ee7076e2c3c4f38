import {
  at,
  createdPool,
  defaultQueue,
  type Difference,
  holders,
  inDefault,
  list,
  newEvent,
  newPool,
  newQueue,
  postgres,
  queues,
  refused,
  skipped,
  sqlite,
  storesNoDescription,
  storesTemplate,
  turnsReady,
} from './difference.js'
import { added, instead, removed } from './patch.js'
import type { MAPPING_REASONS, STATED_REASONS } from './stated-reasons.js'

// Runs of two pools, by pool and queue.
const first = [
  ['$s', '$b', '$r2'],
  ['$p', '$p.default', '$r3'],
]
const r5 = ['$p', '$a', '$r5']
const r6 = ['$s', '$b', '$r6']
const r4 = ['$s', '$s.default', '$r4']
const r1 = ['$p', '$a', '$r1']

const agentPool = '$pool:default-agent-pool'
const allQueues = ['$q8', '$q3', '$q1', '$q4', '$q0', '$q5', '$q2', `${agentPool}.default`, '$q9', '$q6']

const noLimitOfQueues = "a poll of pools has no limit for each queue: Prefect's API offers none either"
const byStatusOnly = 'workers are read by status only'

/**
 * Every deliberate difference in the recorded scenarios, by its reason. A step that differs and is not here fails; so does one that no
 * longer does.
 */
export const DIFFERENCES: Readonly<
  Record<keyof typeof STATED_REASONS | keyof typeof MAPPING_REASONS, readonly Difference[]>
> = {
  membership: [
    at('get_runs/same_name_other_pool', 5, list(['$r2', '$r1'], ['$r1'])),
    at('get_runs/by_name_not_id', 3, list(['$r1'], ['$r1', '$r2', '$r3'])),
    at('get_runs/by_name_not_id', 4, list(['$r2'], [])),
    at('get_runs/by_name_not_id', 6, list([], ['$r2', '$r3'])),
    at('status/late_and_polled', 7, { result: { late_runs_count: instead(1, 2) } }),
    at('slots/counts_and_holders', 18, { result: instead(5, 4) }),
    at(
      'slots/counts_and_holders',
      24,
      list(holders('$r1', '$r2', '$r3', '$r6', '$r8'), holders('$r1', '$r2', '$r3', '$r8')),
    ),
    at('slots/paused_queue', 11, { result: instead(5, 4) }),
  ],

  priorities: [
    at('update/priority_leaves_equal', 2, queues({ $b: added({ priority: 4 }) })),
    at('update/priority_leaves_equal', 3, queues({ [`${agentPool}.default`]: added({ priority: 2 }) })),
    at('priorities/several', 4, queues({ '$p.default': { priority: instead(2, 3) }, $b: added({ priority: 2 }) })),
    at('priorities/several', 5, queues({ '$p.default': { priority: instead(3, 4) }, $b: added({ priority: 3 }) })),
    at('priorities/several_leave_duplicates', 4, queues({ $b: { priority: instead(3, 4) } })),
    at(
      'priorities/several_leave_duplicates',
      5,
      list(['$p.default', '$c', '$b', '$d'], ['$p.default', '$c', '$d', '$b']),
    ),
  ],

  order: [
    // Runs without a start time come last.
    at('get_runs/null_start_times', 2, list(['$r1', '$r3', '$r4', '$r2'], ['$r4', '$r2', '$r1', '$r3']), sqlite),
    at('get_runs/null_start_times', 4, list(['$r1', '$r3'], ['$r4', '$r2']), sqlite),
    at('get_runs/null_start_times', 5, list(['$r1'], ['$r4']), sqlite),
    at('legacy/null_and_ties', 3, list(['$r3', '$r4', '$r1', '$r2'], ['$r1', '$r2', '$r3', '$r4']), sqlite),
    at('legacy/null_and_ties', 4, list(['$r3', '$r4'], ['$r1', '$r2']), sqlite),
    at('scheduled/null_times', [2, 3], list(inDefault('$r1', '$r3', '$r2'), inDefault('$r3', '$r2', '$r1')), sqlite),
    at('scheduled/null_times', 6, list(inDefault('$r1'), inDefault('$r3')), sqlite),
    // Ties go by id.
    at('get_runs/ties', 3, list(['$r4', '$r3'], ['$r4', '$r1'])),
    at('get_runs/ties', 4, list(['$r4', '$r1', '$r3'], ['$r4', '$r1', '$r2'])),
    at('get_runs/ties_physical_order', 2, list(['$r9'], ['$r1'])),
    at('get_runs/ties_physical_order', 4, list(['$r9'], ['$r1']), sqlite),
    // Several pools are ordered by queue priority.
    at('scheduled/two_pools', [5, 7], list([...first, r5, r6, r4, r1], [...first, r6, r5, r4, r1]), sqlite),
    at('scheduled/two_pools', 8, list([...first, r5], [...first, r6]), sqlite),
    // Running runs of a paused queue occupy slots of the pool.
    at(
      'scheduled/paused_queue_uses_slots',
      8,
      list([...inDefault('$r5'), ['$p', '$a', '$r2']], inDefault('$r5')),
      postgres,
    ),
  ],

  literal: [
    at('read/startswith_wildcards', 10, list(['$q3', '$q4', '$q0', '$q5'], ['$q4'])),
    at('read/startswith_wildcards', 11, list(['$q3', '$q1', '$q4', '$q0', '$q5', '$q6'], [])),
    at('read/startswith_wildcards', 12, list(['$q8'], [])),
    at('read/startswith_wildcards', 13, list(allQueues, [])),
    at('read/startswith_wildcards', 15, list(['$q4'], []), postgres),
    at('read/startswith_wildcards', 16, list(['$q6'], []), postgres),
  ],

  paused: [
    at('create/paused_and_limits', 0, newQueue('$a', 'status', instead('NOT_READY', 'PAUSED'))),
    at('update/created_paused_then_updated', 0, newQueue('$a', 'status', instead('NOT_READY', 'PAUSED'))),
    at('update/created_paused_then_updated', 1, {
      emitted: added(['NOT_READY']),
      ...queues({ $a: { status: added('NOT_READY') } }),
    }),
    at('polls/paused_queue_becomes_ready', 3, queues({ $a: { status: removed('READY') } })),
    at('polls/paused_queue_becomes_ready', 4, {
      emitted: added(['READY']),
      ...queues({ $a: { status: added('READY') } }),
    }),
  ],

  checks: [
    refused('create/invalid_arguments', 4),
    // The refused step has not created the pool, so this one does.
    at('create/invalid_arguments', 9, {
      result: { priority: instead(3, 2) },
      state: {
        work_pool: added({
          [agentPool]: {
            name: 'default-agent-pool',
            type: 'prefect-agent',
            base_job_template: {},
            ...newPool(agentPool),
            created: { $time: 9 },
          },
        }),
        work_queue: {
          [`${agentPool}.default`]: added({ ...defaultQueue(agentPool), created: { $time: 9 } }),
          $j: { priority: instead(3, 2) },
        },
      },
    }),
    refused('create/huge_values', 1, 3),
    // The refused steps have taken no priority.
    at('create/huge_values', 4, newQueue('$e', 'priority', instead(4, 3)), sqlite),
    at('create/huge_values', 5, newQueue('$f', 'priority', instead(5, 4)), sqlite),
    // A description that is null stores '', as in a create.
    at('update/null_fields', 2, storesNoDescription),
    refused('update/null_fields', 3, 4),
    at('update/null_fields_in_pool', 3, storesNoDescription),
    refused('update/null_fields_in_pool', 4, 5),
    refused('update/rename', 4, 5, 6),
    refused('priorities/zero_and_negative', 4, 5),
    // The refused steps have moved nothing.
    at(
      'priorities/zero_and_negative',
      6,
      queues({
        $b: removed({ priority: 2 }),
        $c: removed({ priority: 3 }),
        '$p.default': { priority: instead(4, 2) },
      }),
    ),
    refused('get_runs/negative_limit', 2),
    refused('read/negative_limit_offset', 3, 4),
    refused('pools/pause_resume', 9),
    refused('pools/base_job_template', 6),
  ],

  emptyList: [
    at('read/name_filters', 15, list(allQueues, [])),
    at(
      'scheduled/priorities_on_off',
      13,
      list(
        [
          ...inDefault('$r5'),
          ...['$r2', '$r4', '$r6'].map((run) => ['$p', '$a', run]),
          ...['$r1', '$r3'].map((run) => ['$p', '$b', run]),
        ],
        [],
      ),
    ),
  ],

  template: [
    at(
      'pools/base_job_template',
      1,
      createdPool('$e', { name: 'e', type: 'process', base_job_template: { job_configuration: {}, variables: {} } }, 1),
    ),
    at(
      'pools/base_job_template',
      2,
      createdPool('$c', { name: 'c', type: 'prefect-agent', base_job_template: { foo: 'bar' } }, 2),
    ),
    at('pools/base_job_template', 3, storesTemplate({ x: 1 })),
    at(
      'pools/base_job_template',
      5,
      storesTemplate({ job_configuration: { a: '{{ y }}' }, variables: { properties: { x: {} } } }),
    ),
  ],

  cancelling: [
    // `work_queues.count_work_queue_active_slots` counts by name, and so as many, but other runs.
    at('slots/counts_and_holders', 9, { result: instead(3, 4) }),
    at('slots/counts_and_holders', 11, { result: { by_id: { $a: instead(3, 4) } } }),
    at('slots/paused_queue', 8, { result: instead(3, 4) }),
  ],

  heartbeat: [
    at('pools/pause_resume', 4, turnsReady('$b', 4)),
    at('pools/pause_resume', 5, { emitted: instead([['NOT_READY', 'PAUSED']], [['READY', 'PAUSED']]) }),
    at('pools/delete_cascade', 2, turnsReady('$a', 2, newEvent)),
    at('workers/heartbeat', 1, turnsReady('$p', 1, newEvent)),
    at('workers/filters', 1, turnsReady('$p', 1, newEvent)),
  ],

  noCounterpart: [
    skipped('scheduled/worker_and_queue_limit', [5, 6, 10, 11], noLimitOfQueues),
    skipped('workers/filters', [8, 9, 10], byStatusOnly),
  ],
}
