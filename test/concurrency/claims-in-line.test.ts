import { setTimeout } from 'node:timers/promises'
import {
  claimRunsInWorkQueue,
  claimScheduledFlowRuns,
  countWorkPoolActiveSlots,
  readWorkQueue,
  updateWorkPool,
  updateWorkQueue,
  type WorkQueueTables,
} from 'kysely-work-queues'
import { type Kysely, sql } from 'kysely'
import { expect, test, vi } from 'vitest'
import { postgres } from '../support/databases.js'
import { describeOnDatabases } from '../support/describe-databases.js'
import { untilWaiting } from './until-waiting.js'

// Many claims under one limit: of one process, and of several.

type Db = Kysely<WorkQueueTables>
type Place = Readonly<Record<'pool' | 'queue', string>>

describeOnDatabases(
  'twelve claims at once under a limit',
  (t) => {
    const limited = { concurrency_limit: 20 }
    const ofQueue = async (db: Db, { queue }: Place): Promise<number> =>
      (await claimRunsInWorkQueue(db, queue, { limit: 2 })).runs.length
    const ofPool = async (db: Db, { pool }: Place): Promise<number> =>
      (await claimScheduledFlowRuns(db, { workPoolIds: [pool], limit: 2 })).length

    test.each([
      ['of the pool', ofQueue, limited, {}],
      ['of the queue', ofQueue, {}, limited],
      ['of the pool, over it', ofPool, limited, {}],
    ])('%s: three wait in the database, the others without a connection', async (_, claimOf, pools, queues) => {
      const pool = await t.make.pool(pools)
      const queue = await t.make.queue({ work_pool_id: pool, ...queues })
      const due = { work_queue_id: queue, next_scheduled_start_time: new Date(0) }
      await t.make.runs(Array.from({ length: 60 }, () => due))
      const claim = async (db: Db): Promise<number> => await claimOf(db, { pool, queue })
      // So that it is known which of them has the limit.
      expect(await claim(t.db)).toBe(2)

      const host = await t.db.startTransaction().execute()
      expect(await claim(host)).toBe(2)
      const claims = Array.from({ length: 12 }, () => claim(t.db))
      await untilWaiting(t.database.plain, 3)
      // Those behind them do not come in a moment either: `untilWaiting` fails when more wait.
      await setTimeout(50)
      await untilWaiting(t.database.plain, 3)
      // Who holds what they wait for does not wait for them.
      expect(await Promise.race([claim(host), setTimeout(3000, 'waits')])).toBe(2)
      await host.commit().execute()
      const claimed = await Promise.all(claims)
      expect(claimed.filter((count) => count === 2)).toHaveLength(7)
      expect(claimed.filter((count) => count === 0)).toHaveLength(5)
      expect((await countWorkPoolActiveSlots(t.db, [pool])).get(pool)).toBe(20)
    })

    test('the fourth, behind three that hang, is let in by any other call', async () => {
      const queue = await t.make.queue(limited)
      await t.make.run({ work_queue_id: queue, next_scheduled_start_time: new Date(0) })
      await ofQueue(t.db, { pool: '', queue })
      const host = await t.db.startTransaction().execute()
      await host.updateTable('work_queue').set({ description: 'held' }).where('id', '=', queue).execute()
      vi.useFakeTimers({ toFake: ['performance'] })
      try {
        const claims = Array.from({ length: 4 }, () => ofQueue(t.db, { pool: '', queue }))
        await untilWaiting(t.database.plain, 3)
        vi.advanceTimersByTime(5000)
        await readWorkQueue(t.db, queue)
        await untilWaiting(t.database.plain, 4)
        await host.commit().execute()
        await Promise.all(claims)
      } finally {
        vi.useRealTimers()
      }
    })

    test('over many queues: those over others do not wait behind them, though most are the same', async () => {
      const work_pool_id = await t.make.pool()
      const queues: string[] = []
      for (let n = 0; n < 12; n++) queues.push(await t.make.queue({ work_pool_id, ...limited }))
      const [last, other] = queues.slice(-2)
      await t.make.runs(
        [last, other].map((id) => ({ work_queue_id: id ?? '', next_scheduled_start_time: new Date(0) })),
      )
      const claim = async (id = ''): Promise<number> =>
        (await claimScheduledFlowRuns(t.db, { workQueueIds: [...queues.slice(0, 10), id] })).length
      const host = await t.database.plain.startTransaction().execute()
      await host
        .updateTable('work_queue')
        .set({ description: 'held' })
        .where('id', '=', last ?? '')
        .execute()
      const claims = [claim(last), claim(last), claim(last)]
      await untilWaiting(t.database.plain, 3)
      expect(await Promise.race([claim(other), setTimeout(3000, 'waits')])).toBe(1)
      await host.commit().execute()
      expect((await Promise.all(claims)).filter((count) => count === 1)).toHaveLength(1)
    })

    test.each([
      ['of the pool', ofQueue, limited, {}],
      ['of the queue', ofQueue, {}, limited],
      ['of the pool, over it', ofPool, limited, {}],
      ['of the queue, over its pool', ofPool, {}, limited],
    ])('%s, by several servers: one waits for the row, the others for that one', async (_, claimOf, pools, queues) => {
      const pool = await t.make.pool(pools)
      const queue = await t.make.queue({ work_pool_id: pool, ...queues })
      const due = { work_queue_id: queue, next_scheduled_start_time: new Date(0) }
      await t.make.runs(Array.from({ length: 60 }, () => due))
      const servers = Array.from({ length: 6 }, () => t.database.connect())
      for (const db of servers) expect(await claimOf(db, { pool, queue })).toBe(2)

      const host = await t.db.startTransaction().execute()
      // Whoever has changed the row in a transaction may claim in it: that stands in no line, with the row in its hands.
      await updateWorkPool(host, pool, { description: 'changed' })
      await updateWorkQueue(host, queue, { description: 'changed' })
      const claims = servers.map((db) => claimOf(db, { pool, queue }))
      await untilWaiting(t.database.plain, 6)
      const { rows } = await sql<{ locktype: string }>`
        select locktype from pg_locks join pg_stat_activity using (pid)
        where not granted and datname = current_database()
        order by locktype = 'advisory'
      `.execute(t.database.plain)
      expect(rows[0]?.locktype).not.toBe('advisory')
      expect(rows.slice(1)).toEqual(Array.from({ length: 5 }, () => ({ locktype: 'advisory' })))
      expect(await claimOf(host, { pool, queue })).toBe(2)
      await host.commit().execute()
      expect((await Promise.all(claims)).toSorted((a, b) => a - b)).toEqual([0, 0, 0, 2, 2, 2])
    })
  },
  [postgres],
)
