import type { WorkPoolStats } from './read-work-pool-stats.js'
import type { WorkQueueStats } from './read-work-queue-stats.js'

type Stats = WorkQueueStats | WorkPoolStats

interface Metric<S extends Stats> {
  readonly name: string
  readonly help: string
  /** `null`: no sample. */
  readonly value: (stats: S) => number | null
}

/**
 * Writes figures as text for Prometheus (exposition format 0.0.4, which OpenMetrics collectors read too):
 * gauges, labelled with the names of pool and queue. What is `null` has no sample. Times are seconds since
 * 1970, so that `time() - ...` is an age.
 *
 * @param stats - Rows of {@link readWorkQueueStats}, of {@link readWorkPoolStats}, or of both.
 *
 * @example
 * ```ts
 * const text = formatPrometheus([...(await readWorkPoolStats(db)), ...(await readWorkQueueStats(db))])
 * // work_pool_startable_runs{work_pool="etl"} 3
 * // work_queue_startable_runs{work_pool="etl",work_queue="nightly"} 3
 * ```
 */
export function formatPrometheus(stats: readonly (WorkQueueStats | WorkPoolStats)[]): string {
  const queues = stats.filter(isOfQueue)
  const pools = stats.filter((row): row is WorkPoolStats => !isOfQueue(row))
  return [
    ...format('work_pool', [...common<WorkPoolStats>(), ...ofPools], pools),
    ...format('work_queue', [...common<WorkQueueStats>(), ...ofQueues], queues),
  ].join('')
}

function isOfQueue(stats: Stats): stats is WorkQueueStats {
  return 'workQueueId' in stats
}

/** What both have. */
function common<S extends Stats>(): Metric<S>[] {
  return [
    { name: 'startable_runs', help: 'Runs that a claim would take now, up to the cap.', value: (s) => s.startable },
    { name: 'due_runs', help: 'Runs that are due, up to the cap.', value: (s) => s.due },
    { name: 'late_runs', help: 'Runs that are late, up to the cap.', value: (s) => s.late },
    { name: 'scheduled_runs', help: 'Runs that are scheduled, up to the cap.', value: (s) => s.scheduled },
    { name: 'active_runs', help: 'Runs that occupy slots.', value: (s) => s.active },
    { name: 'open_slots', help: 'Slots that are open, with a limit.', value: (s) => s.openSlots },
    { name: 'concurrency_limit', help: 'The concurrency limit, if any.', value: (s) => s.concurrencyLimit },
    { name: 'paused', help: 'Whether it is paused.', value: (s) => Number(s.isPaused) },
    { name: 'ready', help: 'Whether its status is READY.', value: (s) => Number(s.status === 'READY') },
    {
      name: 'oldest_due_timestamp_seconds',
      help: 'The start time of the run that is due longest.',
      value: (s) => seconds(s.oldestDueTime),
    },
    {
      name: 'next_start_timestamp_seconds',
      help: 'The earliest start time of a scheduled run.',
      value: (s) => seconds(s.nextStartTime),
    },
  ]
}

const ofPools: readonly Metric<WorkPoolStats>[] = [
  { name: 'workers_online', help: 'Workers that are online.', value: (s) => s.workersOnline },
]

const ofQueues: readonly Metric<WorkQueueStats>[] = [
  {
    name: 'last_polled_timestamp_seconds',
    help: 'When the queue was last polled.',
    value: (s) => seconds(s.lastPolled),
  },
]

/** The lines of all metrics of one kind, those of a metric together, as the format has it. */
function format<S extends Stats>(prefix: string, metrics: readonly Metric<S>[], stats: readonly S[]): string[] {
  if (stats.length === 0) return []
  return metrics.flatMap(({ name, help, value }) => {
    const samples = stats.flatMap((row) => {
      const sample = value(row)
      return sample === null ? [] : [`${prefix}_${name}{${labelsOf(row)}} ${sample}\n`]
    })
    const head = `# HELP ${prefix}_${name} ${help}\n# TYPE ${prefix}_${name} gauge\n`
    return samples.length === 0 ? [] : [head, ...samples]
  })
}

function labelsOf(stats: Stats): string {
  const pool = `work_pool="${escape(stats.workPoolName)}"`
  return isOfQueue(stats) ? `${pool},work_queue="${escape(stats.workQueueName)}"` : pool
}

/** A label's value: a backslash, a quote and a line feed are the three that are escaped. */
function escape(value: string): string {
  return value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')
}

function seconds(time: Date | null): number | null {
  return time === null ? null : time.getTime() / 1000
}
