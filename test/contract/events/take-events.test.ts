import { type Kysely, sql } from 'kysely'
import {
  createFlowRuns,
  createWorkPool,
  createWorkQueue,
  MissingTableError,
  readWorkPools,
  takeEvents,
  updateWorkQueue,
} from 'kysely-work-queues'
import { expect, test } from 'vitest'
import { databases, withEventLog } from '../../support/databases.js'
import { describeOnDatabases } from '../../support/describe-databases.js'
import { prefectDatabases } from '../../support/prefect-databases.js'
import { told } from './replay-events.js'

const logged = databases.map(withEventLog)

describeOnDatabases(
  'takeEvents',
  (t) => {
    /** A queue, and in the log that it was given each of these limits. */
    const queueWithLimits = async (limits: readonly number[]): Promise<void> => {
      const { id } = await createWorkQueue(t.db, { name: 'q' })
      await takeEvents(t.db)
      for (const concurrencyLimit of limits) await updateWorkQueue(t.db, id, { concurrencyLimit })
    }
    const limitsOf = (events: Awaited<ReturnType<typeof takeEvents>>): unknown[] =>
      events.map(({ after }) => (after as { concurrencyLimit?: unknown } | null)?.concurrencyLimit)

    test('takes the oldest first, as many as asked, each once', async () => {
      await queueWithLimits([1, 2, 3, 4, 5])
      expect(limitsOf(await takeEvents(t.db, { limit: 2 }))).toEqual([1, 2])
      expect(await takeEvents(t.db, { limit: 0 })).toEqual([])
      expect(limitsOf(await takeEvents(t.db, { limit: 1 }))).toEqual([3])
      expect(limitsOf(await takeEvents(t.db))).toEqual([4, 5])
      expect(await takeEvents(t.db)).toEqual([])
    })

    test('takes a hundred unless told', async () => {
      const queue = await t.make.queue()
      await createFlowRuns(
        t.db,
        Array.from({ length: 120 }, () => ({ workQueueId: queue })),
      )
      const first = await takeEvents(t.db)
      expect(first).toHaveLength(100)
      expect(told(first).slice(0, 4)).toEqual([
        'work-pool created',
        'work-queue created',
        expect.stringMatching(/^work-pool updated { defaultQueueId: /),
        'work-queue created',
      ])
      expect(await takeEvents(t.db)).toHaveLength(24)
    })

    test('gives back what a transaction took that is rolled back, in the same order', async () => {
      await queueWithLimits([1, 2, 3])
      const trx = await t.db.startTransaction().execute()
      const taken = await takeEvents(trx, { limit: 2 })
      expect(await takeEvents(trx, { limit: 1 })).toHaveLength(1)
      await trx.rollback().execute()
      const again = await takeEvents(t.db)
      expect(limitsOf(again)).toEqual([1, 2, 3])
      expect(again.slice(0, 2)).toEqual(taken)
    })

    test('sees what its own transaction has changed', async () => {
      await t.db.transaction().execute(async (trx) => {
        await createWorkPool(trx, { name: 'p' })
        expect(told(await takeEvents(trx))).toHaveLength(3)
      })
      expect(await takeEvents(t.db)).toEqual([])
    })

    test('asks the database once, and in a transaction no more than SQLite’s write lock besides', async () => {
      await takeEvents(t.db)
      t.database.statements.length = 0
      await takeEvents(t.db)
      expect(t.database.statements).toHaveLength(1)
      await t.db.transaction().execute(async (trx) => {
        t.database.statements.length = 0
        await takeEvents(trx)
        expect(t.database.statements).toHaveLength(t.kind.dialect === 'sqlite' ? 2 : 1)
      })
    })

    test('takes an event of a row that cannot be read, so that it is not in the way', async () => {
      await queueWithLimits([1])
      if (t.kind.dialect === 'postgres') {
        const unreadable = { before: '{"concurrencyLimit": "none"}' }
        await (t.database.plain as Kysely<any>).updateTable('work_queue_event').set(unreadable).execute()
        expect((await takeEvents(t.db))[0]?.before).toEqual({ concurrencyLimit: null })
        return
      }
      const db = t.database.plain
      await sql`update work_queue set filter = '{', concurrency_limit = x'00', name = x'61' where name = 'q'`.execute(
        db,
      )
      await sql`update work_queue set filter = '{"tags": ["a"], "deployment_ids": null}' where name <> 'default'`.execute(
        db,
      )
      await sql`update work_queue set filter = '{"deployment_ids":null,"tags":["a"]}', concurrency_limit = 'three'
        where name <> 'default'`.execute(db)
      await sql`delete from work_queue where name <> 'default'`.execute(db)
      const filter = { tags: ['a'], deploymentIds: null }
      const events = await takeEvents(t.db)
      expect(events.slice(1).map(({ before, after }) => [before, after])).toEqual([
        [
          { concurrencyLimit: 1, filter: null, name: 'q' },
          { concurrencyLimit: null, filter: null, name: 'a' },
        ],
        [{ filter: null }, { filter }],
        [{ concurrencyLimit: null }, { concurrencyLimit: null }],
        [expect.objectContaining({ name: 'a', filter, concurrencyLimit: null }), null],
      ])
    })
  },
  logged,
)

describeOnDatabases(
  'takeEvents by two at once',
  (t) => {
    test('gives each event to one of them, and waits for nobody on PostgreSQL', async () => {
      const queue = await t.make.queue()
      await createFlowRuns(
        t.db,
        Array.from({ length: 200 }, () => ({ workQueueId: queue })),
      )
      const other = t.database.connect()
      const total = 204
      const ids: string[] = []
      const take = async (db: typeof other): Promise<void> => {
        for (;;) {
          const events = await takeEvents(db, { limit: 7 })
          ids.push(...events.map(({ id }) => id))
          if (events.length < 7) return
        }
      }
      await Promise.all([take(t.db), take(other), take(t.db), take(other)])
      ids.push(...(await takeEvents(t.db, { limit: 1000 })).map(({ id }) => id))
      expect(ids).toHaveLength(total)
      expect(new Set(ids).size).toBe(total)
    })

    test('passes what an open transaction has taken', async () => {
      if (t.kind.dialect === 'sqlite') return
      await createWorkPool(t.db, { name: 'p' })
      const trx = await t.db.startTransaction().execute()
      const first = await takeEvents(trx, { limit: 1 })
      expect(told(first)).toEqual(['work-pool created'])
      expect(told(await takeEvents(t.db, { limit: 1 }))).toEqual(['work-queue created'])
      await trx.rollback().execute()
      expect(told(await takeEvents(t.db, { limit: 1 }))).toEqual(['work-pool created'])
    })
  },
  logged.filter(({ hasConnections }) => hasConnections),
)

describeOnDatabases(
  'takeEvents without the event log',
  (t) => {
    test('names the migration, and leaves the transaction as it is', async () => {
      await t.db.transaction().execute(async (trx) => {
        await createWorkPool(trx, { name: 'p' })
        const error = await takeEvents(trx).catch((thrown: unknown) => thrown)
        expect(error).toBeInstanceOf(MissingTableError)
        expect(error).toMatchObject({ code: 'MISSING_TABLE', table: 'work_queue_event', migration: 'eventLog' })
        expect(await readWorkPools(trx)).toHaveLength(1)
      })
      expect(await readWorkPools(t.db)).toHaveLength(1)
      await expect(takeEvents(t.db)).rejects.toBeInstanceOf(MissingTableError)
    })
  },
  [...databases, ...prefectDatabases].map((kind) => ({ ...kind, create: () => kind.create(false) })),
)
