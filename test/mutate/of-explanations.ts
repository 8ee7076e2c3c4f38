import type { Mutation } from './mutation.js'

/** What explanations and health look at, beside the rules. */
export const ofExplanations: readonly Mutation[] = [
  {
    file: 'src/sql/runs.ts',
    find: '(${keys}) < (select',
    replace: '(${keys}) > (select',
    fails:
      'test/contract/explain/explain-flow-run-slots.test.ts > on SQLite in memory > behind the due runs of its limited queue',
  },
  {
    file: 'src/sql/runs.ts',
    find: 'sql`run.state_name = ${sql.lit(LATE_STATE_NAME)}`',
    replace: "sql`run.state_name <> ${sql.lit('Scheduled')}`",
    fails: 'test/contract/read-work-queue-status.test.ts > on SQLite in memory > late is the state’s name',
  },
  {
    file: 'src/explain/explain-work-queue.ts',
    find: 'and run.next_scheduled_start_time is not null',
    replace: 'and run.next_scheduled_start_time is null',
    fails: 'test/contract/explain/explain-work-queue.test.ts > on SQLite in memory > the next start time is the first',
  },
  {
    file: 'src/explain/count-runs.ts',
    find: 'return decodeInteger(rows[0]?.count)',
    replace: 'return decodeInteger(rows[0]?.count) + 1',
    fails:
      'test/contract/explain/explain-work-queue.test.ts > on SQLite in memory > counts the scheduled, due, late and active',
  },
  {
    file: 'src/slots/slot-holders.ts',
    find: 'state.timestamp >= last.timestamp',
    replace: 'state.timestamp <> last.timestamp',
    fails: 'test/contract/slot-acquired-at.test.ts > on SQLite in memory > the current unbroken occupation',
  },
]
