import { sql } from 'kysely'
import {
  claimRunsInWorkQueue,
  claimScheduledFlowRuns,
  countWorkPoolActiveSlots,
  createWorkQueue,
  explainFlowRun,
  explainWorkQueue,
  getRunsInWorkQueue,
  getScheduledFlowRuns,
  readNextStartTime,
  readWorkPoolSlotHolders,
  readWorkPoolStats,
  readWorkQueues,
  readWorkQueueStats,
  recordWorkerHeartbeat,
} from 'kysely-work-queues'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { factory, testId } from '../support/factory.js'
import { createDatabase, type Db, type PlanDatabase } from './plan-database.js'
import { record, undone } from './plan-recorder.js'
import { explain } from './read-plan.js'

// What is asked of a small pool must not read the queues of large ones. PostgreSQL takes each pool to have as many queues as the average.

const now = new Date('2035-01-01T12:00:00.000Z')
const due = { scheduledBefore: now, limit: 10 }
const OTHERS = 20_000
/** How many pages a statement may touch: a claim of ten runs touches 130 to 150. All queues together are three times as many. */
const PAGES = 250

const [pool, queue, run, empty] = [testId(1, 60), testId(2, 60), testId(3, 60), testId(4, 60)]
const workPoolIds = [pool]
const several = [pool, empty]

const calls: Record<string, (db: Db) => Promise<unknown>> = {
  getScheduledFlowRuns: (db) => getScheduledFlowRuns(db, { workPoolIds, ...due }),
  'getScheduledFlowRuns of queues': (db) => getScheduledFlowRuns(db, { workQueueIds: [queue], ...due }),
  'getScheduledFlowRuns, with another,': (db) => getScheduledFlowRuns(db, { workPoolIds: several, ...due }),
  getRunsInWorkQueue: (db) => getRunsInWorkQueue(db, queue, due),
  claimScheduledFlowRuns: (db) => claimScheduledFlowRuns(db, { workPoolIds, ...due }),
  'claimScheduledFlowRuns, with another,': (db) => claimScheduledFlowRuns(db, { workPoolIds: several, ...due }),
  'claimScheduledFlowRuns that records polls': (db) =>
    claimScheduledFlowRuns(db, { workPoolIds, ...due, recordPolls: true }),
  claimRunsInWorkQueue: (db) => claimRunsInWorkQueue(db, queue, due),
  countWorkPoolActiveSlots: (db) => countWorkPoolActiveSlots(db, workPoolIds),
  'countWorkPoolActiveSlots, as claims count': (db) => countWorkPoolActiveSlots(db, workPoolIds, { by: 'claim' }),
  readWorkPoolSlotHolders: (db) => readWorkPoolSlotHolders(db, pool),
  readWorkPoolStats: (db) => readWorkPoolStats(db, { workPoolIds, now }),
  'readWorkQueueStats of a pool': (db) => readWorkQueueStats(db, { workPoolIds, now }),
  'readWorkQueueStats of a queue': (db) => readWorkQueueStats(db, { workQueueIds: [queue], now }),
  readNextStartTime: (db) => readNextStartTime(db, { workPoolIds }),
  readWorkQueues: (db) => readWorkQueues(db, { workPoolId: pool }),
  explainFlowRun: (db) => explainFlowRun(db, run, { now }),
  explainWorkQueue: (db) => explainWorkQueue(db, queue, { now }),
  createWorkQueue: (db) => createWorkQueue(db, { name: 'new', workPoolId: pool }),
  recordWorkerHeartbeat: (db) => recordWorkerHeartbeat(db, pool, 'worker'),
}

describe('our tables on PostgreSQL', () => {
  let database: PlanDatabase
  beforeAll(async () => {
    database = await createDatabase('postgres', 'our tables', seed)
  }, 120_000)
  afterAll(async () => {
    await database.destroy()
  })

  describe.each(['absent', 'fresh'])('statistics %s', (statistics) => {
    beforeAll(async () => {
      if (statistics === 'fresh') await sql`vacuum analyze`.execute(database.plain)
    }, 60_000)

    test.each(Object.entries(calls))(`%s of a small pool does not read ${OTHERS} queues of others`, async (_, call) => {
      const queries = await record(database, async (db) => await call(db))
      const pages = await undone(database, async (trx) => {
        const all: Record<string, number> = {}
        for (const query of queries) {
          const access = await explain(database, trx, query)
          all[access.statement] = access.pages
        }
        return all
      })
      expect(Object.entries(pages).filter(([, touched]) => touched > PAGES)).toEqual([])
    })
  })
})

async function seed(database: PlanDatabase): Promise<void> {
  const make = factory(database)
  for (const name of ['large', 'larger']) {
    const work_pool_id = await make.pool({ name, concurrency_limit: 100_000 })
    await make.rows(
      'work_queue',
      Array.from({ length: OTHERS / 2 }, (_, n) => ({
        name: `queue ${n}`,
        priority: n + 2,
        work_pool_id,
        concurrency_limit: 5,
      })),
    )
  }
  await make.pool({ id: pool, name: 'small', concurrency_limit: 100 })
  await make.pool({ id: empty, name: 'smaller' })
  await make.queue({ id: queue, name: 'small queue', work_pool_id: pool, priority: 2, concurrency_limit: 10 })
  const time = new Date('2030-01-01T00:00:00.000Z')
  const waiting = { work_queue_id: queue, next_scheduled_start_time: time, state_timestamp: time }
  await make.runs([
    { ...waiting, id: run },
    ...Array.from({ length: 30 }, () => waiting),
    ...Array.from({ length: 3 }, () => ({ ...waiting, state_type: 'RUNNING' })),
  ])
}
