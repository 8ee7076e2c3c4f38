import type { Mutation } from './mutation.js'

/** What claims take, and how it is written. */
export const ofClaims: readonly Mutation[] = [
  {
    file: 'src/claims/claim-scheduled-flow-runs.ts',
    find: 'scheduledBefore: scheduledBefore ?? undefined, isDueNow, lock: false }',
    replace: 'scheduledBefore: scheduledBefore ?? (isDueNow ? new Date() : undefined), lock: false }',
    fails: 'test/contract/hosts/clock.test.ts > on SQLite in memory > is claimed, over a pool',
  },
  {
    file: 'src/claims/claim-on-sqlite.ts',
    find: 'const runs = JSON.parse(row.runs) as [id: string, nextScheduledStartTime: unknown, stateTimestamp: unknown][]',
    replace:
      'const runs = JSON.parse(row.runs) as [string, unknown, unknown][]; for (const [id, nextScheduledStartTime, stateTimestamp] of runs) checkPicked({ id, nextScheduledStartTime, stateTimestamp })',
    fails: 'test/contract/hosts/unreadable-runs-left-alone.test.ts > stops no claim of a queue full',
  },
  {
    file: 'src/claims/claim-on-sqlite.ts',
    find: 'const runs = picked.place.isPaused',
    replace: 'const runs = picked.place.workPoolId === workQueueId',
    fails:
      'test/contract/claims-of-closed-queues.test.ts > on SQLite in memory > by their deployment, of a paused pool, in a pool, when it is the first',
  },
  {
    file: 'src/sql/active-runs.ts',
    find: 'CLAIM_SLOTS: SlotRule = { states: WORK_QUEUE_SLOT_STATES,',
    replace: "CLAIM_SLOTS: SlotRule = { states: ['PENDING', 'RUNNING'],",
    fails: 'test/contract/claim-limits.test.ts > on SQLite in memory > CANCELLING runs occupy, for both kinds of claim',
  },
  {
    file: 'src/sql/active-runs.ts',
    find: 'return named === undefined ? byId : sql`(${byId} + ${named})`',
    replace: 'return byId',
    fails:
      'test/contract/membership/claims-by-membership.test.ts > on SQLite in memory > PENDING ones occupy it for claims',
  },
  {
    file: 'src/claims/queue-claim.sqlite.ts',
    find: 'pool: place.isPoolLimited }',
    replace: 'pool: false }',
    fails: 'test/contract/claim-limits.test.ts > on SQLite in memory > claims by queue keep the limit of the pool',
  },
  {
    file: 'src/claims/queue-claim.sqlite.ts',
    find: 'queue: place.isQueueLimited,',
    replace: 'queue: false,',
    fails: 'test/contract/claim-limits.test.ts > on SQLite in memory > more active runs than a lowered limit allows',
  },
  {
    file: 'src/sql/known-queues.ts',
    find: 'a.isQueueLimited === b.isQueueLimited &&',
    replace: '',
    fails:
      'test/contract/claims-of-closed-queues.test.ts > on SQLite in memory > takes nothing of a queue without an open slot',
  },
  {
    file: 'src/claims/claim-by-filter.ts',
    find: 'limit: Math.min(limit, await readOpenPoolSlots(scope, queue.workPoolId))',
    replace: 'limit',
    fails: 'test/contract/claim-limits.test.ts > on SQLite in memory > a filter queue in a limited pool',
  },
  {
    file: 'src/claims/claim-by-filter.ts',
    find: 'onlyUnlimited: true',
    replace: 'onlyUnlimited: false',
    fails: 'test/contract/claim-limits.test.ts > on SQLite in memory > and its claims keep every other limit',
  },
  {
    file: 'src/claims/claim-by-filter.ts',
    find: 'states: WORK_QUEUE_SLOT_STATES,',
    replace: '',
    fails: 'test/contract/claim-limits.test.ts > on SQLite in memory > limit counts CANCELLING matches too',
  },
  {
    file: 'src/claims/queue-claim.sqlite.ts',
    find: "case when queue.is_paused then queue.status else 'READY' end",
    replace: "'READY'",
    fails:
      'test/contract/claims-that-record-polls.test.ts > on SQLite in memory > at its limit and paused, outside a transaction',
  },
  {
    file: 'src/claims/queue-claim.postgres.ts',
    find: `    sql\`queue.concurrency_limit is null\`,
`,
    replace: '',
    fails:
      'test/contract/claims-of-closed-queues.test.ts > on PostgreSQL > takes nothing of a queue without an open slot',
  },
  {
    file: 'src/claims/queue-claim.postgres.ts',
    find: `    sql\`pool.concurrency_limit is null\`,
`,
    replace: '',
    fails:
      'test/contract/claims-of-closed-queues.test.ts > on PostgreSQL > takes nothing of a queue of a pool without an open slot',
  },
  {
    file: 'src/claims/queue-claim.postgres.ts',
    find: `    sql\`not queue.is_paused\`,
`,
    replace: '',
    fails: 'test/contract/claims-of-closed-queues.test.ts > on PostgreSQL > takes nothing of a paused queue',
  },
  {
    file: 'src/claims/queue-claim.postgres.ts',
    find: `    sql\`not pool.is_paused\`,
`,
    replace: '',
    fails: 'test/contract/claims-of-closed-queues.test.ts > on PostgreSQL > takes nothing of a queue of a paused pool',
  },
  {
    file: 'src/claims/queue-claim.postgres.ts',
    find: `    sql\`not \${hasFilter('queue')}\`,
`,
    replace: '',
    fails:
      'test/contract/claims-of-closed-queues.test.ts > on PostgreSQL > takes nothing of a queue that takes other runs',
  },
  {
    file: 'src/claims/queue-claim.postgres.ts',
    find: 'queue: place.isQueueLimited,',
    replace: 'queue: false,',
    fails: 'test/contract/claim-limits.test.ts > on PostgreSQL > more active runs than a lowered limit allows',
  },
  {
    file: 'src/claims/queue-claim.postgres.ts',
    find: 'pool: place.isPoolLimited }',
    replace: 'pool: false }',
    fails: 'test/contract/claim-limits.test.ts > on PostgreSQL > claims by queue keep the limit of the pool',
  },
  {
    file: 'src/sql/enter-pending.ts',
    find: "jsonb_build_object('flow_run_id', run.id, 'scheduled_time', ${scheduledTimeText(sql`run.due`)})",
    replace: "jsonb_build_object('flow_run_id', run.id)",
    fails: 'test/contract/hosts/prefect-databases.test.ts > PostgreSQL > keep with SCHEDULED and PENDING when',
  },
]
