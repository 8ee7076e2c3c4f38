import type { Difference } from '../differences.js'

/** Deliberate differences in scenarios of pools and workers. */
export const POOL_DIFFERENCES: readonly Difference[] = [
  {
    scenario: 'pools/pause_resume',
    step: 4,
    why: 'heartbeat',
    ours: {
      result: true,
      emitted: [['NOT_READY', 'READY']],
      state: {
        work_pool: { $b: { status: 'READY', last_transitioned_status_at: { $time: 4 } } },
        worker: {
          '$b/w': {
            last_heartbeat_time: { $time: 4 },
            heartbeat_interval_seconds: null,
            status: 'ONLINE',
            created: { $time: 4 },
          },
        },
      },
    },
  },
  {
    scenario: 'pools/pause_resume',
    step: 5,
    why: 'heartbeat',
    also: 'so the status before was READY',
    ours: {
      result: true,
      emitted: [['READY', 'PAUSED']],
      state: { work_pool: { $b: { is_paused: true, status: 'PAUSED', last_transitioned_status_at: { $time: 5 } } } },
    },
  },
  { scenario: 'pools/pause_resume', step: 9, why: 'checks', ours: { error: 'InvalidInputError' } },
  {
    scenario: 'pools/base_job_template',
    step: 1,
    why: 'template',
    ours: {
      result: {
        id: '$e',
        name: 'e',
        description: null,
        type: 'process',
        base_job_template: { job_configuration: {}, variables: {} },
        is_paused: false,
        concurrency_limit: null,
        default_queue_id: '$e.default',
        status: 'NOT_READY',
        last_transitioned_status_at: null,
        last_status_event_id: null,
      },
      state: {
        work_pool: {
          $e: {
            name: 'e',
            description: null,
            type: 'process',
            base_job_template: { job_configuration: {}, variables: {} },
            is_paused: false,
            concurrency_limit: null,
            default_queue_id: '$e.default',
            status: 'NOT_READY',
            last_transitioned_status_at: null,
            last_status_event_id: null,
            created: { $time: 1 },
          },
        },
        work_queue: {
          '$e.default': {
            name: 'default',
            description: "The work pool's default queue.",
            is_paused: false,
            concurrency_limit: null,
            priority: 1,
            filter: null,
            last_polled: null,
            status: 'NOT_READY',
            work_pool_id: '$e',
            created: { $time: 1 },
          },
        },
      },
    },
  },
  {
    scenario: 'pools/base_job_template',
    step: 2,
    why: 'template',
    ours: {
      result: {
        id: '$c',
        name: 'c',
        description: null,
        type: 'prefect-agent',
        base_job_template: { foo: 'bar' },
        is_paused: false,
        concurrency_limit: null,
        default_queue_id: '$c.default',
        status: 'NOT_READY',
        last_transitioned_status_at: null,
        last_status_event_id: null,
      },
      state: {
        work_pool: {
          $c: {
            name: 'c',
            description: null,
            type: 'prefect-agent',
            base_job_template: { foo: 'bar' },
            is_paused: false,
            concurrency_limit: null,
            default_queue_id: '$c.default',
            status: 'NOT_READY',
            last_transitioned_status_at: null,
            last_status_event_id: null,
            created: { $time: 2 },
          },
        },
        work_queue: {
          '$c.default': {
            name: 'default',
            description: "The work pool's default queue.",
            is_paused: false,
            concurrency_limit: null,
            priority: 1,
            filter: null,
            last_polled: null,
            status: 'NOT_READY',
            work_pool_id: '$c',
            created: { $time: 2 },
          },
        },
      },
    },
  },
  {
    scenario: 'pools/base_job_template',
    step: 3,
    why: 'template',
    ours: { result: true, state: { work_pool: { $b: { base_job_template: { x: 1 } } } } },
  },
  {
    scenario: 'pools/base_job_template',
    step: 5,
    why: 'template',
    ours: {
      result: true,
      state: {
        work_pool: {
          $b: { base_job_template: { job_configuration: { a: '{{ y }}' }, variables: { properties: { x: {} } } } },
        },
      },
    },
  },
  { scenario: 'pools/base_job_template', step: 6, why: 'checks', ours: { error: 'InvalidInputError' } },
  {
    scenario: 'pools/delete_cascade',
    step: 2,
    why: 'heartbeat',
    ours: {
      result: true,
      emitted: [['NOT_READY', 'READY']],
      state: {
        work_pool: {
          $a: { status: 'READY', last_transitioned_status_at: { $time: 2 }, last_status_event_id: '<uuid>' },
        },
        worker: {
          '$a/w': {
            last_heartbeat_time: { $time: 2 },
            heartbeat_interval_seconds: null,
            status: 'ONLINE',
            created: { $time: 2 },
          },
        },
      },
    },
  },
  {
    scenario: 'workers/heartbeat',
    step: 1,
    why: 'heartbeat',
    ours: {
      result: true,
      emitted: [['NOT_READY', 'READY']],
      state: {
        work_pool: {
          $p: { status: 'READY', last_transitioned_status_at: { $time: 1 }, last_status_event_id: '<uuid>' },
        },
        worker: {
          '$p/w1': {
            last_heartbeat_time: { $time: 1 },
            heartbeat_interval_seconds: null,
            status: 'ONLINE',
            created: { $time: 1 },
          },
        },
      },
    },
  },
  {
    scenario: 'workers/filters',
    step: 1,
    why: 'heartbeat',
    ours: {
      result: true,
      emitted: [['NOT_READY', 'READY']],
      state: {
        work_pool: {
          $p: { status: 'READY', last_transitioned_status_at: { $time: 1 }, last_status_event_id: '<uuid>' },
        },
        worker: {
          '$p/w1': {
            last_heartbeat_time: { $time: 1 },
            heartbeat_interval_seconds: null,
            status: 'ONLINE',
            created: { $time: 1 },
          },
        },
      },
    },
  },
  { scenario: 'workers/filters', step: 8, why: 'noCounterpart', ours: { skipped: 'workers are read by status only' } },
  { scenario: 'workers/filters', step: 9, why: 'noCounterpart', ours: { skipped: 'workers are read by status only' } },
  { scenario: 'workers/filters', step: 10, why: 'noCounterpart', ours: { skipped: 'workers are read by status only' } },
]
