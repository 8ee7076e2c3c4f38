import type { Mutation } from './mutation.js'

/** What keeps calls cheap: indexes; and what takes its test a minute or more. */
export const ofPlans: readonly Mutation[] = [
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
]
