import { formatPrometheus, type WorkPoolStats, type WorkQueueStats } from 'kysely-work-queues'
import { expect, test } from 'vitest'

const figures = {
  due: 5,
  late: 1,
  scheduled: 9,
  active: 2,
  openSlots: 3,
  startable: 3,
  oldestDueTime: new Date('2035-01-01T00:00:00.250Z'),
  nextStartTime: new Date('2035-01-01T00:00:00.250Z'),
}
const queue: WorkQueueStats = {
  workQueueId: '1',
  workQueueName: 'nightly',
  workPoolId: '2',
  workPoolName: 'etl',
  priority: 1,
  isPaused: false,
  status: 'READY',
  concurrencyLimit: 5,
  lastPolled: new Date('2035-01-01T00:00:01Z'),
  ...figures,
}
const pool: WorkPoolStats = {
  workPoolId: '2',
  workPoolName: 'etl',
  isPaused: true,
  status: 'PAUSED',
  concurrencyLimit: null,
  ...figures,
  openSlots: null,
  startable: 0,
  workersOnline: 4,
}

/** The samples, by metric and labels. */
function samplesOf(text: string): Record<string, number> {
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'))
  return Object.fromEntries(
    lines.map((line) => {
      const [, name = line, value = ''] = /^(\S+) (\S+)$/.exec(line) ?? []
      return [name, Number(value)]
    }),
  )
}

test('every figure of a queue is a gauge under the names of pool and queue', () => {
  expect(samplesOf(formatPrometheus([queue]))).toEqual({
    'work_queue_startable_runs{work_pool="etl",work_queue="nightly"}': 3,
    'work_queue_due_runs{work_pool="etl",work_queue="nightly"}': 5,
    'work_queue_late_runs{work_pool="etl",work_queue="nightly"}': 1,
    'work_queue_scheduled_runs{work_pool="etl",work_queue="nightly"}': 9,
    'work_queue_active_runs{work_pool="etl",work_queue="nightly"}': 2,
    'work_queue_open_slots{work_pool="etl",work_queue="nightly"}': 3,
    'work_queue_concurrency_limit{work_pool="etl",work_queue="nightly"}': 5,
    'work_queue_paused{work_pool="etl",work_queue="nightly"}': 0,
    'work_queue_ready{work_pool="etl",work_queue="nightly"}': 1,
    'work_queue_oldest_due_timestamp_seconds{work_pool="etl",work_queue="nightly"}': 2051222400.25,
    'work_queue_next_start_timestamp_seconds{work_pool="etl",work_queue="nightly"}': 2051222400.25,
    'work_queue_last_polled_timestamp_seconds{work_pool="etl",work_queue="nightly"}': 2051222401,
  })
})

test('a pool has its own, and what is null has no sample', () => {
  expect(samplesOf(formatPrometheus([{ ...pool, oldestDueTime: null }]))).toEqual({
    'work_pool_startable_runs{work_pool="etl"}': 0,
    'work_pool_due_runs{work_pool="etl"}': 5,
    'work_pool_late_runs{work_pool="etl"}': 1,
    'work_pool_scheduled_runs{work_pool="etl"}': 9,
    'work_pool_active_runs{work_pool="etl"}': 2,
    'work_pool_paused{work_pool="etl"}': 1,
    'work_pool_ready{work_pool="etl"}': 0,
    'work_pool_next_start_timestamp_seconds{work_pool="etl"}': 2051222400.25,
    'work_pool_workers_online{work_pool="etl"}': 4,
  })
})

test('the samples of a metric stand together, below its help and its type', () => {
  const text = formatPrometheus([queue, pool, { ...queue, workQueueName: 'hourly', startable: 0 }])
  expect(text).toContain(`# HELP work_queue_startable_runs Runs that a claim would take now, up to the cap.
# TYPE work_queue_startable_runs gauge
work_queue_startable_runs{work_pool="etl",work_queue="nightly"} 3
work_queue_startable_runs{work_pool="etl",work_queue="hourly"} 0
# HELP work_queue_due_runs`)
  expect(text.endsWith('\n')).toBe(true)
  const heads = text.match(/^# TYPE .*/gm) ?? []
  expect(new Set(heads).size).toBe(heads.length)
})

test('a backslash, a quote and a line feed in a name are escaped, and nothing else', () => {
  const odd = { ...pool, workPoolName: 'a\\n"b"\n{c=,d} é' }
  expect(formatPrometheus([odd])).toContain('work_pool_active_runs{work_pool="a\\\\n\\"b\\"\\n{c=,d} é"} 2\n')
})

test('nothing is written of nothing', () => {
  expect(formatPrometheus([])).toBe('')
})
