import { type Kysely, sql } from 'kysely'
import {
  claimRunsInWorkQueue,
  recordWorkQueuePolls,
  updateWorkPool,
  updateWorkQueue,
  type WorkQueueTables,
} from 'kysely-work-queues'
import { expect, test } from 'vitest'
import { postgres } from '../support/databases.js'
import { describeOnDatabases } from '../support/describe-databases.js'
import { testId } from '../support/factory.js'
import { untilWaiting } from './until-waiting.js'

// What changes while a claim waits, or since the claim before it, whose answer is remembered.

const due = { next_scheduled_start_time: new Date('2020-01-01T00:00:00Z') }

describeOnDatabases(
  'a claim while the place changes',
  (t) => {
    const claim = async (db: Kysely<WorkQueueTables>, queue: string, recordPolls = false): Promise<number> =>
      (await claimRunsInWorkQueue(db, queue, { limit: 1, recordPolls })).runs.length

    test('passes the gate before the rows also when both limits are remembered and one is gone', async () => {
      const pool = await t.make.pool({ concurrency_limit: 5 })
      const queue = await t.make.queue({ work_pool_id: pool, concurrency_limit: 5 })
      await t.make.runs([1, 2].map(() => ({ work_queue_id: queue, ...due })))
      expect(await claim(t.db, queue)).toBe(1)
      await updateWorkPool(t.database.connect(), pool, { concurrencyLimit: null })
      const host = await t.db.startTransaction().execute()
      await recordWorkQueuePolls(host, { polledWorkQueueIds: [queue], readyWorkQueueIds: [] })
      const claimed = claim(t.db, queue)
      await untilWaiting(t.database.plain, 1)
      // With the gate in hand it would wait for the pool's row, and the claim, with that in hand, for the gate.
      const given = updateWorkPool(t.database.connect(), pool, { concurrencyLimit: 3 })
      await untilWaiting(t.database.plain, 2)
      await host.commit().execute()
      expect(await Promise.all([claimed, given])).toEqual([1, true])
    })

    test.each([false, true])(
      'waits for a pool whose limit it did not remember without the row of the queue; it records polls: %s',
      async (recordPolls) => {
        const pool = await t.make.pool()
        const queue = await t.make.queue({ work_pool_id: pool, concurrency_limit: 5 })
        await t.make.runs([1, 2].map(() => ({ work_queue_id: queue, ...due })))
        expect(await claim(t.db, queue)).toBe(1)
        await updateWorkPool(t.database.connect(), pool, { concurrencyLimit: 5 })
        const host = await t.db.startTransaction().execute()
        await updateWorkPool(host, pool, { description: 'changed' })
        const claimed = claim(t.db, queue, recordPolls)
        await untilWaiting(t.database.plain, 1)
        await updateWorkQueue(host, queue, { description: 'changed' })
        await host.commit().execute()
        expect(await claimed).toBe(1)
      },
    )

    test('takes nothing of a queue that was paused while it waited for the pool', async () => {
      const pool = await t.make.pool({ concurrency_limit: 5 })
      const queue = await t.make.queue({ work_pool_id: pool })
      await t.make.runs([1, 2].map(() => ({ work_queue_id: queue, ...due })))
      expect(await claim(t.db, queue)).toBe(1)
      const host = await t.db.startTransaction().execute()
      await updateWorkPool(host, pool, { description: 'changed' })
      const claimed = claim(t.db, queue)
      await untilWaiting(t.database.plain, 1)
      await updateWorkQueue(t.database.connect(), queue, { isPaused: true })
      await host.commit().execute()
      expect(await claimed).toBe(0)
    })

    test('takes nothing of a queue whose pause its recorded poll waited for', async () => {
      const queue = await t.make.queue()
      await t.make.run({ work_queue_id: queue, ...due })
      const host = await t.db.startTransaction().execute()
      await updateWorkQueue(host, queue, { isPaused: true })
      const claimed = claimRunsInWorkQueue(t.db, queue, { recordPolls: true })
      await untilWaiting(t.database.plain, 1)
      await host.commit().execute()
      expect(await claimed).toMatchObject({ runs: [], workQueue: { isPaused: true, status: 'PAUSED' } })
      expect(await claim(t.db, queue)).toBe(0)
    })

    test.each(['read committed', 'repeatable read', 'serializable'] as const)(
      'by a tag filter keeps limits of the queues that it takes runs of waiting, at %s',
      async (level) => {
        const [a, b] = [await t.make.queue(), await t.make.agentQueue({ name: 'etl' })]
        const filtered = await t.make.queue({ filter: { tags: ['x'], deployment_ids: null } })
        const match = { tags: ['x'], deployment_id: testId(1, 5), ...due }
        await t.make.runs([
          { ...match, work_queue_id: a },
          { ...match, work_queue_name: 'etl' },
        ])
        // A first one, so that it is known that there is a filter.
        expect((await claimRunsInWorkQueue(t.db, filtered, { limit: 0 })).runs).toEqual([])
        const host = await t.db.startTransaction().setIsolationLevel(level).execute()
        expect((await claimRunsInWorkQueue(host, filtered)).runs).toHaveLength(2)
        const given = [a, b].map((id) => updateWorkQueue(t.database.connect(), id, { concurrencyLimit: 1 }))
        await untilWaiting(t.database.plain, 2)
        await host.commit().execute()
        expect(await Promise.all(given)).toEqual([true, true])
      },
    )

    test.each(['repeatable read', 'serializable'] as const)(
      'by a tag filter is refused where its snapshot at %s has not seen a limit',
      async (level) => {
        const [first, second] = [await t.make.queue(), await t.make.agentQueue({ name: 'etl' })]
        const filtered = await t.make.queue({ filter: { tags: ['x'], deployment_ids: null } })
        const match = { tags: ['x'], deployment_id: testId(1, 5), ...due }
        await t.make.runs([
          { ...match, work_queue_id: first },
          { ...match, work_queue_name: 'etl', next_scheduled_start_time: new Date('2020-01-02T00:00:00Z') },
        ])
        for (const id of [first, second]) {
          const host = await t.db.startTransaction().setIsolationLevel(level).execute()
          await sql`select 1 from work_queue`.execute(host)
          await updateWorkQueue(t.database.connect(), id, { concurrencyLimit: 1 })
          await expect(claimRunsInWorkQueue(host, filtered)).rejects.toMatchObject({ code: '40001' })
          await host.rollback().execute()
          await updateWorkQueue(t.db, id, { concurrencyLimit: null })
        }
      },
    )
  },
  [postgres],
)
