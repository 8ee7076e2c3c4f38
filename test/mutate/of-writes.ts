import type { Mutation } from './mutation.js'

/** What is written, and when: history, the clock, statuses, what is reported. */
export const ofWrites: readonly Mutation[] = [
  {
    file: 'src/flow-runs/change-states.ts',
    find: 'if (!isOfType || (expected.get(id) ?? stateId) !== stateId) continue',
    replace: 'if (!isOfType) continue',
    fails:
      'test/contract/hosts/unreadable-runs-left-alone.test.ts > on SQLite in memory > stops no change of states that does not find it as expected',
  },
  {
    file: 'src/sql/clock.ts',
    find: 'sql`max(${wanted}, coalesce((',
    replace: 'sql`coalesce(${wanted}, coalesce((',
    fails: 'test/contract/history.test.ts > on SQLite in memory > whatever clocks say',
  },
  {
    file: 'src/sql/clock.ts',
    find: "substr(known.time, 24) = '999'",
    replace: "substr(known.time, 24) = '1000'",
    fails:
      'test/contract/set-flow-run-state.test.ts > on SQLite in memory > the microseconds of one millisecond have been used up',
  },
  {
    file: 'src/sql/clock.ts',
    find: "sql`max(${time}, coalesce(${normalized(stored)}, ''))`",
    replace: 'time',
    fails: 'test/contract/record-work-queue-polls.test.ts > on SQLite in memory > never sets an earlier time',
  },
  {
    file: 'src/work-queues/emit-each.ts',
    find: 'errors.push(error)',
    replace: 'throw error',
    fails:
      'test/contract/mark-work-queues-not-ready.test.ts > on SQLite in memory > a report that fails keeps no other',
  },
  {
    file: 'src/work-queues/update-work-queue.ts',
    find: 'if (updated.statusChanged) await',
    replace: 'await',
    fails: 'test/contract/update-work-queue-status.test.ts > on SQLite in memory > leaves it',
  },
  {
    file: 'src/work-queues/ensure-work-queue-exists.ts',
    find: 'workPoolId, { name: queueName }, now',
    replace: 'workPoolId, { name: queueName, priority: 1 }, now',
    fails: 'test/contract/ensure-work-queue-exists.test.ts > on SQLite in memory > takes the first free priority',
  },
  {
    file: 'src/work-pools/ensure-work-pool-exists.ts',
    find: ': { workPool: ensured.found, created: false }',
    replace: ': { workPool: ensured.found, created: true }',
    fails: 'test/concurrency/races-of-queues.test.ts > at read committed > ensure and ensure of a pool',
  },
  {
    file: 'src/work-queues/delete-work-queue.ts',
    find: 'if (pool.defaultQueueId === workQueueId) throw new DefaultWorkQueueError(workQueueId)',
    replace: '',
    fails:
      'test/contract/delete-work-queue.test.ts > deleteWorkQueue > on SQLite in memory > default queue is protected',
  },
  {
    file: 'src/work-queues/delete-work-queue.ts',
    find: "await db.updateTable('flow_run').set({ work_queue_id: null })",
    replace: "await db.updateTable('flow_run').set({ work_queue_id: workQueueId })",
    fails: 'test/contract/delete-work-queue.test.ts > not enforced > on SQLite in memory > its runs keep existing',
  },
  {
    file: 'src/work-queues/delete-work-queue.ts',
    find: 'or(membership(tables, sql`${workQueueId}`))',
    replace: 'byId',
    fails:
      'test/contract/delete-work-queue-waiting-runs.test.ts > on SQLite in memory > moveTo: those of a queue of the default',
  },
  {
    file: 'src/flow-runs/runs-of-queues.ts',
    find: '${isScheduled} order by run.id',
    replace: "run.state_type <> 'COMPLETED' order by run.id",
    fails:
      'test/contract/delete-work-queue-waiting-runs.test.ts > on SQLite in memory > cancel: those of a queue of another',
  },
  {
    file: 'src/work-queues/record-work-queue-polls.ts',
    find: 'and not queue.is_paused then',
    replace: 'then',
    fails: 'test/contract/record-work-queue-polls.test.ts > on SQLite in memory > a paused queue does not become READY',
  },
  {
    file: 'src/work-queues/record-work-queue-polls.ts',
    find: " and queue.status <> 'READY' and not queue.is_paused",
    replace: ' and not queue.is_paused',
    fails: 'test/contract/record-work-queue-polls.test.ts > on SQLite in memory > turned READY, by id',
  },
  {
    file: 'src/work-queues/record-work-queue-polls.ts',
    find: 'if (!isTold && (ids.length === 1',
    replace: 'if ((ids.length === 1',
    fails: 'test/contract/record-work-queue-polls.test.ts > on SQLite in memory > of one queue, reports',
  },
  {
    file: 'src/work-pools/insert-or-find-work-pool.ts',
    find: 'for (let attempt = 1; attempt <= MOST_ATTEMPTS; attempt++) {',
    replace: 'for (;;) {',
    fails: 'test/concurrency/undoing-hosts.test.ts > no loop without a condition',
  },
  {
    file: 'src/claims/release-stale-claims.ts',
    find: 'run.state_timestamp < ',
    replace: 'run.state_timestamp <= ',
    fails: 'test/contract/release-stale-claims.test.ts > on SQLite in memory > PENDING since before the time',
  },
  {
    file: 'src/sql/clock.ts',
    find: "case when ${time} < ${LAST_MOMENT} then ${time} + interval '1 microsecond' end",
    replace: 'cast(null as timestamptz)',
    fails: 'test/contract/history.test.ts > on PostgreSQL > whatever clocks say',
  },
  {
    file: 'src/flow-runs/change-states.postgres.ts',
    find: '${momentAfterHistory(scope, sql`run.id`)}, ',
    replace: '',
    fails: 'test/contract/history.test.ts > on PostgreSQL > any number of states may have one time',
  },
  {
    file: 'src/flow-runs/change-states.ts',
    find: 'message === first.message &&',
    replace: '',
    fails: 'test/contract/set-flow-run-states-that-differ.test.ts > on PostgreSQL > another',
  },
  {
    file: 'src/sql/enter-state-in-sql.ts',
    find: 'if (type !== undefined) return cases.find(([types]) => types.includes(type))?.[1] ?? otherwise ?? NO_TIME',
    replace: 'if (type !== undefined) return cases[0]?.[1] ?? otherwise',
    fails: 'test/contract/enter-state-in-sql.test.ts > on PostgreSQL > of many runs alike',
  },
  {
    file: 'src/sql/enter-state-in-sql.ts',
    find: "`when ${isOneOf('entered.type', types)} then ${value}`",
    replace: "`when ${isOneOf('entered.type', [types[0]])} then ${value}`",
    fails: 'test/contract/enter-state-in-sql.test.ts > on PostgreSQL > of many runs that differ',
  },
  {
    file: 'src/sql/clock.ts',
    find: '? sql`greatest(${stored}, ${time})`',
    replace: '? time',
    fails: 'test/contract/record-work-queue-polls.test.ts > on PostgreSQL > never sets an earlier time',
  },
  {
    file: 'src/sql/clock.ts',
    find: "sql`date_trunc('milliseconds', clock_timestamp())`",
    replace: "sql`date_trunc('milliseconds', statement_timestamp())`",
    fails: 'test/contract/hosts/clock.test.ts > on PostgreSQL > is read after a lock that is waited for',
  },
  {
    file: 'src/sql/clock.ts',
    find: "? sql`date_trunc('milliseconds', statement_timestamp())`",
    replace: '? givenTime(now, dialect)',
    fails: 'test/contract/hosts/clock.test.ts > on PostgreSQL > an hour ahead is not what createWorkPool goes by',
  },
  {
    file: 'src/work-pools/delete-work-pool.ts',
    find: "await db.deleteFrom('worker').where('work_pool_id', '=', workPoolId).execute()",
    replace: '',
    fails:
      'test/contract/hosts/host-foreign-keys.test.ts > enforces no foreign keys > deleteWorkPool leaves the same rows',
  },
]
