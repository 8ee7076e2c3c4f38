import { addSeconds } from 'date-fns'
import { InvalidInputError, recordWorkerHeartbeat, updateWorkPool } from 'kysely-work-queues'
import { expect, test } from 'vitest'
import { postgres, sqliteMemory } from '../../support/databases.js'
import { describeOnDatabases } from '../../support/describe-databases.js'
import { allRows } from '../../support/factory.js'
import { poolSideRefusals } from './inputs/pool-side.js'
import type { Ids } from './inputs/refusals.js'

const now = new Date('2035-01-01T12:00:00Z')
const old = addSeconds(now, -600)

// The checks are the same on every database, so one of each dialect will do.
describeOnDatabases(
  'what the pool side refuses',
  (t) => {
    /** Rows that a refused input would change, if it were not refused. */
    const makeRows = async (): Promise<Ids> => {
      const pool = await t.make.pool({ status: 'READY' })
      const queue = await t.make.queue({ work_pool_id: pool, status: 'READY', last_polled: old })
      await t.make.worker({ work_pool_id: pool, name: 'w', last_heartbeat_time: old })
      await t.make.pool({ status: 'READY' })
      return { pool, queue, run: await t.make.run({ work_queue_id: queue, next_scheduled_start_time: old }) }
    }
    /** The paths that a call was refused for, or what it did instead. */
    const outcome = async (call: () => Promise<unknown>): Promise<unknown> => {
      try {
        return { accepted: await call() }
      } catch (error) {
        if (!(error instanceof InvalidInputError)) return error
        for (const { message } of error.issues) expect(message).not.toBe('')
        return error.issues.map(({ path }) => path)
      }
    }
    const isAt = (path: unknown, expected: string): boolean =>
      path === expected || (typeof path === 'string' && expected !== '' && path.startsWith(`${expected}.`))

    test.each(Object.entries(poolSideRefusals))(
      '%s refuses what is not valid, names it, and asks nothing of the database',
      async (_, refusals) => {
        const ids = await makeRows()
        const before = await allRows(t.database)
        const wrong: object[] = []
        for (const [expected, [values, call]] of Object.entries(refusals)) {
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
      const { pool } = await makeRows()
      const patch = { isPaused: 1, concurrencyLimit: -1, baseJobTemplate: [], name: 'new', extra: true }
      const got = await outcome(() => updateWorkPool(t.db, pool, patch as never))
      const expected = ['isPaused', 'concurrencyLimit', 'baseJobTemplate', 'name', 'extra']
      expect((got as string[]).toSorted()).toEqual(expected.toSorted())
    })

    test('an input that is refused inside a transaction leaves it as it was', async () => {
      const { pool } = await makeRows()
      await t.db.transaction().execute(async (trx) => {
        await recordWorkerHeartbeat(trx, pool, 'before', { now })
        expect(await outcome(() => recordWorkerHeartbeat(trx, pool, 'a/b'))).toEqual(['name'])
        expect(await outcome(() => updateWorkPool(trx, pool, { concurrencyLimit: 2 ** 31 }))).toEqual([
          'concurrencyLimit',
        ])
        await recordWorkerHeartbeat(trx, pool, 'after', { now })
      })
      const kept = await t.database.plain.selectFrom('worker').select('name').orderBy('name').execute()
      expect(kept.map(({ name }) => name)).toEqual(['after', 'before', 'w'])
    })
  },
  [sqliteMemory, postgres],
)
