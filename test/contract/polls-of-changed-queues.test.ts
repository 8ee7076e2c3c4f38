import { getRunsInWorkQueue, type Session, type WorkQueueTables } from 'kysely-work-queues'
import { expect, test } from 'vitest'
import { databases } from '../support/databases.js'
import { describeOnDatabases } from '../support/describe-databases.js'
import type { Row } from '../support/factory.js'

// What a queue was is remembered, so that its polls are short. They find out whether it still is.

describeOnDatabases(
  'polls of a queue that changes',
  (t) => {
    const poll = async (id: string, session: Session<WorkQueueTables> = t.db): Promise<string[]> =>
      (await getRunsInWorkQueue(session, id, { limit: 3 })).runs.map((run) => run.id)
    const statementsOf = async (call: () => Promise<unknown>): Promise<number> => {
      const before = t.database.statements.length
      await call()
      return t.database.statements.length - before
    }
    const arrange = async (): Promise<{ pool: string; queue: string; byId: string[]; byName: string[] }> => {
      const pool = await t.make.pool()
      const queue = await t.make.queue({ work_pool_id: pool, name: 'etl' })
      const byId = await t.make.runs(Array.from({ length: 4 }, () => ({ work_queue_id: queue })))
      await t.make.run({ work_queue_id: queue, state_type: 'RUNNING' })
      const byName = await t.make.runs([{ work_queue_name: 'etl', next_scheduled_start_time: new Date(0) }])
      return { pool, queue, byId, byName }
    }
    const changes: [
      string,
      'work_queue' | 'work_pool',
      Row,
      Row,
      (runs: { byId: string[]; byName: string[] }) => string[],
    ][] = [
      ['a limit', 'work_queue', { concurrency_limit: 2 }, { concurrency_limit: null }, ({ byId }) => byId.slice(0, 1)],
      ['a pause', 'work_queue', { is_paused: true }, { is_paused: false }, () => []],
      [
        'the name of the default agent pool',
        'work_pool',
        { name: 'default-agent-pool' },
        { name: 'another' },
        ({ byId, byName }) => [...byName, ...byId.slice(0, 2)],
      ],
      ['a filter', 'work_queue', { filter: { tags: ['none has'], deployment_ids: null } }, { filter: null }, () => []],
    ]

    test.each(changes)('find %s, and that it is gone', async (_, table, given, taken, expected) => {
      const { pool, queue, byId, byName } = await arrange()
      const id = table === 'work_pool' ? pool : queue
      for (let round = 0; round < 2; round++) {
        expect(await poll(queue)).toEqual(byId.slice(0, 3))
        await t.make.set(table, id, given)
        expect(await poll(queue)).toEqual(expected({ byId, byName }))
        expect(await poll(queue)).toEqual(expected({ byId, byName }))
        await t.make.set(table, id, taken)
      }
    })

    test('take one statement, and one more when a queue without a limit was given one', async () => {
      const { queue } = await arrange()
      expect(await statementsOf(() => poll(queue))).toBe(1)
      expect(await statementsOf(() => poll(queue))).toBe(1)
      await t.make.set('work_queue', queue, { concurrency_limit: 2 })
      expect(await statementsOf(() => poll(queue))).toBe(t.database.dialect === 'postgres' ? 2 : 1)
      expect(await statementsOf(() => poll(queue))).toBe(1)
      await t.make.set('work_queue', queue, { concurrency_limit: null })
      expect(await statementsOf(() => poll(queue))).toBe(1)
    })

    test.each(changes)(
      'return the same in a transaction, after %s, and on PostgreSQL lock no more',
      async (_, table, given, _taken, expected) => {
        const { pool, queue, byId, byName } = await arrange()
        await poll(queue)
        await t.make.set(table, table === 'work_pool' ? pool : queue, given)
        await t.db.transaction().execute(async (trx) => {
          expect(await poll(queue, trx)).toEqual(expected({ byId, byName }))
          if (t.database.dialect === 'sqlite') return
          const all = [...byId, ...byName]
          const free = await t.database.plain
            .selectFrom('flow_run')
            .select('id')
            .where('id', 'in', all)
            .forUpdate()
            .skipLocked()
            .execute()
          const locked = all.filter((id) => !free.some((row) => row.id === id))
          expect(locked.toSorted()).toEqual(expected({ byId, byName }).toSorted())
        })
      },
    )
  },
  databases,
)
