import type { Mutation } from './mutation.js'

/** Locks and gates, and what is looked up anew under them. */
export const ofLocks: readonly Mutation[] = [
  {
    file: 'src/claims/pool-claim.postgres.ts',
    find: 'sql`for key share of queue, pool`',
    replace: 'sql`for share of queue, pool`',
    fails: 'test/concurrency/waiting.test.ts > of a pool: nobody waits for it who gives no limit',
  },
  {
    file: 'src/claims/pool-claim.postgres.ts',
    find: '${passGates(asked)}',
    replace: 'select 1 as passed',
    fails: 'test/concurrency/waiting.test.ts > of a pool: limits, new names and deletes wait for it',
  },
  {
    file: 'src/locks.ts',
    find: "${needsGate}`)) return await lock('delete')",
    replace: "${needsGate}`)) return await lock('update')",
    fails:
      'test/concurrency/races-of-locks.test.ts > on PostgreSQL > a limit given to a pool, between a look and a claim',
  },
  {
    file: 'src/locks.ts',
    find: 'if (!needsGateNow(locked))',
    replace: 'if (locked !== null)',
    fails: 'test/concurrency/waiting.test.ts > a limit given just after another was taken away',
  },
  {
    file: 'src/locks.ts',
    find: 'update ${tables[table]} as owner set name = owner.name where ${ids.length > 1 ? isOwner : isNext}',
    replace: 'select 1 from ${tables[table]} as owner where ${ids.length > 1 ? isOwner : isNext} for no key update',
    fails:
      'test/concurrency/races-of-claims.test.ts > at repeatable read > two claims of one slot of a pool, by queue and over pools',
  },
  {
    file: 'src/claims/queue-claim.postgres.ts',
    find: ' and ${passesGate(sql`queue.work_pool_id`)}',
    replace: '',
    fails: 'test/concurrency/waiting.test.ts > of a queue: limits, new names and deletes wait for it',
  },
  {
    file: 'src/claims/queue-claim.postgres.ts',
    find: `      for key share
    ),`,
    replace: '    ),',
    fails: 'test/concurrency/waiting.test.ts > of a queue: limits, new names and deletes wait for it',
  },
  {
    file: 'src/claims/queue-claim.postgres.ts',
    find: `      update \${tables.work_pool} as pool set name = pool.name
      where pool.id = \${claim.workPoolId} \${share}
      returning \${columns}\``,
    replace: `      select \${columns} from \${tables.work_pool} as pool
      where pool.id = \${claim.workPoolId} \${share}
      for no key update\``,
    fails:
      'test/concurrency/races-of-claims.test.ts > at repeatable read > two claims of one slot of a pool, by two queues',
  },
  {
    file: 'src/claims/queue-claim.postgres.ts',
    find: 'locks ? sql`for update skip locked` : sql``',
    replace: 'sql``',
    fails:
      'test/concurrency/races-of-claims.test.ts > at read committed > claim and give a limit to an unlimited queue',
  },
  {
    file: 'src/polls/queue-poll.postgres.ts',
    find: 'lock: sql`for update skip locked`',
    replace: 'lock: sql``',
    fails: 'test/contract/get-runs-locks.test.ts > on PostgreSQL > the second transaction gets the runs that come next',
  },
  {
    file: 'src/polls/filter-queue-poll.ts',
    find: "lock && dialect === 'postgres' ? sql`for update skip locked` : sql``",
    replace: 'sql``',
    fails: 'test/contract/get-runs-locks.test.ts > on PostgreSQL > the runs of a queue with a tag filter are locked',
  },
  {
    file: 'src/upkeep/mark-late-flow-runs.ts',
    find: "dialect === 'postgres' ? sql`for no key update skip locked` : sql``",
    replace: 'sql``',
    fails: 'test/concurrency/races-of-claims.test.ts > at read committed > claim and a mark for being late',
  },
  {
    file: 'src/claims/release-stale-claims.ts',
    find: "dialect === 'postgres' ? sql`for no key update skip locked` : sql``",
    replace: 'sql``',
    fails: 'test/concurrency/races-of-claims.test.ts > at read committed > release, release and the start of a run',
  },
  {
    file: 'src/flow-runs/lock-queues.ts',
    find: "dialect === 'postgres' ? sql`for key share` : sql``",
    replace: 'sql``',
    fails: 'test/concurrency/races-of-queues.test.ts > at read committed > delete and create of runs',
  },
  {
    file: 'src/work-pools/insert-work-pool.ts',
    find: `    .onConflict((conflict) => conflict.column('name').doNothing())
`,
    replace: '',
    fails: 'test/concurrency/races-of-queues.test.ts > at read committed > create and create, with no default pool yet',
  },
  {
    file: 'src/work-queues/insert-work-queue.ts',
    find: `    .onConflict((conflict) => conflict.columns(['work_pool_id', 'name']).doNothing())
`,
    replace: '',
    fails: 'test/concurrency/races-of-queues.test.ts > on SQLite > create and create of one name',
  },
  {
    file: 'src/work-queues/create-work-queue.ts',
    find: 'await lockWorkPool(scope, sql`id = ${resolution.workPoolId}`)',
    replace: '{ id: resolution.workPoolId }',
    fails: 'test/concurrency/races-of-queues.test.ts > at read committed > create and create, both with priority 1',
  },
  {
    file: 'src/work-queues/ensure-work-queue-exists.ts',
    find: 'return ensured ?? (await',
    replace: 'return (await',
    fails: 'test/concurrency/races-of-queues.test.ts > at read committed > ensure and ensure, with no default pool yet',
  },
  {
    file: 'src/work-queues/ensure-work-queue-exists.ts',
    find: 'return (await find(transaction)) ?? (await insertWorkQueue',
    replace: 'return (await insertWorkQueue',
    fails: 'test/concurrency/races-of-queues.test.ts > at read committed > ensure and ensure in one pool',
  },
  {
    file: 'src/work-pools/insert-or-find-work-pool.ts',
    find: 'if (found !== undefined) return { found }',
    replace: '',
    fails: 'test/concurrency/races-of-queues.test.ts > at read committed > ensure and ensure of a pool',
  },
  {
    file: 'src/work-queues/update-work-queue.ts',
    find: 'if (patch.name !== undefined || patch.priority !== undefined) {',
    replace: 'if (patch.priority !== undefined) {',
    fails: 'test/concurrency/races-of-queues.test.ts > on SQLite > rename, rename and create of one name',
  },
  {
    file: 'src/work-queues/update-work-queue.ts',
    find: 'await lockWorkQueues(scope, [id, ...moved.keys()], purpose)',
    replace: '',
    fails: 'test/concurrency/races-of-queues.test.ts > at read committed > pause and resume',
  },
  {
    file: 'src/work-queues/delete-work-queue.ts',
    find: 'sql`owner.id = ${workQueueId} and not exists (${isDefault})`',
    replace: 'sql`false`',
    fails: 'test/concurrency/waiting.test.ts > of a queue: limits, new names and deletes wait for it',
  },
  {
    file: 'src/flow-runs/runs-of-queues.ts',
    find: `      order by run.id
      for no key update`,
    replace: '      for no key update',
    fails:
      'test/concurrency/deletes-and-states.test.ts > on PostgreSQL > a queue, cancelling, of runs that are SCHEDULED',
  },
  {
    file: 'src/work-pools/delete-work-pool.ts',
    find: 'await lockRuns(scope, isOfPool)',
    replace: '',
    fails: 'test/concurrency/deletes-and-states.test.ts > on PostgreSQL > a pool, of runs that are COMPLETED',
  },
  {
    file: 'src/work-pools/delete-work-pool.ts',
    find: '(await countWorkers(scope, workPoolId)) === workers',
    replace: 'workers >= 0',
    fails:
      'test/concurrency/deleted-pools.test.ts > on PostgreSQL > goes after a transaction of the new worker, which then claims',
  },
  {
    // What a sub-select reads is the statement's snapshot, and not the row that was waited for.
    file: 'src/flow-runs/change-states.postgres.ts',
    find: "conditions.push(sql`run.state_id = cast(${parameter('expected')} as uuid)`)",
    replace:
      "conditions.push(sql`(select seen.state_id from flow_run as seen where seen.id = run.id) = cast(${parameter('expected')} as uuid)`)",
    fails: 'test/concurrency/races-of-states.test.ts > at read committed > a claim that is released, and its start',
  },
  {
    file: 'src/sql/optional-tables.ts',
    find: "if (purpose === 'write' && scope.dialect === 'sqlite' && scope.isTransaction) await takeWriteLock(scope)",
    replace: '',
    fails: 'test/concurrency/first-statements.test.ts > renewLeases begins with a write',
  },
  {
    file: 'src/flow-runs/create-flow-runs.ts',
    find: 'if (vanished.length === 0) break',
    replace: 'break',
    fails: 'test/concurrency/keys-that-vanish.test.ts > when 1 inserts met it',
  },
]
