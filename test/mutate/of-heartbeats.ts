import type { Mutation } from './mutation.js'

/** Heartbeats of workers, and the decisions that wait for them. */
export const ofHeartbeats: readonly Mutation[] = [
  {
    file: 'src/workers/record-worker-heartbeat.ts',
    find: 'if (mayClaim) await passGate(scope, workPoolId)',
    replace: '',
    fails:
      'test/concurrency/races-of-locks.test.ts > at read committed > ticks of two workers, and a limit given to their pool',
  },
  {
    file: 'src/workers/record-worker-heartbeat.ts',
    find: 'if (isAnnounced && seen?.status',
    replace: 'if (seen?.status',
    fails: 'test/concurrency/races-of-queues.test.ts > at read committed > a heartbeat and a mark for want of workers',
  },
  {
    file: 'src/work-pools/update-work-pool.ts',
    find: 'const heartbeats = (await holdOffHeartbeats(scope, [workPoolId])).get(workPoolId)',
    replace: "const heartbeats: string = 'none'",
    fails: 'test/concurrency/races-of-locks.test.ts > at read committed > a heartbeat and a resume of the pool',
  },
  {
    file: 'src/work-pools/update-work-pool.ts',
    find: "heartbeats === 'under way' || ",
    replace: '',
    fails:
      'test/concurrency/decisions-of-other-pools.test.ts > on PostgreSQL > one whose heartbeat is under way is, and so is one',
  },
  {
    file: 'src/work-pools/heartbeats-under-way.ts',
    find: "when not pg_try_advisory_xact_lock(${DECISIONS}, ${number}) then 'unknown'",
    replace: '',
    fails:
      'test/concurrency/decisions-of-other-pools.test.ts > on PostgreSQL > a pool without workers is not READY when it is resumed',
  },
  {
    file: 'src/upkeep/mark-work-pools-not-ready.ts',
    find: "return await selectWorkPools(scope, and([isIdle, hasAnyId('pool.id', ids, dialect)]), inOrder)",
    replace: 'return seen',
    fails:
      'test/concurrency/races-of-locks.test.ts > at read committed > a heartbeat of an OFFLINE worker and a mark for want of workers',
  },
]
