import type { Mutation } from './mutation.js'

/** Of what upkeep ends and deletes. */
export const ofUpkeep: readonly Mutation[] = [
  {
    file: 'src/upkeep/prune-flow-runs.postgres.ts',
    find: ' and ${isStillEnded}',
    replace: '',
    fails: 'test/contract/prune-beside-others.test.ts > on PostgreSQL > keeps a run that was retried',
  },
  {
    file: 'src/upkeep/prune-flow-runs.postgres.ts',
    find: 'if (!decodeBoolean(first?.isPassedOver)) return idsOf(first)',
    replace: 'if (first) return idsOf(first)',
    fails: 'test/contract/prune-beside-others.test.ts > on PostgreSQL > passes over those, to as many as are asked for',
  },
  {
    file: 'src/upkeep/prune-flow-runs.postgres.ts',
    find: "asked(or(states.map((state) => endedBefore('run', state, parameter))))",
    replace: "or(states.map((state) => endedBefore('run', state, parameter)))",
    fails:
      'test/plans/ended-runs.test.ts > our tables > postgres > statistics absent > pruneFlowRuns of two queues, where',
  },
  {
    file: 'src/upkeep/prune-flow-runs.sqlite.ts',
    find: "await sql`delete from ${tables.flow_run_state} where ${hasAnyId('flow_run_id', gone, dialect)}`.execute(db)",
    replace: '',
    fails: 'test/contract/prune-beside-others.test.ts > on SQLite in memory > leaves nothing of the run behind',
  },
  {
    file: 'src/sql/ended-runs.ts',
    find: "['end_time', 'state_timestamp', 'created']",
    replace: "['end_time', 'state_timestamp']",
    fails: 'test/contract/prune-flow-runs.test.ts > on SQLite in memory > a run that does not say when it ended',
  },
  {
    file: 'src/model/migrations/prune-2026-11-26.ts',
    find: '`(state_type, ${END}, id) where',
    replace: '`(state_type, ${END}, id, updated) where',
    fails: 'test/plans/cheap-updates.test.ts > on PostgreSQL > writes no index entry when it is RUNNING',
  },
  {
    file: 'src/upkeep/prune-workers.ts',
    find: 'worker.last_heartbeat_time < ',
    replace: 'worker.last_heartbeat_time <= ',
    fails: 'test/contract/prune-workers.test.ts > on SQLite in memory > last heard of before the time',
  },
  {
    file: 'src/upkeep/mark-flow-runs-cancelled.ts',
    find: 'run.state_timestamp < ',
    replace: 'run.state_timestamp <= ',
    fails: 'test/contract/mark-flow-runs-cancelled.test.ts > on SQLite in memory > CANCELLING since before the time',
  },
  {
    file: 'src/upkeep/run-upkeep.ts',
    find: 'else if (scope.isTransaction) throw error',
    replace: '',
    fails:
      'test/contract/upkeep-failures.test.ts > on SQLite file in WAL mode > throws the first at once in the host’s transaction',
  },
  {
    file: 'src/upkeep/run-upkeep.ts',
    find: 'scope.isTransaction ? ORDER_OF_LOCKS : ORDER',
    replace: 'ORDER',
    fails: 'test/contract/run-upkeep.test.ts > on SQLite in memory > in the order of locks',
  },
  {
    file: 'src/upkeep/run-upkeep.ts',
    find: 'changed.length < limit',
    replace: 'changed.length <= limit',
    fails: 'test/contract/run-upkeep.test.ts > on SQLite in memory > goes on in batches',
  },
]
