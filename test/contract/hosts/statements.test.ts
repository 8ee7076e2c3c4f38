import { CompiledQuery, sql } from 'kysely'
import { getRunsInWorkQueue } from 'kysely-work-queues'
import { expect, test } from 'vitest'
import { postgres, sqliteMemory } from '../../support/databases.js'
import { describeOnDatabases } from '../../support/describe-databases.js'
import { makeRows, reads } from './calls.js'

describeOnDatabases('a function that reads', (t) => {
  test('is one statement, and neither locks nor opens a transaction', async () => {
    const ids = await makeRows(t.make)
    for (const [name, read] of Object.entries(reads)) {
      t.database.statements.length = 0
      await read(t.db, ids)
      expect(t.database.statements, name).toHaveLength(1)
      expect(t.database.statements[0], name).toMatch(/^\s*(select|with)\b/)
      expect(t.database.statements[0], name).not.toMatch(/\bfor (no key )?(update|share)\b/)
    }
  })

  test('a poll of a queue with a tag filter takes a second statement, which neither locks nor writes', async () => {
    const { filterQueue } = await makeRows(t.make)
    t.database.statements.length = 0
    await getRunsInWorkQueue(t.db, filterQueue)
    expect(t.database.statements).toHaveLength(2)
    for (const statement of t.database.statements) {
      expect(statement).toMatch(/^\s*(select|with)\b/)
      expect(statement).not.toMatch(/\bfor (no key )?(update|share)\b/)
    }
  })

  test('a poll inside a transaction is one statement too, which locks on PostgreSQL only', async () => {
    const { queue } = await makeRows(t.make)
    await t.db.transaction().execute(async (trx) => {
      t.database.statements.length = 0
      await getRunsInWorkQueue(trx, queue)
      expect(t.database.statements).toHaveLength(1)
      const locks = /\bfor update skip locked\b/.test(t.database.statements[0] ?? '')
      expect(locks).toBe(t.kind.dialect === 'postgres')
    })
  })

  test('works where nothing may be written, and assigns no transaction id', async () => {
    const ids = await makeRows(t.make)
    // One connection, and not what Kysely knows as a transaction.
    await t.db.connection().execute(async (db) => {
      const isPostgres = t.kind.dialect === 'postgres'
      await sql.raw(isPostgres ? 'begin read only' : 'pragma query_only = on').execute(db)
      for (const read of Object.values(reads)) await read(db, ids)
      await getRunsInWorkQueue(db, ids.filterQueue)
      if (!isPostgres) {
        await sql`pragma query_only = off`.execute(db)
        return
      }
      const { rows } = await sql`select pg_current_xact_id_if_assigned() as id`.execute(db)
      expect(rows).toEqual([{ id: null }])
      await sql`commit`.execute(db)
    })
  })

  test('sends the same text whatever the values, so that a database can keep its plan', async () => {
    const ids = await makeRows(t.make)
    const other = await t.make.queue({ name: "other'" })
    const texts = async (limit: number, id: string): Promise<string[]> => {
      t.database.statements.length = 0
      await getRunsInWorkQueue(t.db, id, { limit, scheduledBefore: new Date(limit) })
      return [...t.database.statements]
    }
    expect(await texts(7, other)).toEqual(await texts(1, ids.queue))
  })
})

describeOnDatabases(
  'a poll in a transaction',
  (t) => {
    test('writes nothing when no run is due', async () => {
      const id = await t.make.queue({ concurrency_limit: 10 })
      await t.db.transaction().execute(async (trx) => {
        await getRunsInWorkQueue(trx, id)
        const { rows } = await trx.executeQuery(CompiledQuery.raw('select pg_current_xact_id_if_assigned() as id'))
        expect(rows).toEqual([{ id: null }])
      })
    })
  },
  [postgres],
)

describeOnDatabases(
  'a poll',
  (t) => {
    test('changes nothing that the connection counts', async () => {
      const id = await t.make.queue({ concurrency_limit: 10 })
      await t.make.run({ work_queue_id: id })
      const changes = async (): Promise<unknown> =>
        (await sql`select total_changes() as changes`.execute(t.database.plain)).rows
      const before = await changes()
      await getRunsInWorkQueue(t.db, id)
      await t.db.transaction().execute((trx) => getRunsInWorkQueue(trx, id))
      expect(await changes()).toEqual(before)
    })
  },
  [sqliteMemory],
)
