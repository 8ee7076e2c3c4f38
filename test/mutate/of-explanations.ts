import type { Mutation } from './mutation.js'

/** What explanations and health look at, beside the rules. */
export const ofExplanations: readonly Mutation[] = [
  {
    file: 'src/rules/judge-flow-run.ts',
    find: "by === 'claim' ? Math.min(queue.openSlots, pool.openSlots) : queue.openSlots",
    replace: 'queue.openSlots',
    fails: 'test/unit/judge-flow-run.test.ts > no more than the pool has open slots',
  },
  {
    file: 'src/rules/judge-flow-run.ts',
    find: "by === 'claim' || isPolledByPool",
    replace: 'isPolledByPool',
    fails: 'test/unit/judge-flow-run.test.ts > keeps the pause and the limit of the pool',
  },
  {
    file: 'src/sql/active-runs.ts',
    find: "by === 'claim' ? CLAIM_SLOTS : POOL_POLL_SLOTS",
    replace: 'POOL_POLL_SLOTS',
    fails: 'test/contract/explain/explain-by-claim.test.ts > on SQLite in memory > keeps a slot of the pool for claims',
  },
  {
    file: 'src/explain/read-facts.ts',
    find: '[isClaim ? and([isSelected, isOfNoOtherLimit(tables, queue.id)]) : isSelected]',
    replace: '[isSelected]',
    fails: 'test/contract/explain/explain-by-claim.test.ts > on SQLite in memory > a claim by a tag filter passes over',
  },
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
