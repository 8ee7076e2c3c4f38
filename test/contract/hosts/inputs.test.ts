import { createWorkQueue, InvalidInputError, updateWorkQueue } from 'kysely-work-queues'
import { expect, test } from 'vitest'
import { postgres, sqliteMemory } from '../../support/databases.js'
import { describeOnDatabases } from '../../support/describe-databases.js'
import { allRows, testId } from '../../support/factory.js'
import { poolAndRunRefusals } from './inputs/pools-and-runs.js'
import type { Ids } from './inputs/refusals.js'
import { workQueueRefusals } from './inputs/work-queues.js'

// The checks are the same on every database, so one of each dialect will do.
describeOnDatabases(
  'what is refused',
  (t) => {
    /** Rows that a refused input would change, if it were not refused. */
    const makeRows = async (): Promise<Ids> => {
      const pool = await t.make.pool({ name: 'default-agent-pool' })
      const queue = await t.make.queue({ name: 'etl', priority: 2, work_pool_id: pool, status: 'READY' })
      return { pool, queue, run: await t.make.run({ work_queue_id: queue }) }
    }

    /** The paths that a call was refused for, or what it did instead. */
    const outcome = async (call: () => Promise<unknown>): Promise<unknown> => {
      try {
        return { accepted: await call() }
      } catch (error) {
        if (!(error instanceof InvalidInputError)) return error
        expect(error.code).toBe('INVALID_INPUT')
        for (const { message } of error.issues) expect(message).not.toBe('')
        return error.issues.map(({ path }) => path)
      }
    }
    const isAt = (path: unknown, expected: string): boolean =>
      path === expected || (typeof path === 'string' && expected !== '' && path.startsWith(`${expected}.`))

    test.each(Object.entries({ ...workQueueRefusals, ...poolAndRunRefusals }))(
      '%s refuses what is not valid, names it, and asks nothing of the database',
      async (_, refusals) => {
        const ids = await makeRows()
        const before = await allRows(t.database)
        const wrong: object[] = []
        for (const [path, [values, call]] of Object.entries(refusals)) {
          const expected = path.replace('{queue}', ids.queue)
          for (const value of values) {
            t.database.statements.length = 0
            const got = await outcome(() => call(t.db, value as never, ids))
            const isRefused = Array.isArray(got) && got.length > 0 && got.every((at) => isAt(at, expected))
            const statements = [...t.database.statements]
            if (!isRefused || statements.length > 0) wrong.push({ expected, value, got, statements })
          }
        }
        expect(wrong).toEqual([])
        expect(await allRows(t.database)).toEqual(before)
      },
    )

    test('every problem is named, not only the first', async () => {
      const input = { name: 'a/b', priority: 0, concurrencyLimit: -1, filter: { tags: [1], more: 2 }, extra: true }
      const got = await outcome(() => createWorkQueue(t.db, input as never))
      const expected = ['name', 'priority', 'concurrencyLimit', 'filter.tags.0', 'filter.more', 'extra']
      expect((got as string[]).toSorted()).toEqual(expected.toSorted())
    })

    test('an input that is refused inside a transaction leaves it as it was', async () => {
      const { queue } = await makeRows()
      await t.db.transaction().execute(async (trx) => {
        await createWorkQueue(trx, { name: 'before' })
        expect(await outcome(() => updateWorkQueue(trx, queue, { priority: 0 }))).toEqual(['priority'])
        expect(await outcome(() => updateWorkQueue(trx, testId(1), { name: '' }))).toEqual(['name'])
        await createWorkQueue(trx, { name: 'after' })
      })
      const kept = await t.database.plain.selectFrom('work_queue').select('name').orderBy('name').execute()
      expect(kept.map(({ name }) => name)).toEqual(['after', 'before', 'default', 'etl'])
    })
  },
  [sqliteMemory, postgres],
)
