import type { Mutation } from './mutation.js'

/** Who waits for a limit, in the process and in the database. */
export const ofLines: readonly Mutation[] = [
  {
    file: 'src/claims/few-at-once.ts',
    find: 'if (scope.isTransaction) return await claim()',
    replace: '',
    fails: 'test/concurrency/claims-in-line.test.ts > of the pool',
  },
  {
    file: 'src/claims/few-at-once.ts',
    find: 'const AT_ONCE = 3',
    replace: 'const AT_ONCE = 4',
    fails: 'test/concurrency/claims-in-line.test.ts > of the queue',
  },
  {
    file: 'src/claims/few-at-once.ts',
    find: 'if (now - since < this.#longestTurn) free--',
    replace: 'free -= Math.sign(since + now + 1)',
    fails: 'test/unit/few-at-once.test.ts > those that hang for a second do not count any more',
  },
  {
    file: 'src/claims/few-at-once.ts',
    find: 'if (line.isEmpty && lines.get(key) === line)',
    replace: 'if (line.isEmpty)',
    fails: 'test/unit/few-at-once.test.ts > one that comes between the ends of two',
  },
  {
    file: 'src/session.ts',
    find: 'looks.get(bare.getExecutor().adapter)?.()',
    replace: '',
    fails: 'test/concurrency/claims-in-line.test.ts > behind three that hang, is let in by any other call',
  },
  {
    file: 'src/claims/claim-pools-on-postgres.ts',
    find: 'JSON.stringify([poll.workPoolIds, poll.workQueueIds])',
    replace: 'JSON.stringify([poll.workPoolIds, poll.workQueueIds?.slice(0, 10)])',
    fails: 'test/concurrency/claims-in-line.test.ts > over many queues',
  },
  {
    file: 'src/claims/queue-claim.postgres.ts',
    find: 'const line = inLine && (isPoolLimited || isQueueLimited)',
    replace: 'const line = (inLine || claim.limit) && (isPoolLimited || isQueueLimited)',
    fails: 'test/concurrency/claims-in-line.test.ts > of the queue, by several servers',
  },
  {
    file: 'src/claims/queue-claim.postgres.ts',
    find: '${line ? sql`and ${standsInLine(owner)}` : sql``}',
    replace: '',
    fails: 'test/concurrency/claims-in-line.test.ts > of the pool, by several servers',
  },
  {
    file: 'src/locks.ts',
    find: 'const isNext = inLine ? ',
    replace: 'const isNext = ids.length > 1 && inLine ? ',
    fails: 'test/concurrency/claims-in-line.test.ts > of the queue, over its pool, by several servers',
  },
]
