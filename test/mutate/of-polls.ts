import type { Mutation } from './mutation.js'

/** What polls and counts go by. */
export const ofPolls: readonly Mutation[] = [
  {
    file: 'src/flow-runs/read-flow-runs.ts',
    find: 'asc nulls last, run.id asc',
    replace: 'asc, run.id asc',
    fails: 'test/contract/read-flow-runs-in-order.test.ts > on SQLite in memory > by endTime: nulls last',
  },
  {
    file: 'src/flow-runs/read-flow-runs.ts',
    find: '{ conditions: [sql`${time} is null`], order: sql`run.id asc` },',
    replace: '',
    fails: 'test/contract/read-flow-runs-in-order.test.ts > on PostgreSQL > by endTime: nulls last',
  },
  {
    file: 'src/flow-runs/read-flow-runs.ts',
    find: 'limit + offset',
    replace: 'limit',
    fails: 'test/contract/read-flow-runs-in-order.test.ts > on PostgreSQL > takes a filter, of a queue’s own runs',
  },
  {
    file: 'src/sql/filters.ts',
    find: "|| filter.operator === 'or'",
    replace: '',
    fails: 'test/contract/membership/read-flow-runs-of-a-queue.test.ts > on SQLite in memory > with other criteria',
  },
  {
    file: 'src/flow-runs/read-flow-run-states.ts',
    find: 'order by state.timestamp asc',
    replace: 'order by state.id asc',
    fails: 'test/contract/read-flow-run-states.test.ts > on SQLite in memory > whatever the order of the rows',
  },
  {
    file: 'src/sql/runs.ts',
    find: 'sql`run.work_queue_id is null and run.work_queue_name = ${name}`',
    replace: 'sql`run.work_queue_name = ${name}`',
    fails: 'test/contract/get-runs-in-work-queue.test.ts > on SQLite in memory > a run belongs to a queue by',
  },
  {
    file: 'src/sql/runs.ts',
    find: '= ${sql.lit(DEFAULT_AGENT_WORK_POOL_NAME)}',
    replace: 'is not null',
    fails: 'test/contract/membership/membership.test.ts > on SQLite in memory > in the default agent pool alone',
  },
  {
    file: 'src/sql/runs.ts',
    find: 'return [isMemberById(queueId), isMemberByName(name)]',
    replace: 'return [isMemberById(queueId)]',
    fails: 'test/contract/get-runs-in-work-queue.test.ts > on SQLite in memory > a run belongs to a queue by',
  },
  {
    file: 'src/sql/runs.ts',
    find: 'sql`run.work_queue_id = ${queueId}`',
    replace: 'sql`run.work_queue_id >= ${queueId}`',
    fails:
      'test/contract/get-runs-in-work-queue.test.ts > on SQLite in memory > slots are those of the queue’s own runs',
  },
  {
    file: 'src/sql/runs.ts',
    find: "<> 'null'`",
    replace: 'is not null`',
    fails: 'test/contract/hosts/json-null.test.ts > on SQLite in memory > as a queue’s filter is no filter',
  },
  {
    file: 'src/sql/runs.ts',
    find: 'run.next_scheduled_start_time <= ${scheduledBefore}',
    replace: 'run.next_scheduled_start_time < ${scheduledBefore}',
    fails: 'test/contract/get-runs-in-work-queue.test.ts > on SQLite in memory > scheduledBefore is inclusive',
  },
  {
    file: 'src/sql/runs.ts',
    find: `  { key: sql\`run.next_scheduled_start_time\`, direction: sql\`asc nulls last\` },
`,
    replace: '',
    fails: 'test/contract/get-runs-in-work-queue.test.ts > on SQLite in memory > orders by start time',
  },
  {
    file: 'src/sql/runs.ts',
    find: 'asc nulls last',
    replace: 'asc nulls first',
    fails: 'test/contract/get-runs-in-work-queue.test.ts > on SQLite in memory > orders by start time',
  },
  {
    file: 'src/sql/runs.ts',
    find: '{ key: sql`run.next_scheduled_start_time`, direction: sql`asc',
    replace: '{ key: sql`run.next_scheduled_start_time`, direction: sql`desc',
    fails: 'test/contract/claim-runs-in-work-queue.test.ts > on SQLite in memory > takes runs by start time',
  },
  {
    file: 'src/sql/runs.ts',
    find: '{ key: sql`run.id`, direction: sql`asc` }',
    replace: '{ key: sql`run.id`, direction: sql`desc` }',
    fails: 'test/contract/get-runs-in-work-queue.test.ts > on SQLite in memory > orders by start time',
  },
  {
    file: 'src/sql/runs.ts',
    find: "<> 'in_process'`",
    replace: "<> 'elsewhere'`",
    fails: 'test/contract/get-scheduled-flow-runs.test.ts > on SQLite in memory > a retry inside their process',
  },
  {
    file: 'src/sql/active-runs.ts',
    find: 'byName ? membership(scope.tables, sql`queue.id`) : [isMemberById(sql`queue.id`)]',
    replace: 'membership(scope.tables, sql`queue.id`)',
    fails:
      'test/contract/get-scheduled-flow-runs-limits.test.ts > on SQLite in memory > slots of the queue of its queue id',
  },
  {
    file: 'src/polls/queue-poll-text.ts',
    find: 'case when queue.is_paused or ${hasFilter',
    replace: 'case when ${hasFilter',
    fails: 'test/contract/get-runs-in-work-queue.test.ts > on SQLite in memory > a paused queue hands out nothing',
  },
  {
    file: 'src/sql/active-runs.ts',
    find: 'sql`max(0, min(${all}))`',
    replace: 'sql`min(${all})`',
    fails: 'test/contract/get-runs-in-work-queue.test.ts > on SQLite in memory > or one that is exceeded already',
  },
  {
    file: 'src/polls/pool-poll.sqlite.ts',
    find: '[sql`not pool.is_paused`, ...',
    replace: '[...',
    fails:
      'test/contract/get-scheduled-flow-runs-selection.test.ts > on SQLite in memory > are not those that are paused',
  },
  {
    file: 'src/polls/pool-poll-parts.ts',
    find: 'respectQueuePriorities ? sql`queue.priority` : sql`1`',
    replace: 'sql`1`',
    fails:
      'test/contract/get-scheduled-flow-runs-limits.test.ts > on SQLite in memory > in the order of their priorities',
  },
  {
    file: 'src/polls/pool-poll-parts.ts',
    find: 'run.next_scheduled_start_time >= ${scheduledAfter}',
    replace: 'run.next_scheduled_start_time > ${scheduledAfter}',
    fails:
      'test/contract/get-scheduled-flow-runs.test.ts > on SQLite in memory > scheduledBefore and scheduledAfter are inclusive',
  },
  {
    file: 'src/polls/pool-poll.sqlite.ts',
    find: 'walk.allowed - json_array_length(walk.ids)',
    replace: 'walk.allowed',
    fails: 'test/contract/get-scheduled-flow-runs-limits.test.ts > on SQLite in memory > open slots go to the queues',
  },
  {
    file: 'src/sql/filters.ts',
    find: 'deploymentIds === null ? sql`run.deployment_id is not null`',
    replace: 'deploymentIds === null ? sql`1 = 1`',
    fails: 'test/contract/get-runs-in-filter-queue.test.ts > on SQLite in memory > takes only runs of a deployment',
  },
]
