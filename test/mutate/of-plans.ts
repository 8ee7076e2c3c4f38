import type { Mutation } from './mutation.js'

/** What keeps calls cheap: indexes; and what takes its test a minute or more. */
export const ofPlans: readonly Mutation[] = [
  {
    file: 'src/sql/active-runs.ts',
    find: '= sql`order by queue.priority`',
    replace: '= sql``',
    fails: 'test/plans/queues-of-other-pools.test.ts > statistics fresh > getScheduledFlowRuns of a small pool',
  },
  {
    file: 'src/claims/pool-claim.postgres.ts',
    find: '${isLimited} ${ORDER_OF_QUEUES} limit 1',
    replace: '${isLimited}',
    fails:
      'test/plans/queues-of-other-pools.test.ts > statistics fresh > claimScheduledFlowRuns, with another, of a small pool',
  },
  {
    file: 'src/model/migrations/indexes-2026-11-25.ts',
    find: `  { name: 'ix_work_pool__default_queue_id', table: 'work_pool', on: '(default_queue_id)' },
`,
    replace: '',
    fails: 'test/contract/hosts/migrations.test.ts > on SQLite in memory > give each foreign key an index',
  },
  {
    file: 'src/model/migrations/index-statements.ts',
    find: '`create index if not exists {${name}} on',
    replace: '`create index {${name}} on',
    fails: 'test/contract/hosts/prefect-databases.test.ts > SQLite > as they are where an operator has built',
  },
  {
    file: 'src/model/migrations/indexes-2026-11-25.ts',
    find: `  { name: 'ix_worker__online', table: 'worker', on: "(work_pool_id, id) where status = 'ONLINE'" },
`,
    replace: '',
    fails: 'test/plans/upkeep.test.ts > our tables > sqlite > markWorkersOffline',
  },
  {
    file: 'src/model/json.ts',
    find: 'return (at - first) % 2 === 1',
    replace: "return json[at - 1] === '\\\\'",
    fails: 'test/unit/json.test.ts > as Python spells it',
  },
  {
    file: 'src/model/migrations/indexes-2026-11-24.ts',
    find: `  {
    name: 'ix_flow_run__late_by_queue_id',
    table: 'flow_run',
    on: "(work_queue_id) where state_name = 'Late' and work_queue_id is not null",
  },
`,
    replace: '',
    fails: 'test/plans/our-tables.test.ts > statistics absent > readWorkQueueStatus',
  },
  {
    file: 'src/sql/active-runs.ts',
    find: "if (dialect === 'sqlite') return sql`${queues} cross join",
    replace: 'if (upTo !== null) return sql`${queues} cross join',
    fails: 'test/plans/our-tables.test.ts > statistics fresh > getScheduledFlowRuns',
  },
  {
    file: 'src/sql/runs.ts',
    find: "${indexed} and not (${isOneOf('run.state_type', others)})`",
    replace: "${indexed} and ${isOneOf('run.state_type', states)}`",
    fails: 'test/plans/our-tables.test.ts > getScheduledFlowRuns of a pool that is far more than full',
  },
  {
    file: 'src/sql/lists.ts',
    find: 'return asked(sql`${sql.ref(column)} in (${idRows(value, dialect)})`)',
    replace: 'return isInIdList(column, { value, size: "few" }, dialect)',
    fails: 'test/plans/products.test.ts > on postgres > releaseStaleClaims of queues',
  },
  {
    file: 'src/sql/active-runs.ts',
    find: 'const slots = { ...CLAIM_SLOTS, byName }',
    replace: 'const slots = { ...POOL_POLL_SLOTS, byName }',
    fails: 'test/concurrency/processes.test.ts > on PostgreSQL at read committed',
  },
]
