import { execFile } from 'node:child_process'
import { cp, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { type Kysely, sql } from 'kysely'
import {
  createWorkPool,
  createWorkQueue,
  readWorkPools,
  WorkQueueError,
  type WorkQueueTables,
} from 'kysely-work-queues'
import { migrations } from 'kysely-work-queues/migrations'
import { createTestSession, makeFlowRun, TestDriverMissingError } from 'kysely-work-queues/testing'
import { describe, expect, test } from 'vitest'
import { returnsRows } from '../../../src/testing/sqlite-in-memory.js'

test('a test session is an empty, migrated database of its own', async () => {
  await using session = await createTestSession()
  await using other = await createTestSession()
  await createWorkQueue(session, { name: 'etl' })
  expect((await readWorkPools(session)).map(({ name }) => name)).toEqual(['default-agent-pool'])
  expect(await readWorkPools(other)).toEqual([])
})

test('foreign keys are on', async () => {
  await using session = await createTestSession()
  const { rows } = await sql`pragma foreign_keys`.execute(session)
  expect(rows).toEqual([{ foreign_keys: 1 }])
})

test('a test session is destroyed at the end of its scope', async () => {
  let escaped
  {
    await using session = await createTestSession()
    escaped = session
    await createWorkPool(session, { name: 'etl' })
  }
  await expect(readWorkPools(escaped)).rejects.toThrow()
})

test('the missing driver is an error of the library', () => {
  const cause = new Error('no such package')
  const error = new TestDriverMissingError('better-sqlite3', { cause })
  expect(error).toBeInstanceOf(WorkQueueError)
  expect(error).toMatchObject({
    name: 'TestDriverMissingError',
    code: 'TEST_DRIVER_MISSING',
    driver: 'better-sqlite3',
    message:
      'Test sessions need the package better-sqlite3, which is not installed (npm install --save-dev better-sqlite3), or node:sqlite, which this Node does not have.',
    cause,
  })
})

interface Database extends WorkQueueTables {
  invoice: { id: string; flow_run_id: string | null }
}

/** A host's migrations, of which one needs our tables and one comes before them. */
const mine = {
  '2026-11-20_customers': {
    up: async (db: Kysely<any>) => {
      await db.schema.createTable('customer').addColumn('id', 'text').execute()
    },
  },
  '2026-12-01_invoices': {
    up: async (db: Kysely<any>) => {
      await db.schema
        .createTable('invoice')
        .addColumn('id', 'text', (column) => column.primaryKey())
        .addColumn('flow_run_id', 'text', (column) => column.references('flow_run.id').onDelete('set null'))
        .execute()
      await db.schema.alterTable('customer').addColumn('invoice_id', 'text').execute()
    },
    down: async () => {},
  },
}

describe('a test session of a host', () => {
  test('is typed for its database, and has its tables beside ours', async () => {
    await using session = await createTestSession<Database>({ migrations: mine })
    const run = await makeFlowRun(session)
    await session.insertInto('invoice').values({ id: '1', flow_run_id: run.id }).execute()
    await session.deleteFrom('flow_run').execute()
    expect(await session.selectFrom('invoice').selectAll().execute()).toEqual([{ id: '1', flow_run_id: null }])
  })

  test('runs all migrations once, in the order of their keys', async () => {
    const order: string[] = []
    const noted = Object.fromEntries(
      Object.entries({ ...migrations, ...mine }).map(([key, { up }]) => [
        key,
        {
          up: async (db: Kysely<any>) => {
            order.push(key)
            await up(db)
          },
        },
      ]),
    )
    // Its own spelling of ours takes their place: a host gives the record that its `Migrator` gets.
    await using session = await createTestSession<Database>({ migrations: noted })
    expect(order).toEqual(Object.keys({ ...migrations, ...mine }).toSorted())
    expect(order[0]).toBe('2026-11-20_customers')
    expect(await readWorkPools(session)).toEqual([])
  })

  test('fails as its migration does', async () => {
    const failing = { up: async () => await Promise.reject(new Error('no such table')) }
    await expect(createTestSession({ migrations: { '2030': failing } })).rejects.toThrow('no such table')
  })

  test.each<[string, object]>([
    ['migrations', { migrations: [] }],
    ['migrations.2030', { migrations: { 2030: { down: async () => {} } } }],
    ['plugins', { plugins: [] }],
  ])('refuses %s of %j', async (path, options) => {
    await expect(createTestSession(options)).rejects.toMatchObject({ code: 'INVALID_INPUT', issues: [{ path }] })
  })
})

test('statements kept ready see a changed schema', async () => {
  await using session = await createTestSession()
  const columns = async (): Promise<string[]> =>
    Object.keys(await session.selectFrom('work_pool').selectAll().executeTakeFirstOrThrow())
  await createWorkPool(session, { name: 'etl' })
  const before = await columns()
  await session.schema.alterTable('work_pool').addColumn('owner', 'text').execute()
  expect(await columns()).toEqual([...before, 'owner'])
})

test.each([
  ['select 1', true],
  ['  PRAGMA foreign_keys', true],
  ['with a as (select 1) select * from a', true],
  ['insert into a values (1) returning id', true],
  ['with a as (select 1) insert into b select * from a', false],
  ['with a as (select 1) update b set c = 1', false],
  ['insert into a values (1)', false],
  ['begin', false],
])('a driver that does not say so is told whether rows come of %j', (statement, isReader) => {
  expect(returnsRows(statement)).toBe(isReader)
})

const hasNodeSqlite = 'getBuiltinModule' in process && process.getBuiltinModule('node:sqlite') !== undefined

test('without better-sqlite3 everything loads, and a test session takes node:sqlite, or fails with a clear error', async () => {
  const root = fileURLToPath(new URL('../../..', import.meta.url))
  const directory = await mkdtemp(join(tmpdir(), 'kysely-work-queues-'))
  try {
    await cp(join(root, 'src'), join(directory, 'src'), { recursive: true })
    await mkdir(join(directory, 'node_modules'))
    for (const name of ['kysely', 'zod', 'date-fns', 'uuid']) {
      await symlink(join(root, 'node_modules', name), join(directory, 'node_modules', name))
    }
    await writeFile(join(directory, 'package.json'), JSON.stringify({ type: 'module' }))
    await writeFile(
      join(directory, 'test.ts'),
      `import * as library from './src/index.ts'
       import { createTestClock, createTestSession, simulatePolling } from './src/testing/index.ts'
       createTestClock()
       const functions = Object.keys(library).length
       try {
         await using session = await createTestSession()
         await library.createWorkQueue(session, { name: 'etl' })
         const { handOuts } = await simulatePolling({ session, runs: [{ queue: 'etl' }], pollers: [{}] })
         await library.createWorkQueue(session, { name: 'etl' }).catch(({ code }) => {
           console.log(JSON.stringify({ functions, handOuts: handOuts.length, code }))
         })
       } catch ({ name, code, driver, cause }) {
         console.log(JSON.stringify({ functions, name, code, driver, cause: cause.code }))
       }`,
    )
    const { stdout } = await promisify(execFile)(process.execPath, ['--import', 'tsx', join(directory, 'test.ts')], {
      cwd: root,
    })
    const result = JSON.parse(stdout)
    expect(result).toEqual({
      functions: expect.any(Number),
      ...(hasNodeSqlite
        ? { handOuts: 1, code: 'WORK_QUEUE_EXISTS' }
        : {
            name: 'TestDriverMissingError',
            code: 'TEST_DRIVER_MISSING',
            driver: 'better-sqlite3',
            cause: 'ERR_MODULE_NOT_FOUND',
          }),
    })
    expect(result.functions).toBeGreaterThan(40)
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
})
