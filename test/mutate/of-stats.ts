import type { Mutation } from './mutation.js'

/** What figures are counted by. */
export const ofStats: readonly Mutation[] = [
  {
    file: 'src/stats/queue-stats-text.ts',
    find: 'case when queue.is_paused then 0 else ${open} end',
    replace: '${open}',
    fails: 'test/contract/stats/read-work-queue-stats.test.ts > on SQLite in memory > a paused queue, and a queue',
  },
  {
    file: 'src/stats/queue-stats-text.ts',
    find: 'case when pool.is_paused then 0 else ${room} end as room',
    replace: '${room} as room',
    fails: 'test/contract/stats/read-work-queue-stats.test.ts > on SQLite in memory > a paused queue, and a queue',
  },
  {
    file: 'src/stats/queue-stats-text.ts',
    find: 'mayStart(scope.dialect, cap, [poolLimit(scope, CLAIM_SLOTS)])',
    replace: 'mayStart(scope.dialect, cap, [])',
    fails: 'test/contract/stats/read-work-queue-stats.test.ts > on SQLite in memory > the pool’s limit holds back',
  },
  {
    file: 'src/stats/queue-stats-text.ts',
    find: 'case when pool.takes_names then queue.name end as taken_name',
    replace: 'queue.name as taken_name',
    fails: 'test/contract/stats/read-work-queue-stats.test.ts > on SQLite in memory > and to no namesake',
  },
  {
    file: 'src/stats/pool-stats-text.ts',
    find: 'candidate.key < open.value',
    replace: 'candidate.key <= open.value',
    fails: 'test/contract/stats/read-work-pool-stats.test.ts > on SQLite in memory > startable is within the limits',
  },
  {
    file: 'src/stats/pool-stats-text.ts',
    find: 'limit pool.room',
    replace: 'limit ${cap}',
    fails: 'test/contract/stats/read-work-pool-stats.test.ts > on PostgreSQL > startable is within the limits',
  },
  {
    file: 'src/stats/count-up-to.ts',
    find: 'return leastOf(dialect, [cap, sql.join(counts, sql` + `)])',
    replace: 'return sql`(${sql.join(counts, sql` + `)})`',
    fails: 'test/contract/stats/read-work-queue-stats.test.ts > on SQLite in memory > counts end at the cap',
  },
  {
    file: 'src/stats/run-figures.ts',
    find: 'decodeBoolean(row.isFirstDue) ? nextStartTime : null',
    replace: 'nextStartTime',
    fails:
      'test/contract/stats/read-work-queue-stats.test.ts > on SQLite in memory > what starts later is the next start',
  },
  {
    file: 'src/stats/read-next-start-time.ts',
    find: ' and not pool.is_paused',
    replace: '',
    fails: 'test/contract/stats/read-next-start-time.test.ts > on SQLite in memory > paused queues and queues',
  },
  {
    file: 'src/stats/format-prometheus.ts',
    find: ".replaceAll('\"', '\\\\\"')",
    replace: '',
    fails: 'test/unit/format-prometheus.test.ts > a backslash, a quote',
  },
]
