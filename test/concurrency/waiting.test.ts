import { setTimeout } from 'node:timers/promises'
import { type ControlledTransaction, type Kysely, sql } from 'kysely'
import {
  bulkUpdateWorkQueuePriorities,
  claimRunsInWorkQueue,
  claimScheduledFlowRuns,
  createFlowRuns,
  createWorkQueue,
  deleteWorkPool,
  deleteWorkQueue,
  markWorkersOffline,
  markWorkPoolsNotReady,
  readWorkers,
  readWorkPool,
  readWorkQueue,
  recordWorkerHeartbeat,
  recordWorkQueuePolls,
  updateWorkPool,
  updateWorkQueue,
  type WorkQueueTables,
} from 'kysely-work-queues'
import { expect, test } from 'vitest'
import { postgres } from '../support/databases.js'
import { type Contract, describeOnDatabases } from '../support/describe-databases.js'
import { untilWaiting } from './until-waiting.js'

// Who waits for a claim that a host keeps open in a transaction. What does not wait is awaited while that is open: if it waited, so
// would the test, for ever.

type Db = Kysely<WorkQueueTables>

const long = new Date('2020-01-01T00:00:00Z')
const soon = new Date('2020-01-02T00:00:00Z')

/** A pool with two queues and their due runs, and a worker. */
interface Place {
  readonly pool: string
  readonly a: string
  readonly b: string
}

async function makePlace(t: Contract, limits: { pool?: number; a?: number; status?: string } = {}): Promise<Place> {
  const { pool: concurrency_limit = null, status = 'READY' } = limits
  const pool = await t.make.pool({ concurrency_limit, status })
  const a = await t.make.queue({ name: 'a', priority: 2, work_pool_id: pool, concurrency_limit: limits.a ?? null })
  const b = await t.make.queue({ name: 'b', priority: 3, work_pool_id: pool, concurrency_limit: 5 })
  const due = { next_scheduled_start_time: long, state_timestamp: long }
  await t.make.runs([a, a, a, b, b].map((work_queue_id) => ({ work_queue_id, ...due })))
  await t.make.worker({ work_pool_id: pool, name: 'worker', last_heartbeat_time: long, status: 'ONLINE' })
  return { pool, a, b }
}

const claims: [how: string, claim: (db: Db, place: Place) => Promise<string[]>][] = [
  ['of a queue', async (db, { a }) => (await claimRunsInWorkQueue(db, a, { limit: 1 })).runs.map(({ id }) => id)],
  [
    'of a pool',
    async (db, { pool, a }) =>
      (await claimScheduledFlowRuns(db, { workPoolIds: [pool], workQueueIds: [a], limit: 1 })).map(
        ({ flowRun }) => flowRun.id,
      ),
  ],
]

/** What does not wait for a claim without limits. */
const free: Record<string, (db: Db, place: Place) => Promise<unknown>> = {
  'a pause': (db, { a }) => updateWorkQueue(db, a, { isPaused: true }),
  'a pause of the pool': (db, { pool }) => updateWorkPool(db, pool, { isPaused: true }),
  'a resume of the pool': (db, { pool }) => updateWorkPool(db, pool, { isPaused: false }),
  'a patch that says name and limit as they are': (db, { b }) =>
    updateWorkQueue(db, b, { name: 'b', concurrencyLimit: 5, description: 'changed' }),
  'another limit for a queue that has one': (db, { b }) => updateWorkQueue(db, b, { concurrencyLimit: 1 }),
  'a limit taken away': (db, { b }) => updateWorkQueue(db, b, { concurrencyLimit: null }),
  'a recorded poll': (db, { a }) => recordWorkQueuePolls(db, { polledWorkQueueIds: [a], readyWorkQueueIds: [a] }),
  'a new queue that moves others': (db, { pool }) =>
    createWorkQueue(db, { name: 'new', workPoolId: pool, priority: 1 }),
  'new priorities': (db, { pool, a, b }) => bulkUpdateWorkQueuePriorities(db, pool, { [a]: 9, [b]: 8 }),
  'new runs': (db, { a }) => createFlowRuns(db, [{ workQueueId: a }]),
  'a heartbeat': (db, { pool }) => recordWorkerHeartbeat(db, pool, 'worker'),
  'a first heartbeat': (db, { pool }) => recordWorkerHeartbeat(db, pool, 'new'),
  'a heartbeat that turns the pool READY': async (db, { pool }) => {
    await updateWorkPool(db, pool, { status: 'NOT_READY' })
    await recordWorkerHeartbeat(db, pool, 'worker')
    expect(await readWorkPool(db, pool)).toMatchObject({ status: 'READY' })
  },
  'a look for silent workers and pools without any': async (db, { pool }) => {
    expect(await markWorkersOffline(db)).toHaveLength(1)
    expect((await markWorkPoolsNotReady(db)).map(({ id }) => id)).toEqual([pool])
  },
  'another claim': async (db, { a }) => {
    expect((await claimRunsInWorkQueue(db, a)).runs).toHaveLength(2)
  },
  'a claim over pools that records all polls': async (db, { pool }) => {
    expect(await claimScheduledFlowRuns(db, { workPoolIds: [pool], recordPolls: true })).toHaveLength(4)
  },
}

/** What waits for it, and later claims behind. */
const waiting: Record<string, (db: Db, place: Place) => Promise<unknown>> = {
  'a limit given to the queue': (db, { a }) => updateWorkQueue(db, a, { concurrencyLimit: 1 }),
  'a limit given to the pool': (db, { pool }) => updateWorkPool(db, pool, { concurrencyLimit: 1 }),
  'a new name': (db, { a }) => updateWorkQueue(db, a, { name: 'renamed' }),
  'a delete of the queue': (db, { a }) => deleteWorkQueue(db, a),
  'a delete of the pool': (db, { pool }) => deleteWorkPool(db, pool),
}

describeOnDatabases(
  'an open claim without limits',
  (t) => {
    const open = async (claim: (db: Db) => Promise<string[]>): Promise<ControlledTransaction<WorkQueueTables>> => {
      const claimer = await t.db.startTransaction().execute()
      expect(await claim(claimer)).toHaveLength(1)
      return claimer
    }

    test.each(claims)('%s: nobody waits for it who gives no limit and takes nothing away', async (_, claim) => {
      for (const call of Object.values(free)) {
        const place = await makePlace(t)
        const claimer = await open((db) => claim(db, place))
        await call(t.database.connect(), place)
        await claimer.commit().execute()
        await deleteWorkPool(t.db, place.pool)
      }
    })

    test.each(claims)(
      '%s: limits, new names and deletes wait for it, and later claims behind them',
      async (how, claim) => {
        for (const [name, call] of Object.entries(waiting)) {
          const place = await makePlace(t)
          const claimer = await open((db) => claim(db, place))
          const change = call(t.database.connect(), place)
          await untilWaiting(t.database.plain, 1)
          const later = claim(t.database.connect(), place).then(
            (ids) => ids.length,
            (error: Error) => error.name,
          )
          await untilWaiting(t.database.plain, 2)
          // It waits with empty hands, so that nobody but claims waits behind it. The workers of a pool that is deleted do.
          if (name !== 'a delete of the pool') await recordWorkerHeartbeat(t.database.connect(), place.pool, 'worker')
          await recordWorkQueuePolls(t.db, { polledWorkQueueIds: [place.a], readyWorkQueueIds: [place.a] })
          await updateWorkQueue(t.db, place.a, { description: 'changed' })
          // The claimer's own next claim does not wait behind what waits for it.
          expect(await claim(claimer, place), name).toHaveLength(1)
          await claimer.commit().execute()
          await change
          const ofDeleted = how === 'of a queue' ? 'WorkQueueNotFoundError' : 0
          expect(await later, name).toBe(name.startsWith('a limit') ? 0 : name.startsWith('a new') ? 1 : ofDeleted)
          await deleteWorkPool(t.db, place.pool)
        }
      },
    )
  },
  [postgres],
)

describeOnDatabases(
  'an open claim',
  (t) => {
    test('keeps a limit given just after another was taken away waiting, which then holds no row', async () => {
      const place = await makePlace(t, { a: 5 })
      await t.make.set('work_queue', place.b, { concurrency_limit: null })
      const claimer = await t.db.startTransaction().execute()
      await claimRunsInWorkQueue(claimer, place.b, { limit: 1 })
      const host = await t.db.startTransaction().execute()
      await updateWorkQueue(host, place.a, { concurrencyLimit: null })
      // It looks, sees a limit, and waits for the row.
      const ended: boolean[] = []
      const change = updateWorkQueue(t.database.connect(), place.a, { concurrencyLimit: 1 }).finally(() =>
        ended.push(true),
      )
      const waits = async (event: string): Promise<boolean> => {
        const { rows } = await sql`
          select 1 from pg_stat_activity where datname = current_database() and wait_event = ${event}
        `.execute(t.database.plain)
        return rows.length > 0
      }
      while (!(await waits('transactionid'))) await setTimeout(2)
      await host.commit().execute()
      while (ended.length === 0 && !(await waits('advisory'))) await setTimeout(2)
      expect(ended).toEqual([])
      await updateWorkQueue(t.database.connect(), place.a, { isPaused: true })
      await claimer.commit().execute()
      await change
      expect(await readWorkQueue(t.db, place.a)).toMatchObject({ concurrencyLimit: 1, isPaused: true })
    })

    test('of a limited queue does not keep a heartbeat of a READY pool waiting', async () => {
      const place = await makePlace(t, { pool: 3, a: 2 })
      const claimer = await t.db.startTransaction().execute()
      await claimRunsInWorkQueue(claimer, place.a, { recordPolls: true })
      await recordWorkerHeartbeat(t.database.connect(), place.pool, 'worker')
      await recordWorkerHeartbeat(t.database.connect(), place.pool, 'new')
      await claimer.commit().execute()
    })

    test('of a limited pool that is NOT_READY keeps a heartbeat waiting, but the worker stays ONLINE', async () => {
      const place = await makePlace(t, { pool: 3, status: 'NOT_READY' })
      const claimer = await t.db.startTransaction().execute()
      await claimRunsInWorkQueue(claimer, place.a)
      const heartbeat = recordWorkerHeartbeat(t.database.connect(), place.pool, 'worker', { now: soon })
      await untilWaiting(t.database.plain, 1)
      expect(await markWorkersOffline(t.db)).toEqual([])
      await claimer.commit().execute()
      await heartbeat
      expect(await readWorkPool(t.db, place.pool)).toMatchObject({ status: 'READY' })
    })

    test('of a queue beside a heartbeat in an open transaction: neither waits, and the pool of that worker stays READY', async () => {
      for (const name of ['worker', 'new']) {
        const place = await makePlace(t)
        await t.make.set('worker', (await readWorkers(t.db, place.pool))[0]?.id ?? '', { status: 'OFFLINE' })
        const host = await t.db.startTransaction().execute()
        await recordWorkerHeartbeat(host, place.pool, name)
        await claimRunsInWorkQueue(t.database.connect(), place.a, { limit: 1, recordPolls: true })
        expect(await markWorkPoolsNotReady(t.database.connect())).toEqual([])
        await updateWorkPool(t.database.connect(), place.pool, { isPaused: true })
        await updateWorkPool(t.database.connect(), place.pool, { isPaused: false })
        await host.commit().execute()
        expect(await readWorkPool(t.db, place.pool)).toMatchObject({ status: 'READY' })
        expect(await readWorkQueue(t.db, place.a)).toMatchObject({ status: 'READY', lastPolled: expect.any(Date) })
        await deleteWorkPool(t.db, place.pool)
      }
    })
  },
  [postgres],
)
