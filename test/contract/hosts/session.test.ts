import {
  CamelCasePlugin,
  DummyDriver,
  Kysely,
  type KyselyPlugin,
  MssqlAdapter,
  MssqlIntrospector,
  MssqlQueryCompiler,
  MysqlAdapter,
  MysqlIntrospector,
  MysqlQueryCompiler,
  sql,
} from 'kysely'
import { createFlowRuns, createWorkQueue, readWorkQueues, UnsupportedDialectError } from 'kysely-work-queues'
import type { WorkQueueTables } from 'kysely-work-queues'
import { migrations } from 'kysely-work-queues/migrations'
import { describe, expect, test } from 'vitest'
import { databases, postgres, sqliteMemory } from '../../support/databases.js'
import { describeOnDatabases } from '../../support/describe-databases.js'
import { allRows, testId } from '../../support/factory.js'
import { type Db, type Ids, makeRows, reads, writes } from './calls.js'

const calls = { ...reads, ...writes }

/** Calls every function that writes, each in a transaction that is rolled back, so that the rows are there for the next. */
async function writeAll(db: Db, ids: Ids): Promise<void> {
  for (const [name, write] of Object.entries(writes)) {
    const rolledBack = db.transaction().execute(async (trx) => {
      await write(trx, ids)
      throw new Error(`rolled back ${name}`)
    })
    await expect(rolledBack).rejects.toThrow(`rolled back ${name}`)
  }
}

describe('a session of another dialect', () => {
  const dialects = {
    mysql: {
      createAdapter: () => new MysqlAdapter(),
      createDriver: () => new DummyDriver(),
      createIntrospector: (db: Kysely<any>) => new MysqlIntrospector(db),
      createQueryCompiler: () => new MysqlQueryCompiler(),
    },
    mssql: {
      createAdapter: () => new MssqlAdapter(),
      createDriver: () => new DummyDriver(),
      createIntrospector: (db: Kysely<any>) => new MssqlIntrospector(db),
      createQueryCompiler: () => new MssqlQueryCompiler(),
    },
  }

  test.each(Object.entries(dialects))('%s is refused by every function', async (name, dialect) => {
    const db = new Kysely<WorkQueueTables>({ dialect })
    const ids = { pool: testId(1), queue: testId(2), filterQueue: testId(3), run: testId(4) }
    for (const call of Object.values(calls)) {
      const refused = call(db, ids)
      await expect(refused).rejects.toBeInstanceOf(UnsupportedDialectError)
      await expect(refused).rejects.toMatchObject({ code: 'UNSUPPORTED_DIALECT', dialect: name })
    }
    await expect(db.transaction().execute((trx) => createWorkQueue(trx, { name: 'etl' }))).rejects.toBeInstanceOf(
      UnsupportedDialectError,
    )
  })
})

describeOnDatabases(
  'a session',
  (t) => {
    /** Every function reads and writes in this session as it does in the plain one. */
    const behavesLikePlain = async (db: Db): Promise<void> => {
      const ids = await makeRows(t.make)
      for (const [name, read] of Object.entries(reads)) expect(await read(db, ids), name).toEqual(await read(t.db, ids))
      await writeAll(db, ids)
    }

    test('works whatever its plugins do to queries and results', async () => {
      const kinds = new Set<string>()
      const hostile: KyselyPlugin = {
        transformQuery({ node }) {
          kinds.add(node.kind)
          return node
        },
        transformResult: async ({ result }) => ({ ...result, rows: [] }),
      }
      await behavesLikePlain(t.db.withPlugin(hostile))
      // Only what finds out the host's schema, which is compiled and never sent.
      expect([...kinds]).toEqual(['SelectQueryNode'])
    })

    test.each([{ underscoreBeforeDigits: true }, { upperCase: true }, { maintainNestedObjectKeys: true }])(
      'works with a CamelCasePlugin of %j',
      async (options) => {
        await behavesLikePlain(t.db.withPlugin(new CamelCasePlugin(options)))
      },
    )

    test('works on one connection, where functions still open a transaction of their own', async () => {
      await t.db.connection().execute(async (db) => {
        t.database.statements.length = 0
        await createWorkQueue(db, { name: 'etl' })
        expect(t.database.statements).toContain('commit')
        expect((await readWorkQueues(db)).map(({ name }) => name)).toEqual(['default', 'etl'])
      })
    })

    test('may be used many times, and in turn with its own transactions', async () => {
      for (const name of ['a', 'b', 'c']) {
        await createWorkQueue(t.db, { name })
        await t.db.transaction().execute((trx) => createWorkQueue(trx, { name: `${name} too` }))
      }
      expect(await readWorkQueues(t.db)).toHaveLength(7)
    })
  },
  [sqliteMemory, postgres],
)

describeOnDatabases('a host that added columns', (t) => {
  test('has them left alone, whatever their names and their place', async () => {
    const db = t.database.plain
    const names = ['runs', 'part', 'rank', 'key', 'value', 'priority_', 'queue_id', 'pool_id', 'run_id', 'allowed']
    for (const table of ['work_pool', 'work_queue', 'worker', 'flow_run', 'flow_run_state'] as const) {
      for (const name of names) {
        await db.schema
          .alterTable(table)
          .addColumn(name, 'integer', (column) => column.notNull().defaultTo(7))
          .execute()
      }
    }
    // So that the database is seen not to be as it was.
    await db.schema.createTable('host').addColumn('id', 'integer').execute()

    const ids = await makeRows(t.make)
    for (const read of Object.values(reads)) await read(t.db, ids)
    await writeAll(t.db, ids)
    const [run] = await createFlowRuns(t.db, [{}])
    const { rows } = await sql<Record<string, unknown>>`
      select * from ${t.kind.dialect === 'sqlite' ? sql.table('flow_run') : sql.table(await qualified())}
      where id = ${run?.id}
    `.execute(db)
    for (const name of names) expect(Number(rows[0]?.[name])).toBe(7)
    expect(Object.keys(run ?? {})).not.toContain('runs')
  })

  const qualified = async (): Promise<string> => {
    const { rows } = await sql<{ schema: string }>`
      select schemaname as schema from pg_tables where tablename = 'flow_run'
    `.execute(t.database.plain)
    return `${rows[0]?.schema}.flow_run`
  }
})

describeOnDatabases(
  'withSchema',
  (t) => {
    test('is kept, inside transactions too, for a schema of any name', async () => {
      const schema = 'we"ird Schema'
      const isPostgres = t.kind.dialect === 'postgres'
      await (isPostgres ? sql`create schema ${sql.id(schema)}` : sql`attach ':memory:' as ${sql.id(schema)}`).execute(
        t.database.plain,
      )
      for (const migration of Object.values(migrations)) await migration.up(t.database.plain.withSchema(schema))

      const before = await allRows(t.database)
      const db = t.db.withSchema(schema)
      const queue = await createWorkQueue(db, { name: 'etl' })
      await db.transaction().execute((trx) => createWorkQueue(trx, { name: 'in a transaction', priority: 1 }))
      await t.db.transaction().execute((trx) => createFlowRuns(trx.withSchema(schema), [{ workQueueId: queue.id }]))
      const trx = await db.startTransaction().execute()
      await createWorkQueue(trx, { name: 'controlled' })
      await trx.commit().execute()
      expect((await readWorkQueues(db)).map(({ name }) => name)).toEqual([
        'controlled',
        'default',
        'etl',
        'in a transaction',
      ])
      // Nothing went to the tables outside the schema, and nothing is found there.
      expect(await allRows(t.database)).toEqual(before)
      expect(await readWorkQueues(t.db)).toEqual([])

      for (const migration of Object.values(migrations).toReversed()) {
        await migration.down(t.database.plain.withSchema(schema))
      }
      await expect(readWorkQueues(db)).rejects.toThrow(/exist|no such table/)
    })
  },
  [sqliteMemory, postgres],
)

describeOnDatabases(
  'the time zone of a session',
  (t) => {
    test.each(['Asia/Kolkata', 'America/St_Johns', 'UTC'])('%s changes no time', async (zone) => {
      const lastPolled = new Date('2035-07-01T12:00:00.123Z')
      await t.db.connection().execute(async (db) => {
        await sql`select set_config('TimeZone', ${zone}, false)`.execute(db)
        const queue = await createWorkQueue(db, { name: 'etl', lastPolled }, { now: lastPolled })
        expect(await readWorkQueues(db, { filter: { id: { any: [queue.id] } } })).toEqual([queue])
        expect(queue.lastPolled).toEqual(lastPolled)
      })
    })
  },
  databases.filter(({ dialect }) => dialect === 'postgres'),
)
