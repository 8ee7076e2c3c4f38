import {
  claimRunsInWorkQueue,
  claimScheduledFlowRuns,
  countWorkPoolActiveSlots,
  countWorkQueueActiveSlots,
  createFlowRuns,
  createWorkPool,
  createWorkQueue,
  getRunsInWorkQueue,
  getScheduledFlowRuns,
  readNextStartTime,
  readWorkPoolStats,
  readWorkQueueStats,
  readWorkQueueStatus,
  recordWorkerHeartbeat,
  releaseExpiredLeases,
  renewLeases,
  setFlowRunState,
  takeEvents,
} from 'kysely-work-queues'
import { expect, test } from 'vitest'
import { type DatabaseKind, postgres, sqliteMemory } from '../support/databases.js'
import type { Db } from './plan-database.js'
import { formatStatement } from './format-statement.js'

// The hot statements as they are sent, in the order in which they are sent, for reading: docs/how-it-works.md explains them from these
// files. `npx vitest run test/plans/rendered -u` writes them anew.

interface World {
  readonly pool: string
  readonly limitedPool: string
  readonly queue: string
  readonly limitedQueue: string
  readonly defaultPoolQueue: string
  readonly run: string
}

const now = new Date('2035-01-01')
const scheduledBefore = new Date('2040-01-01')
const due = { limit: 10, scheduledBefore }

/** Each file holds what one call sends. */
const CALLS: Readonly<Record<string, (db: Db, world: World) => Promise<unknown>>> = {
  'queue-poll': (db, { queue }) => getRunsInWorkQueue(db, queue, due),
  'queue-poll.limited': (db, { limitedQueue }) => getRunsInWorkQueue(db, limitedQueue, due),
  'queue-poll.default-agent-pool': (db, { defaultPoolQueue }) => getRunsInWorkQueue(db, defaultPoolQueue, due),
  'queue-poll.locking': (db, { queue }) => db.transaction().execute((trx) => getRunsInWorkQueue(trx, queue, due)),
  'pool-poll': (db, { pool }) => getScheduledFlowRuns(db, { workPoolIds: [pool], ...due }),
  'pool-poll.all-pools-by-start-time': (db) => getScheduledFlowRuns(db, { respectQueuePriorities: false, ...due }),
  'pool-poll.of-queues': (db, { queue, limitedQueue }) =>
    getScheduledFlowRuns(db, { workQueueIds: [queue, limitedQueue], ...due }),
  'queue-claim': (db, { queue }) => claimRunsInWorkQueue(db, queue, due),
  'queue-claim.for-a-holder': (db, { queue }) => claimRunsInWorkQueue(db, queue, { ...due, holder: 'w-1' }),
  'queue-claim.limited': (db, { limitedQueue }) => claimRunsInWorkQueue(db, limitedQueue, due),
  'pool-claim': (db, { pool }) => claimScheduledFlowRuns(db, { workPoolIds: [pool], ...due }),
  'pool-claim.limited': (db, { limitedPool }) => claimScheduledFlowRuns(db, { workPoolIds: [limitedPool], ...due }),
  'lease-renewal': (db) => renewLeases(db, 'w-1'),
  'lease-release.in-a-transaction': (db) => db.transaction().execute((trx) => releaseExpiredLeases(trx)),
  'state-change': (db, { run }) => setFlowRunState(db, run, { type: 'RUNNING' }, { now }),
  'queue-slots': (db, { limitedQueue }) => countWorkQueueActiveSlots(db, [limitedQueue]),
  'pool-slots': (db, { limitedPool }) => countWorkPoolActiveSlots(db, [limitedPool]),
  'queue-status': (db, { queue }) => readWorkQueueStatus(db, queue),
  'queue-stats': (db, { queue }) => readWorkQueueStats(db, { workQueueIds: [queue], now }),
  'pool-stats': (db, { pool }) => readWorkPoolStats(db, { workPoolIds: [pool], now }),
  'next-start-time': (db, { pool }) => readNextStartTime(db, { workPoolIds: [pool] }),
  'event-taking': (db) => takeEvents(db),
  'worker-heartbeat': (db, { pool }) => recordWorkerHeartbeat(db, pool, 'worker'),
}

test.each(
  Object.keys(CALLS).flatMap((name) => [postgres, sqliteMemory].map((kind) => [name, kind.dialect, kind] as const)),
)('%s on %s is as it stands in its file', async (name, dialect, kind) => {
  const sent = await statementsOf(kind, CALLS[name] ?? (() => Promise.reject(new Error(`no call ${name}`))))
  const texts = sent.map((statement) => `${formatStatement(statement, dialect)};\n`)
  expect(texts.length).toBeGreaterThan(0)
  await expect(texts.join('\n')).toMatchFileSnapshot(`sql/${name}.${dialect}.sql`)
})

/** What a call sends when the one before was of the same kind, so that nothing is met for the first time. */
async function statementsOf(kind: DatabaseKind, call: (db: Db, world: World) => Promise<unknown>): Promise<string[]> {
  await using database = await kind.create(true)
  const { db, statements } = database
  const pool = await createWorkPool(db, { name: 'pool' })
  const limitedPool = await createWorkPool(db, { name: 'limited', concurrencyLimit: 1000 })
  const limitedQueue = await createWorkQueue(db, { name: 'limited', workPoolId: limitedPool.id, concurrencyLimit: 100 })
  const defaultPoolQueue = await createWorkQueue(db, { name: 'etl' })
  const queue = await createWorkQueue(db, { name: 'queue', workPoolId: pool.id })
  const runs = await createFlowRuns(
    db,
    [queue, limitedQueue, defaultPoolQueue].flatMap(({ id }) =>
      Array.from({ length: 40 }, () => ({ workQueueId: id, nextScheduledStartTime: new Date('2030-01-01') })),
    ),
  )
  const world = {
    pool: pool.id,
    limitedPool: limitedPool.id,
    queue: queue.id,
    limitedQueue: limitedQueue.id,
    defaultPoolQueue: defaultPoolQueue.id,
    run: runs.at(-1)?.id ?? '',
  }
  await call(db, world)
  const before = statements.length
  await call(db, world)
  return statements.slice(before)
}
