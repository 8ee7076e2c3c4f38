import type { Transaction } from 'kysely'
import {
  getRunsInWorkQueue,
  type GetRunsInWorkQueueOptions,
  type Session,
  type WorkQueueTables,
} from 'kysely-work-queues'
import { expect, test } from 'vitest'
import { databases } from '../support/databases.js'
import { describeOnDatabases } from '../support/describe-databases.js'
import { testId } from '../support/factory.js'

type Trx = Transaction<WorkQueueTables>

describeOnDatabases(
  'polls in transactions',
  (t) => {
    /** Two transactions that overlap: the first one is open while the second one runs. */
    const overlapping = async (
      first: (trx: Trx) => Promise<unknown>,
      second: (trx: Trx) => Promise<unknown>,
    ): Promise<void> => {
      await t.db.transaction().execute(async (one) => {
        await first(one)
        await t.db.transaction().execute(second)
      })
    }
    const poll = async (
      session: Session<WorkQueueTables>,
      id: string,
      options?: GetRunsInWorkQueueOptions,
    ): Promise<string[]> => (await getRunsInWorkQueue(session, id, options)).runs.map((run) => run.id)
    /** The rows that another session cannot lock now. */
    const locked = async (ids: readonly string[]): Promise<string[]> => {
      const free = await t.database.plain
        .selectFrom('flow_run')
        .select('id')
        .where('id', 'in', [...ids])
        .forUpdate()
        .skipLocked()
        .execute()
      return ids.filter((id) => !free.some((row) => row.id === id))
    }

    test('a second transaction passes over the runs that the first one has', async () => {
      const id = await t.make.agentQueue({ name: 'etl' })
      const runs = await t.make.runs([
        { work_queue_id: id },
        { work_queue_name: 'etl' },
        { work_queue_id: id },
        { work_queue_name: 'etl' },
        { work_queue_id: id },
      ])
      const seen: string[][] = []
      await overlapping(
        async (trx) => seen.push(await poll(trx, id, { limit: 2 })),
        async (trx) => seen.push(await poll(trx, id)),
      )
      expect(seen[0]).toEqual(runs.slice(0, 2))
      for (const run of seen[1] ?? []) expect(seen[0]).not.toContain(run)
      // When the first one has ended, they are free again.
      expect(await poll(t.db, id)).toEqual(runs)
    })

    test('the second transaction gets the runs that come next', async () => {
      const id = await t.make.queue()
      const runs = await t.make.runs(Array.from({ length: 4 }, () => ({ work_queue_id: id })))
      const seen: string[][] = []
      await overlapping(
        async (trx) => seen.push(await poll(trx, id, { limit: 2 })),
        async (trx) => seen.push(await poll(trx, id, { limit: 1 }), await poll(trx, id, { limit: 9 })),
      )
      expect(seen).toEqual([runs.slice(0, 2), runs.slice(2, 3), runs.slice(2)])
    })

    test('the runs that are returned are locked, and no others', async () => {
      const id = await t.make.agentQueue({ name: 'etl' })
      const runs = await t.make.runs(
        Array.from({ length: 8 }, (_, n) => (n % 2 === 0 ? { work_queue_id: id } : { work_queue_name: 'etl' })),
      )
      await t.db.transaction().execute(async (trx) => {
        expect(await poll(trx, id, { limit: 3 })).toEqual(runs.slice(0, 3))
        expect(await locked(runs)).toEqual(runs.slice(0, 3))
      })
      expect(await locked(runs)).toEqual([])
    })

    test('the runs of a queue with a tag filter are locked in the same way', async () => {
      const id = await t.make.queue({ filter: { tags: ['a'], deployment_ids: null } })
      const runs = await t.make.runs(Array.from({ length: 4 }, () => ({ deployment_id: testId(1), tags: ['a'] })))
      const seen: string[][] = []
      await overlapping(
        async (trx) => {
          seen.push(await poll(trx, id, { limit: 2 }))
          expect(await locked(runs)).toEqual(runs.slice(0, 2))
        },
        async (trx) => seen.push(await poll(trx, id)),
      )
      expect(seen).toEqual([runs.slice(0, 2), runs.slice(2)])
    })

    test('a poll outside a transaction neither locks nor passes over locked runs', async () => {
      const id = await t.make.queue()
      const runs = await t.make.runs([{ work_queue_id: id }, { work_queue_id: id }])
      await t.db.transaction().execute(async (trx) => {
        expect(await poll(trx, id, { limit: 1 })).toEqual(runs.slice(0, 1))
        expect(await poll(t.db, id)).toEqual(runs)
        expect(await locked(runs)).toEqual(runs.slice(0, 1))
      })
    })

    test('the queue itself is not locked, so that polls do not wait for each other', async () => {
      const id = await t.make.queue({ concurrency_limit: 5 })
      await t.make.run({ work_queue_id: id })
      await t.db.transaction().execute(async (trx) => {
        await poll(trx, id)
        const free = await t.database.plain.selectFrom('work_queue').select('id').forUpdate().skipLocked().execute()
        expect(free.map((row) => row.id)).toContain(id)
      })
    })

    test('a controlled transaction counts as one', async () => {
      const id = await t.make.queue()
      const runs = await t.make.runs([{ work_queue_id: id }, { work_queue_id: id }])
      const trx = await t.db.startTransaction().execute()
      expect(await poll(trx, id, { limit: 1 })).toEqual(runs.slice(0, 1))
      expect(await locked(runs)).toEqual(runs.slice(0, 1))
      await trx.rollback().execute()
      expect(await locked(runs)).toEqual([])
    })
  },
  databases.filter(({ dialect }) => dialect === 'postgres'),
)
