import { AsyncLocalStorage } from 'node:async_hooks'
import { CamelCasePlugin, type Kysely, type KyselyPlugin, sql, WithSchemaPlugin } from 'kysely'
import {
  claimRunsInWorkQueue,
  createFlowRuns,
  createWorkPool,
  createWorkQueue,
  readWorkPools,
  recordWorkerHeartbeat,
  type WorkQueueTables,
} from 'kysely-work-queues'
import { eventLog, migrations } from 'kysely-work-queues/migrations'
import { makeFlowRun, makeWorkPool, makeWorkQueue, simulatePolling } from 'kysely-work-queues/testing'
import { expect, test } from 'vitest'
import { postgres, sqliteMemory, withEventLog } from '../../support/databases.js'
import { describeOnDatabases } from '../../support/describe-databases.js'
import { makeWorld, readingCalls, writingCalls } from '../../support/every-call.js'
import { allRows, factory } from '../../support/factory.js'
import { standIn } from './stand-in.js'

// What a session stands for can change between two calls, and while one is under way.

type Db = Kysely<WorkQueueTables>

/** Calls of every function that takes a session, those of the test kit too. */
const calls: Record<string, (db: Db) => Promise<unknown>> = {
  ...readingCalls,
  ...Object.fromEntries(Object.entries(writingCalls).map(([name, call]) => [name, (db: Db) => call(db, () => {})])),
  makeWorkPool: (db) => makeWorkPool(db),
  makeWorkQueue: (db) => makeWorkQueue(db),
  makeFlowRun: (db) => makeFlowRun(db),
  simulatePolling: (session) =>
    simulatePolling({ session, by: 'poll', runs: [{ queue: 'a' }], pollers: [{ count: 2 }] }),
}

class Rollback extends Error {}

const rolledBack = async (db: Db, run: (trx: Db) => Promise<void>): Promise<void> => {
  const attempt = db.transaction().execute(async (trx) => {
    await run(trx)
    throw new Rollback()
  })
  await expect(attempt).rejects.toBeInstanceOf(Rollback)
}

describeOnDatabases('one Proxy for the current transaction', (t) => {
  const names = async (): Promise<string[]> => (await readWorkPools(t.db)).map(({ name }) => name)

  test('is another transaction at each call, and the instance outside', async () => {
    const store = new AsyncLocalStorage<Db>()
    const db = standIn(() => store.getStore() ?? t.db)
    await createWorkPool(db, { name: 'outside' })
    await rolledBack(t.db, (trx) => store.run(trx, async () => void (await createWorkPool(db, { name: 'undone' }))))
    await t.db.transaction().execute((trx) => store.run(trx, () => createWorkPool(db, { name: 'kept' })))
    await rolledBack(t.db, (trx) => store.run(trx, async () => void (await createWorkPool(db, { name: 'undone too' }))))
    await createWorkPool(db, { name: 'outside again' })
    expect(await names()).toEqual(['kept', 'outside', 'outside again'])
  })

  test('may stand for a controlled transaction, its savepoints, and views of it', async () => {
    let current = t.db
    const db = standIn(() => current)
    const trx = await t.db.startTransaction().execute()
    current = trx
    await createWorkPool(db, { name: 'kept' })
    const saved = await trx.savepoint('one').execute()
    current = saved
    await createWorkPool(db, { name: 'undone' })
    current = (await saved.rollbackToSavepoint('one').execute()).withPlugin(new CamelCasePlugin())
    await createWorkPool(db, { name: 'kept too' })
    await trx.commit().execute()
    current = t.db
    expect((await readWorkPools(db)).map(({ name }) => name)).toEqual(['kept', 'kept too'])
    const other = await t.db.startTransaction().execute()
    current = other
    await createWorkPool(db, { name: 'rolled back' })
    await other.rollback().execute()
    expect(await names()).toEqual(['kept', 'kept too'])
  })
})

describeOnDatabases(
  'a session that becomes another while a call is under way',
  (t) => {
    /** A session that cannot be asked any more once the call is made. */
    const askedOnce = (db: Db): { session: Db; end(): void } => {
      let isOver = false
      const current = (): Db => {
        if (isOver) throw new Error('asked again')
        return db
      }
      return { session: standIn(current), end: () => void (isOver = true) }
    }

    test.each(Object.entries(calls))('is one and the same to %s', async (name, call) => {
      await makeWorld(t.make)
      const use = async (db: Db): Promise<void> => {
        const { session, end } = askedOnce(db)
        const answer = call(session)
        end()
        await answer
      }
      const before = await allRows(t.database)
      await rolledBack(t.db, async (trx) => {
        await use(trx)
        // No statement went elsewhere.
        if (t.kind.dialect === 'postgres') expect(await allRows(t.database)).toEqual(before)
      })
      expect(await allRows(t.database)).toEqual(before)
      await use(t.db)
      if (name in readingCalls) expect(await allRows(t.database)).toEqual(before)
      else expect(await allRows(t.database)).not.toEqual(before)
    })
  },
  [sqliteMemory, postgres].map(withEventLog),
)

describeOnDatabases(
  'a plugin that names the schema of the current tenant',
  (t) => {
    const schemas = ['a', 'b'] as const
    let tenant: string | undefined
    const tenants: KyselyPlugin = {
      transformQuery: (args) => {
        if (tenant === undefined) throw new Error('no tenant')
        return new WithSchemaPlugin(tenant).transformQuery(args)
      },
      transformResult: async ({ result }) => result,
    }
    const rowsOf = (schema: string): Promise<Record<string, object[]>> =>
      allRows({ plain: t.database.plain.withSchema(schema) })

    const createTenants = async (): Promise<void> => {
      for (const schema of schemas) {
        const create =
          t.kind.dialect === 'postgres'
            ? sql`create schema ${sql.id(schema)}`
            : sql`attach ':memory:' as ${sql.id(schema)}`
        await create.execute(t.database.plain)
        const plain = t.database.plain.withSchema(schema)
        for (const { up } of Object.values({ ...migrations, ...eventLog })) await up(plain)
        await makeWorld(factory({ plain, dialect: t.kind.dialect }))
      }
    }
    const inTenant = async <T>(name: string, call: () => Promise<T>): Promise<T> => {
      tenant = name
      const answer = call()
      // While the call is under way, no tenant is to be had.
      tenant = undefined
      return await answer
    }

    test.each([
      ['alone', [tenants]],
      ['after a CamelCasePlugin', [new CamelCasePlugin(), tenants]],
      ['before a CamelCasePlugin', [tenants, new CamelCasePlugin()]],
    ])('%s, is asked at each call', async (_, plugins) => {
      await createTenants()
      const db = plugins.reduce((session, plugin) => session.withPlugin(plugin), t.database.plain)
      const ofA = await rowsOf('a')
      for (const [name, call] of Object.entries(calls)) {
        await inTenant('a', () => readWorkPools(db))
        const ofB = await rowsOf('b')
        await rolledBack(t.database.plain, async (trx) => {
          const view = plugins.reduce((session, plugin) => session.withPlugin(plugin), trx)
          await inTenant('b', () => call(view))
          if (name in readingCalls) return
          const all = (schema: string) => allRows({ plain: trx.withSchema(schema) })
          expect([await all('a'), await all('b')], name).not.toEqual([ofA, ofB])
          expect(await all('a'), name).toEqual(ofA)
        })
        expect(await rowsOf('b'), name).toEqual(ofB)
      }

      // In transactions of their own too.
      const queue = await inTenant('b', () => createWorkQueue(db, { name: 'of b' }))
      await inTenant('b', () => createFlowRuns(db, [{ workQueueId: queue.id }]))
      expect((await inTenant('b', () => claimRunsInWorkQueue(db, queue.id))).runs).toHaveLength(1)
      await inTenant('b', () => recordWorkerHeartbeat(db, queue.workPoolId, 'of b'))
      expect(await rowsOf('a')).toEqual(ofA)
      const queues = await t.database.plain.withSchema('b').selectFrom('work_queue').select('name').execute()
      expect(queues.map(({ name }) => name)).toContain('of b')
    })
  },
  [sqliteMemory, postgres].map(withEventLog),
)
